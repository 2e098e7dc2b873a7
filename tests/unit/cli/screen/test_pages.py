"""Each page fits the terminal, shows its readings, and states what is missing, old or left out."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from cli.open_alerts import AlertsReading
from cli.screen.controls import PAGES, Controls, Mode, PageName, TradingVerb
from cli.screen.details import Beat, DeskDetails, EventLine
from cli.screen.page import render_page
from orchestration.desk_view import DeskView
from orchestration.process_states import ProcessesReading, ProcessState
from proto.control import condition
from proto.control.views import OrderRow, PositionRow, RiskRow
from tests.unit.cli.screen.test_overview_page import DENIALS, NOON_NS, SYMBOLS, a_status, a_view
from tests.unit.cli.test_status_view import LEVELS, an_alert

STATUS = a_status(latest_denials=DENIALS, denied=3, denials={"SPREAD": 3}, margin=Decimal("21.69"), **LEVELS)


def a_position(symbol: str) -> PositionRow:
    return PositionRow(
        symbol=symbol,
        direction="SHORT",
        net_volume=Decimal("-0.01"),
        avg_entry_price=Decimal("1.08455"),
        close_price=Decimal("1.084"),
        unrealized_pnl=Decimal("-0.44"),
        lots_count=1,
        lots=[],
        guards=[],
    )


def an_open_order(number: int) -> OrderRow:
    fields: dict[str, Any] = dict.fromkeys(OrderRow.__struct_fields__, "")
    counts = dict.fromkeys(("ordinal", "sequence", "ended_ns", "expires_ns"), 0)
    fields |= {"number": number, "created_ns": NOON_NS, **counts}
    fields |= dict.fromkeys(("ticket", "filled_price", "retcode", "stop_loss", "take_profit"), None)
    fields |= {"order_id": f"f2974289-{number:06d}", "symbol": "EURUSD", "side": "BUY", "type": "LIMIT"}
    fields |= {"volume": Decimal("0.10"), "limit_price": Decimal("1.08"), "status": "ACCEPTED"}
    fields |= {"price": Decimal("1.08"), "filled_volume": Decimal(0), "profit": Decimal(0)}
    return OrderRow(**fields)


DETAILS = DeskDetails(
    positions=[a_position(symbol) for symbol in SYMBOLS],
    open_orders=[an_open_order(number) for number in range(3)],
    totals={"open_orders": 103},
    risk=[
        RiskRow(code="SPREAD", subject=symbol, limit="3 points", now="6 points", headroom="-3", used_fraction=2.0)
        for symbol in SYMBOLS
    ],
    limits="demo",
    events=[EventLine(number=n, time_ns=NOON_NS, symbol="EURUSD", text=f"event {n}") for n in range(90, 0, -1)],
    processes=ProcessesReading(
        states={
            "mt5": ProcessState("mt5", "RUNNING", 0, 7, 3_725.0),
            "portfolio": ProcessState("portfolio", "FATAL", 1, 0),
            "web": ProcessState("web", "EXITED", 3, 0),
        }
    ),
    beats={"mt5": Beat(is_running=True, age_s=7.0)},
    alerts=AlertsReading(rows=[an_alert(17), an_alert(16, is_open=False, acknowledged_by="ann", acknowledged_ns=5)]),
    read_s=100.0,
)


def drawn(
    controls: Controls,
    *,
    view: DeskView | None = None,
    details: DeskDetails = DETAILS,
    width: int = 80,
    height: int = 24,
    now_s: float = 100.0,
) -> list[str]:
    out = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    page = render_page(
        view or a_view(STATUS, is_own=False, before=None),
        width=width,
        height=height,
        controls=controls,
        details=details,
        now_s=now_s,
    )
    with out.capture() as captured:
        out.print(page)
    return [row.rstrip() for row in captured.get().splitlines()]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("width", "height"), [(60, 20), (80, 24), (120, 40), (44, 20)])
def test_each_page_fits_the_terminal_and_ends_with_the_keys(page: PageName, width: int, height: int) -> None:
    rows = drawn(Controls(page=page), width=width, height=height)
    assert len(rows) == height
    assert max(map(len, rows)) <= width
    assert "SIMULATED" in rows[0]
    assert "q quits" in rows[-1] or width == 44


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("height", [20, 24])
def test_many_conditions_leave_room_for_the_page(page: PageName, height: int) -> None:
    many = [condition("NO_TICKS", "no tick for 60 s", subject=f"SYM{number}") for number in range(30)]
    view = a_view(a_status(conditions=many), is_own=False, before=None)
    rows = drawn(Controls(page=page), view=view, height=height)
    assert len(rows) <= height or page is PageName.OVERVIEW
    assert any("more conditions: page 4" in row for row in rows)


@pytest.mark.parametrize(
    ("page", "texts"),
    [
        (PageName.POSITIONS, ("EURUSD    -0.01  1.08455  1.08400  -0.44", "and 100 more: paperdesk orders --open")),
        (PageName.POSITIONS, ("margin 21.69, margin level 12,345.67 %", "f2974289-000002  EURUSD  BUY   LIMIT")),
        (PageName.RISK, ("1.23 % below the peak 10,137.00 USD", "limits demo", "SPREAD  EURUSD    200 %  6 points")),
        (PageName.EVENTS, ("denied 3: SPREAD 3", "GBPUSD denied by SPREAD at 12:00:00", "    90  12:00:00  event 90")),
        (PageName.PROCESSES, ("mt5        RUNNING               01:02:05    7  7 s ago", "FATAL, exit status 1")),
        (PageName.PROCESSES, ("web        not used",)),
        (
            PageName.ALERTS,
            ("17  01-06 12:00:00  open                 NO_TICKS EURUSD: no tick for 60 s", "acknowledged by ann"),
        ),
    ],
)
def test_a_page_shows_its_readings(page: PageName, texts: tuple[str, ...]) -> None:
    rows = drawn(Controls(page=page))
    for text in texts:
        assert any(text in row for row in rows), (text, rows)


@pytest.mark.parametrize("page", [page for page in PAGES if page is not PageName.OVERVIEW])
def test_a_page_without_an_answer_says_so(page: PageName) -> None:
    silent = DeskDetails(problem="portfolio does not answer")
    rows = drawn(Controls(page=page), details=silent)
    assert "this page has not been read yet: portfolio does not answer" in rows
    assert any("yet" in row for row in rows)


@pytest.mark.parametrize("page", [page for page in PAGES if page is not PageName.OVERVIEW])
def test_an_old_page_keeps_its_readings_and_states_their_age(page: PageName) -> None:
    rows = drawn(Controls(page=page), details=replace(DETAILS, problem="portfolio does not answer"), now_s=107.4)
    assert "this page is 7 s old: portfolio does not answer" in rows


def test_a_silent_desk_is_shown_with_the_age_of_its_figures() -> None:
    rows = drawn(Controls(), view=a_view(STATUS, is_own=False, before=None, silent_s=12.0))
    assert "HALTED" in rows[0]
    assert any("12 s old" in row for row in rows[:4])
    assert "! PORTFOLIO_SILENT: no answer for 12 s" in rows


def test_a_desk_that_has_stopped_is_not_shown_as_silent() -> None:
    rows = drawn(Controls(), view=a_view(STATUS, is_own=False, before=None, silent_s=12.0, is_gone=True))
    assert "STOPPED" in rows[0]
    assert "! PROCESS_DOWN portfolio: the desk is not running; everything below is 12 s old" in rows


def test_a_desk_of_another_process_without_an_answer_is_not_called_simulated() -> None:
    rows = drawn(Controls(), view=a_view(None, is_own=False, before=None, silent_s=1.0))
    assert "VENUE UNKNOWN" in rows[0]
    assert any("waiting for the first answer of portfolio" in row for row in rows)


@pytest.mark.parametrize("page", [page for page in PAGES if page not in (PageName.PROCESSES, PageName.ALERTS)])
def test_the_filter_hides_the_other_symbols(page: PageName) -> None:
    rows = drawn(Controls(page=page, filter="gbp"), width=120, height=40)
    assert not any("XAUUSD" in row for row in rows)
    assert any("only rows with gbp" in row for row in rows)


def test_rows_below_the_end_of_the_terminal_are_counted_and_can_be_reached() -> None:
    rows = drawn(Controls(page=PageName.EVENTS))
    assert any("more rows below" in row for row in rows)
    end = drawn(Controls(page=PageName.EVENTS, first_row=1_000))
    assert any("event 1" in row and not row.endswith("0") for row in end)
    assert not any("more rows below" in row for row in end)


def test_a_halt_is_asked_for_with_mode_reason_and_the_key_that_sends_it() -> None:
    asked = Controls(mode=Mode.CONFIRM, verb=TradingVerb.HALT, reason="news at 14:30")
    assert drawn(asked)[-2:] == [
        "reason: news at 14:30",
        "halt this SIMULATED desk? y sends it, any other key does not",
    ]
    live = a_view(a_status(mode="live"), is_own=False, before=None)
    assert "halt this LIVE desk?" in drawn(asked, view=live)[-1]
    typing = drawn(Controls(mode=Mode.REASON, text="x" * 150 + "end"))
    assert typing[-2].endswith("xend_")


@pytest.mark.parametrize("width", [60, 80])
def test_the_help_lists_all_keys_in_a_small_terminal(width: int) -> None:
    rows = drawn(Controls(mode=Mode.HELP), width=width, height=20)
    for key in ("1-6, arrows, Tab", "/", "h ", "r ", "?", "q ", "Ctrl-C"):
        assert any(row.startswith(key) for row in rows), key
    assert not any("…" in row for row in rows[4:])


def test_an_own_desk_is_stopped_by_q() -> None:
    own = Controls(owns_desk=True)
    assert drawn(own, view=a_view(STATUS))[-1].endswith("q stops the desk")
    assert drawn(replace(own, mode=Mode.QUIT), view=a_view(STATUS))[-1].startswith("stop this SIMULATED desk?")


EVIL = "\x1b[2J\x1b]0;all is well\x07"
"""Characters that clear the screen and give the terminal another title."""


@pytest.mark.parametrize("page", PAGES)
def test_texts_of_a_venue_do_not_change_the_terminal(page: PageName) -> None:
    evil = replace(
        DETAILS,
        events=[EventLine(number=1, time_ns=NOON_NS, symbol="EURUSD", text=f"rejected: {EVIL}")],
        alerts=AlertsReading(rows=[an_alert(17, text=f"rejected: {EVIL}")]),
        problem=EVIL,
        desk_problem=EVIL,
    )
    view = a_view(a_status(conditions=[condition("NO_TICKS", EVIL, subject="EURUSD")]), is_own=False, before=None)
    rows = drawn(Controls(page=page), view=view, details=evil)
    assert all(row.isprintable() for row in rows), rows
    assert any("\\x1b[2J" in row for row in rows), rows


def test_an_alert_of_several_lines_is_one_row() -> None:
    summary = AlertsReading(rows=[an_alert(18, text="fills 3\ndenials 2\nequity 10"), an_alert(17)])
    rows = drawn(Controls(page=PageName.ALERTS), details=replace(DETAILS, alerts=summary), width=160)
    [found] = [row for row in rows if "fills 3" in row]
    assert found.endswith("fills 3 denials 2 equity 10")
    assert len(rows) == 24


def test_a_desk_that_cannot_be_found_is_named_on_each_page() -> None:
    unknown = replace(DETAILS, desk_problem="2 desks run: a, b; expected --data-dir DIR")
    for page in PAGES:
        rows = drawn(Controls(page=page), details=unknown)
        assert len(rows) == 24
        assert any("the desk is not found: 2 desks run: a, b" in row for row in rows), rows
