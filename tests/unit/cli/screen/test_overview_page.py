"""The live page of a running desk fits the terminal, and has alerts at the top."""

from __future__ import annotations

import html
import io
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from rich.console import Console

from cli.screen.details import DeskDetails
from cli.screen.head import alerts, summary_line
from cli.screen.line_screen import LineScreen
from cli.screen.page import render_page
from common.project_root import PROJECT_ROOT
from orchestration.desk_view import AccountTotals, DeskRunSpec, DeskView
from orchestration.process_states import ProcessState
from proto.control import DenialLine, OrderLine, PositionLine, QuoteLine, SignalLine, StatusReply, condition
from tests.support.status_replies import a_status_reply

NOON_NS = 1_736_164_800_000_000_000
SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")
PRICES = {"EURUSD": (1.0845, 1.08454, 4.0), "GBPUSD": (1.27, 1.27006, 6.0), "USDJPY": (150.1, 150.106, 6.0)}


STALE = condition("FEED_STALE", "no tick and no heartbeat for 7 s")
SILENT_GATEWAY = condition("GATEWAY_SILENT", "no answer from the gateway for 4 s")
SILENT_SIGNAL = condition("SIGNAL_SILENT", "no hello for 6 s", subject="EURUSD")
IN_DOUBT = condition("ORDER_IN_DOUBT", "1 order in doubt", subject="EURUSD")


def an_order(number: int) -> OrderLine:
    return OrderLine(
        order_id=f"f2974289-{number:06d}",
        symbol=SYMBOLS[number % 4],
        side="SELL" if number % 2 else "BUY",
        volume=Decimal("0.01"),
        status="FILLED",
        price=Decimal("1.08455"),
        filled_price=Decimal("1.08455"),
        profit=Decimal("-0.12"),
        created_ns=NOON_NS,
        code="",
    )


def a_status(**changed: Any) -> StatusReply:
    status = a_status_reply(
        ordinal=70_000,
        processed=65_000,
        signals_buy=300,
        signals_sell=200,
        orders=120,
        denied=3,
        fills=117,
        balance=Decimal("10012.34"),
        equity=Decimal("10011.90"),
        realized_pnl=Decimal("12.34"),
        unrealized_pnl=Decimal("-0.44"),
        positions={
            "EURUSD": PositionLine(
                net_volume=Decimal("-0.01"), avg_entry_price=Decimal("1.08455"), unrealized_pnl=Decimal("-0.44")
            )
        },
        venue_time_ns=NOON_NS,
        heartbeat_age_ms=300,
        quotes={
            symbol: QuoteLine(bid=bid, ask=ask, spread_points=points, time_ns=NOON_NS, age_ms=80)
            for symbol, (bid, ask, points) in PRICES.items()
        },
        signals={
            "EURUSD": SignalLine(direction=-1, confidence=0.731, reason="", time_ns=NOON_NS),
            "GBPUSD": SignalLine(direction=0, confidence=0.0, reason="WARMING_UP", time_ns=NOON_NS),
        },
        recent_orders=[an_order(number) for number in range(12)],
    )
    return structs.replace(status, **changed)


def a_view(status: StatusReply | None, **changed: Any) -> DeskView:
    fields: dict[str, Any] = {
        "plan": DeskRunSpec(
            data_dir=Path("desk"), settings={}, market="generated market, seed 0", strategy="xgboost", symbols=SYMBOLS
        ),
        "up_s": 3_725.0,
        "status": status,
        "silent_s": 0.1,
        "processes": {
            name: ProcessState(name, "RUNNING", 0, 7, 3_725.0) for name in ("mt5", "signal", "portfolio", "execution")
        },
        "before": AccountTotals(),
    }
    return DeskView(**{**fields, **changed})


def drawn(view: DeskView, *, width: int, height: int) -> list[str]:
    out = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    with out.capture() as captured:
        out.print(render_page(view, width=width, height=height))
    return [row.rstrip() for row in captured.get().splitlines()]


@pytest.mark.parametrize("width", [40, 44, 60, 66, 80, 96, 100, 160])
@pytest.mark.parametrize("height", [20, 24, 30, 60])
def test_a_page_fits_the_terminal_and_has_the_essentials(width: int, height: int) -> None:
    rows = drawn(a_view(a_status()), width=width, height=height)
    text = "\n".join(rows)
    assert len(rows) <= max(height, 20)
    assert max(map(len, rows)) <= width
    for part in (
        "SIMULATED",
        "TRADING",
        "EURUSD",
        "XAUUSD",
        "1.08450",
        "SELL",
        "10,011.90 USD",
        "-0.44",
        "65,000",
        "mt5",
    ):
        assert part in text, part
    assert "…" not in "".join(rows[4:9]), "no price is cut"


def test_a_wide_page_has_confidence_entries_and_recent_orders() -> None:
    text = "\n".join(drawn(a_view(a_status()), width=120, height=40))
    for part in ("0.73", "1.08455", "warming", "f2974289-000000", "FILLED", "this run: before 0", "up 01:02:05"):
        assert part in text, part


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"status": a_status(conditions=[STALE])}, "FEED_STALE: no tick and no heartbeat for 7 s"),
        ({"status": a_status(conditions=[IN_DOUBT])}, "ORDER_IN_DOUBT EURUSD: 1 order in doubt"),
        ({"status": a_status(conditions=[SILENT_SIGNAL])}, "SIGNAL_SILENT EURUSD: no hello for 6 s"),
        ({"silent_s": 9.0}, "PORTFOLIO_SILENT: no answer for 9 s"),
        (
            {"processes": {"mt5": ProcessState("mt5", "BACKOFF", 0, 0)}},
            "PROCESS_DOWN mt5: supervisord reports BACKOFF",
        ),
    ],
)
def test_conditions_are_at_the_top(changed: dict[str, Any], text: str) -> None:
    view = a_view(changed.pop("status", a_status()), **changed)
    assert any(text in alert for alert in alerts(view))
    assert any(text in row for row in drawn(view, width=80, height=24)[:5])


@pytest.mark.parametrize(
    ("status", "silent_s", "dots"),
    [
        (a_status(), 0.1, "● mt5  ● signal  ● portfolio  ● execution"),
        (a_status(conditions=[STALE]), 0.1, "○ mt5 silent  ● signal  ● portfolio  ● execution"),
        (a_status(conditions=[SILENT_GATEWAY]), 0.1, "○ mt5 silent  ● signal  ● portfolio  ● execution"),
        (a_status(conditions=[SILENT_SIGNAL]), 0.1, "● mt5  ○ signal silent  ● portfolio  ● execution"),
        (a_status(conditions=[STALE]), 9.0, "● mt5  ● signal  ○ portfolio silent  ● execution"),
    ],
)
def test_a_silent_process_is_marked(status: StatusReply, silent_s: float, dots: str) -> None:
    assert dots in drawn(a_view(status, silent_s=silent_s), width=100, height=30)


def test_the_confidence_of_a_hold_is_shown_for_models_only() -> None:
    signals = {
        "EURUSD": SignalLine(direction=0, confidence=0.618, reason="", time_ns=NOON_NS),
        "GBPUSD": SignalLine(direction=0, confidence=0.0, reason="", time_ns=NOON_NS),
    }
    rows = drawn(a_view(a_status(signals=signals)), width=100, height=30)
    assert any("EURUSD" in row and "HOLD" in row and "0.62" in row for row in rows)
    assert any("GBPUSD" in row and "HOLD" in row and "0.00" not in row for row in rows)


def test_a_filled_price_has_its_symbols_digits() -> None:
    order = structs.replace(an_order(2), filled_price=Decimal("150.12"))
    rows = drawn(a_view(a_status(recent_orders=[order])), width=100, height=30)
    assert any("USDJPY" in row and "150.120" in row for row in rows)


def test_there_are_no_alerts_during_start_and_stop() -> None:
    assert alerts(a_view(None)) == []
    assert alerts(a_view(a_status(feed_stale=True), is_stopping=True)) == []
    assert any("starting" in row for row in drawn(a_view(None), width=44, height=24))


def test_without_a_terminal_lines_come_at_intervals_and_alerts_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = LineScreen(every_s=3_600)
    lines.show(a_view(a_status()))
    lines.show(a_view(a_status()))
    lines.show(a_view(a_status(conditions=[IN_DOUBT])))
    lines.show(a_view(a_status(conditions=[IN_DOUBT])))
    first, alert = capsys.readouterr().out.splitlines()
    assert first == summary_line(a_view(a_status()))
    assert first.startswith("SIMULATED 2025-01-06 12:00:00 TRADING")
    assert "EURUSD 1.08450/4" in first
    assert alert == "ALERT ORDER_IN_DOUBT EURUSD: 1 order in doubt"


@pytest.mark.parametrize(("mode", "label"), [("demo", "DEMO"), ("live", "LIVE")])
def test_the_desk_of_a_terminal_is_not_shown_as_simulated(mode: str, label: str) -> None:
    view = a_view(a_status(mode=mode))
    assert summary_line(view).startswith(f"{label} 2025-01-06")
    assert f"PAPERDESK  {label} " in drawn(view, width=100, height=30)[0]
    assert "SIMULATED" not in "\n".join(drawn(view, width=100, height=30))


def test_an_alert_and_its_end_are_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = LineScreen(every_s=3_600)
    lines.show(a_view(a_status()))
    for age_s in (7, 8, 9):
        stale = structs.replace(STALE, text=f"no tick and no heartbeat for {age_s} s")
        lines.show(a_view(a_status(feed_stale=True, conditions=[stale])))
    lines.show(a_view(a_status()))
    lines.show(a_view(a_status()))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "ALERT FEED_STALE: no tick and no heartbeat for 7 s",
        "ALERT none: every condition has ended",
    ]


PAUSED = condition(
    "BREAKER_OPEN", "paused by CIRCUIT_BREAKER until 2025-01-06T12:34:00Z, 5 losses in a row", subject="EURUSD"
)
DENIALS = [
    DenialLine(
        symbol="EURUSD",
        code="CIRCUIT_BREAKER",
        limit="3 losses in a row",
        observed="pause until 2025-01-06T12:34:00.000000000Z",
        time_ns=NOON_NS,
        until_ns=NOON_NS + 34 * 60 * 10**9,
    ),
    DenialLine(
        symbol="GBPUSD", code="SPREAD", limit="3 times 1.2 points", observed="6.0 points", time_ns=NOON_NS, until_ns=0
    ),
    DenialLine(
        symbol="USDJPY",
        code="DAILY_LOSS",
        limit="2 % from the day's start",
        observed="2.1 %",
        time_ns=NOON_NS - 10**9,
        until_ns=NOON_NS + 10 * 3_600 * 10**9,
    ),
]


def a_denied_view() -> DeskView:
    """EURUSD is paused, GBPUSD's latest signal was denied, and of USDJPY only an earlier signal was denied."""
    buys = {
        symbol: SignalLine(direction=1, confidence=0.7, reason="", time_ns=NOON_NS)
        for symbol in ("EURUSD", "GBPUSD", "USDJPY")
    }
    status = a_status(
        conditions=[PAUSED],
        latest_denials=DENIALS,
        signals=buys,
        denied=144,
        denials={"CIRCUIT_BREAKER": 140, "SPREAD": 3, "DAILY_LOSS": 1},
    )
    return a_view(status)


@pytest.mark.parametrize("width", [66, 80, 100, 160])
def test_a_paused_or_denied_symbol_shows_the_rule_and_the_end_of_the_pause(width: int) -> None:
    rows = drawn(a_denied_view(), width=width, height=40)
    of_symbol = {symbol: next(row for row in rows if row.startswith(symbol)) for symbol in SYMBOLS}
    assert "BUY paused" in of_symbol["EURUSD"]
    assert "BUY denied" in of_symbol["GBPUSD"]
    assert "BUY " in of_symbol["USDJPY"]
    assert "denied" not in of_symbol["USDJPY"]
    assert any(row.startswith("! BREAKER_OPEN EURUSD: paused by CIRCUIT_BREAKER until") for row in rows)
    assert any(row.startswith("GBPUSD denied by SPREAD at 12:00:00: 6.0 points") for row in rows)
    assert any(row.startswith("USDJPY denied by DAILY_LOSS at 11:59:59: 2.1 %, limit 2 %") for row in rows)
    assert sum("EURUSD" in row and "denied by" in row for row in rows) == 0, "a pause is shown once"
    assert any("denied 144 (CIRCUIT_BREAKER 140, SPREAD 3)" in row for row in rows) or width < 96


def test_a_narrow_screen_shows_paused_symbols() -> None:
    rows = drawn(a_denied_view(), width=44, height=40)
    assert any(row.startswith("EURUSD") and "paused" in row for row in rows)


@pytest.mark.parametrize("height", [20, 24, 26, 40])
@pytest.mark.parametrize("width", [44, 80, 120])
def test_a_page_with_denials_fits_the_terminal(width: int, height: int) -> None:
    rows = drawn(a_denied_view(), width=width, height=height)
    assert len(rows) <= max(height, 22)
    assert max(map(len, rows)) <= width


def test_the_picture_in_the_documentation_matches_the_live_page() -> None:
    """Only the texts are compared, because the numbers differ between runs."""
    page_of_commands = (PROJECT_ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    (picture,) = re.findall(r"!\[the running desk\]\((.*?)\)", page_of_commands)
    svg = html.unescape(re.sub(r"<[^>]*>", " ", (PROJECT_ROOT / "docs" / picture).read_text(encoding="utf-8")))
    view = a_view(a_status(latency_us={}))
    page = " ".join(drawn(view, width=80, height=30))
    assert set(re.findall(r"[a-z]{4,}|TRADING|SIMULATED", page)) - {"warming", "flat"} <= set(re.findall(r"\w+", svg))


def test_a_status_line_has_only_printable_characters(capsys: pytest.CaptureFixture[str]) -> None:
    lines = LineScreen()
    lines.show_details(DeskDetails(desk_problem="\x1b[2J"))
    lines.show(a_view(a_status(conditions=[condition("NO_TICKS", "\x1b[2J", subject="EURUSD")])))
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "ALERT the desk is not found: \\x1b[2J"
    assert len(shown) == 3
    assert all(line.isprintable() for line in shown), shown
