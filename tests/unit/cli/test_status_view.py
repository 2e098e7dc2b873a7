"""The screen of `paperdesk status` fits the terminal, and states what it leaves out and what it does not know."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cli.open_alerts import AlertsReading
from cli.status_view import DeskStatus, feed_text, processes_text, status_screen
from orchestration.process_states import ProcessesReading, ProcessState
from proto.control import DenialLine, PositionLine, Severity, StatusReply, condition, describe
from proto.notify import AlertLine, AlertPhase
from tests.unit.cli.screen.test_overview_page import DENIALS, IN_DOUBT, PAUSED, a_status

LEVELS = {
    "drawdown": 0.0123,
    "drawdown_peak": Decimal("10137.00"),
    "drawdown_levels": {"warn": Decimal("9832.89"), "halt": Decimal("10020.00")},
    "drawdown_headroom": {"warn": 0.0177, "halt": -0.001},
    "margin_level_pct": Decimal("12345.67"),
}
PROCESSES = ProcessesReading(
    states={
        "mt5": ProcessState("mt5", "RUNNING", 0, 7, 3_725.0),
        "portfolio": ProcessState("portfolio", "BACKOFF", 1, 0),
        "web": ProcessState("web", "EXITED", 3, 0),
    }
)


def an_alert(number: int, **changed: Any) -> AlertLine:
    fields: dict[str, Any] = {
        "number": number,
        "time_ns": 1_736_164_800_000_000_000,
        "phase": AlertPhase.BEGAN,
        "code": "NO_TICKS",
        "severity": Severity.WARNING,
        "title": "SIMULATED desk: NO_TICKS EURUSD",
        "text": "no tick for 60 s",
        "mode": "SIMULATED",
        "origin": "watchdog:17",
        "is_open": True,
        "subject": "EURUSD",
    }
    return AlertLine(**{**fields, **changed})


def a_screen(reply: StatusReply | None = None, **changed: Any) -> DeskStatus:
    reply = reply or a_status(**LEVELS)
    fields: dict[str, Any] = {
        "headline": "TRADING",
        "mode": "simulated",
        "state": "RUNNING",
        "trading_state": "ACTIVE",
        "conditions": reply.conditions,
        "denials": reply.latest_denials,
        "figures": reply,
        "feed": "last message 0.3 s ago",
        "note": "",
        "processes": PROCESSES,
        "alerts": AlertsReading(),
        "page": "http://127.0.0.1:8642/",
    }
    return DeskStatus(**{**fields, **changed})


def lines_of(status: DeskStatus, *, width: int = 80, height: int | None = 23) -> list[str]:
    return [line.plain for line in status_screen(status, width=width, height=height)]


def test_the_screen_has_account_positions_processes_and_page() -> None:
    rows = lines_of(a_screen())
    assert rows[0] == "TRADING: SIMULATED desk RUNNING, trading state ACTIVE"
    for row in (
        "account   balance 10,012.34, equity 10,011.90, open P&L -0.44 USD",
        "drawdown  1.23 % below the peak 10,137.00 USD; margin level 12,345.67 %",
        "          warn at 9,832.89 (1.77 % away), halt at 10,020.00 (reached)",
        "positions EURUSD   -0.01 at 1.08455, P&L -0.44",
        "processes BACKOFF portfolio; RUNNING mt5 01:02:05; not used web",
        "page      http://127.0.0.1:8642/",
    ):
        assert row in rows, rows


def a_full_reply() -> StatusReply:
    """A desk with more conditions, positions and denials than fit on a screen of 24 lines."""
    symbols = [f"SYM{number:02d}" for number in range(20)]
    return a_status(
        conditions=[condition("NO_TICKS", f"no tick for {60 + n} s", subject=name) for n, name in enumerate(symbols)],
        positions={
            name: PositionLine(net_volume=Decimal("0.01"), avg_entry_price=Decimal("1.1"), unrealized_pnl=None)
            for name in symbols
        },
        latest_denials=[
            DenialLine(symbol=name, code="SPREAD", limit="3 points", observed="6 points", time_ns=0, until_ns=0)
            for name in symbols
        ],
        **LEVELS,
    )


@pytest.mark.parametrize("width", [80, 120])
def test_long_lists_are_shortened_until_the_screen_fits_and_their_rest_is_counted(width: int) -> None:
    alerts = AlertsReading(rows=[an_alert(number) for number in range(20, 0, -1)], open_count=70)
    rows = lines_of(a_screen(a_full_reply(), alerts=alerts), width=width)
    assert len(rows) <= 23
    assert max(map(len, rows)) <= width
    text = "\n".join(rows)
    for rest in ("more conditions: paperdesk status --json", "more: paperdesk positions", "more: paperdesk alerts"):
        assert rest in text
    assert "WARNING NO_TICKS SYM00: no tick for 60 s" in rows, "the gravest condition stays"


def test_without_a_terminal_nothing_is_shortened() -> None:
    reply = a_full_reply()
    rows = lines_of(a_screen(reply), height=None)
    assert all(f"WARNING {describe(one)}" in rows for one in reply.conditions)
    assert sum("P&L unknown" in row for row in rows) == 20
    assert sum(row.startswith("latest denial: ") for row in rows) == 20


def test_a_paused_symbol_has_a_condition_and_no_denial() -> None:
    rows = lines_of(a_screen(a_status(conditions=[PAUSED], latest_denials=DENIALS)), height=None)
    assert not any("EURUSD denied by" in row for row in rows)
    assert any("GBPUSD denied by SPREAD" in row for row in rows)


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({"processes": ProcessesReading(problem="supervisord does not answer")}, "processes supervisord does not"),
        ({"alerts": AlertsReading(problem="notify.db cannot be read")}, "alerts    notify.db cannot be read"),
        ({"page": None}, "page      none, the desk runs without a page"),
        ({"reply": a_status(balance=None)}, "account   unknown until the desk has reached its gateway"),
        ({"reply": a_status(equity=None)}, "account   balance 10,012.34, equity unknown"),
        ({"reply": a_status(equity=None)}, "drawdown  unknown, no equity is known yet"),
        ({"reply": a_status(drawdown=None)}, "drawdown  not measured: no limit needs it"),
        ({"reply": a_status(positions={})}, "positions none"),
        ({"reply": a_status(conditions=[IN_DOUBT])}, "  Wait, or compare the order with the venue."),
    ],
)
def test_a_part_that_is_missing_or_silent_is_named(changed: dict[str, Any], shown: str) -> None:
    assert any(row.startswith(shown) for row in lines_of(a_screen(changed.pop("reply", None), **changed)))


def test_open_alerts_have_the_number_with_which_they_are_acknowledged() -> None:
    rows = lines_of(a_screen(alerts=AlertsReading(rows=[an_alert(17)], open_count=1)))
    assert "alerts    17 WARNING NO_TICKS EURUSD: no tick for 60 s" in rows


@pytest.mark.parametrize("height", [None, 200, 23])
def test_the_newest_open_alerts_are_shown_and_the_others_counted(height: int | None) -> None:
    """A moment, such as a lost process, stays open until a person acknowledges it, so there may be many."""
    alerts = AlertsReading(rows=[an_alert(number) for number in range(50, 0, -1)], open_count=70)
    rows = lines_of(a_screen(alerts=alerts), height=height)
    assert [row.split()[-9] for row in rows if "NO_TICKS EURUSD: no tick" in row] == ["50", "49", "48", "47", "46"]
    assert "          and 65 more: paperdesk alerts" in rows


def test_what_is_wrong_with_the_processes_comes_first() -> None:
    assert processes_text(PROCESSES).startswith("BACKOFF portfolio; ")


def test_a_stale_feed_and_the_oldest_quote_are_shown() -> None:
    text = feed_text(heartbeat_age_ms=7_400, is_stale=True, oldest_quote=("EURUSD", 7_300), time_ns=0, processed=65_000)
    assert text == "STALE, last message 7.4 s ago, oldest quote EURUSD 7.3 s, market time unknown, 65,000 ticks"


@pytest.mark.parametrize("height", [None, 23])
def test_the_screen_has_only_printable_characters(height: int | None) -> None:
    alerts = AlertsReading(rows=[an_alert(1, text="\x1b[2J\nsecond line")], open_count=1)
    conditions = [condition("NO_TICKS", "\x1b]0;title\x07", subject="EURUSD")]
    rows = lines_of(a_screen(a_status(conditions=conditions, **LEVELS), alerts=alerts), height=height)
    assert all(row.isprintable() for row in rows), rows
    assert any(row.endswith("NO_TICKS EURUSD: \\x1b[2J second line") for row in rows), rows
