"""`paperdesk status`: one screen with the state of the desk, its account, processes and open alerts."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console

from cli import query_options as o
from cli.desk_client import DeskClient, ledger_views, open_desk
from cli.json_output import print_json
from cli.open_alerts import read_desk_alerts
from cli.running_desks import page_url_of
from cli.status_view import DeskStatus, feed_text, status_screen
from common.writer_lock import owner_of
from orchestration.process_states import ProcessesReading, read_processes
from proto.control import (
    CONDITION_KINDS,
    StatusQuery,
    StatusReply,
    by_gravity,
    condition,
    headline,
    keeps_from_trading,
    trades_nothing,
)
from proto.control.views import plain_fields
from proto.time import utc_text

app = typer.Typer()
EXAMPLES = "[bold]Example[/bold]\n\n  paperdesk status\n\n  paperdesk status --data-dir desk --json"

SUPERVISOR_TIMEOUT_S = 0.3
"""Wait for supervisord, which answers from memory within milliseconds."""


@app.command(epilog=EXAMPLES)
def status(data_dir: o.RunningDesk = None, url: o.Url = None, as_json: o.AsJson = False) -> int:
    """Show on one screen whether the desk trades and what prevents it, its account, processes and open alerts.

    Exit code 0 when the desk trades, 1 when no symbol trades or a critical condition keeps a symbol from trading, 2
    when the status is unknown.
    """
    with open_desk(data_dir, url) as desk:
        reply = desk.request(StatusQuery(), StatusReply)
        found = _stopped(desk) if reply is None else _running(desk, reply)
    symbols = [] if reply is None else reply.symbols
    if as_json:
        print_json(_fields(found))
    else:
        _show(found)
    # The exit code is 1 also while the desk is CONNECTING, because it does not trade yet.
    return int(any(map(keeps_from_trading, found.conditions)) or trades_nothing(found.conditions, symbols))


def _running(desk: DeskClient, reply: StatusReply) -> DeskStatus:
    """The status of a desk whose portfolio answered."""
    ages = {symbol: quote.age_ms for symbol, quote in reply.quotes.items() if quote.age_ms is not None}
    return DeskStatus(
        headline="FINISHED" if reply.state.value == "FINISHED" else headline(reply.conditions, reply.symbols),
        mode=reply.mode,
        state=reply.state.value,
        trading_state=reply.trading_state.value,
        conditions=reply.conditions,
        denials=reply.latest_denials,
        figures=reply,
        feed=feed_text(
            heartbeat_age_ms=reply.heartbeat_age_ms,
            is_stale=reply.feed_stale,
            oldest_quote=max(ages.items(), key=lambda item: item[1], default=None),
            time_ns=reply.venue_time_ns,
            processed=reply.processed,
        ),
        note="",
        processes=read_processes(desk.url, timeout_s=SUPERVISOR_TIMEOUT_S),
        alerts=read_desk_alerts(desk.data_dir, open_only=True),
        page=None if desk.data_dir is None else page_url_of(desk.data_dir),
    )


def _stopped(desk: DeskClient) -> DeskStatus:
    """The status from the ledger of a desk that does not run, or whose portfolio does not answer.

    Raises:
        StartError: the ledger must not be read, or it cannot be read.
    """
    from services.portfolio.ledger.ledger import LEDGER_FILE_NAME  # not needed if a running desk answers

    folder = desk.fallback_folder()
    stopped = ledger_views().stopped_desk(folder)
    owner = owner_of(folder / LEDGER_FILE_NAME)
    if owner is not None:
        first = condition("PORTFOLIO_SILENT", f"the process that writes the ledger{owner} does not answer")
    else:
        first = condition("PROCESS_DOWN", "the desk is not running", subject="portfolio")
    conditions = by_gravity([first, *stopped.conditions])
    time_ns = stopped.venue_time_ns
    processes = read_processes(desk.noted_url, timeout_s=SUPERVISOR_TIMEOUT_S)
    is_stopped = owner is None and not processes.states
    limits = "" if stopped.has_known_limits else "; the limits are in a file, so the drawdown levels are not known"
    return DeskStatus(
        headline=headline(conditions, []),
        mode=stopped.mode,
        state="STOPPED" if owner is None else "SILENT",
        trading_state=stopped.trading_state.value,
        conditions=conditions,
        denials=stopped.latest_denials,
        figures=stopped,
        feed=f"none, the last of {stopped.processed:,} decided ticks was at {utc_text(time_ns)[:19]}Z"
        if time_ns
        else "none, no tick was decided",
        note=f"figures of the ledger's last commit{limits}",
        processes=ProcessesReading(problem="none, the desk is stopped") if is_stopped else processes,
        alerts=read_desk_alerts(folder, open_only=True),
        page=None,
    )


def _show(found: DeskStatus) -> None:
    terminal = Console(highlight=False)
    height = terminal.height - 1 if terminal.is_terminal else None  # the last line is for the prompt
    for line in status_screen(found, width=terminal.width, height=height):
        terminal.print(line, soft_wrap=True)


def _fields(found: DeskStatus) -> dict[str, Any]:
    figures = found.figures
    return {
        "headline": found.headline,
        "mode": found.mode,
        "state": found.state,
        "trading_state": found.trading_state,
        "conditions": [{**plain_fields(one), "action": CONDITION_KINDS[one.code].action} for one in found.conditions],
        "latest_denials": [plain_fields(one) for one in found.denials],
        "account": {
            "currency": figures.currency,
            "balance": figures.balance,
            "equity": figures.equity,
            "unrealized_pnl": figures.unrealized_pnl,
            "margin_level_pct": figures.margin_level_pct,
            "drawdown": figures.drawdown,
            "drawdown_peak": figures.drawdown_peak,
            "drawdown_headroom": dict(figures.drawdown_headroom),
            "drawdown_levels": dict(figures.drawdown_levels),
        },
        "positions": {symbol: plain_fields(held) for symbol, held in figures.positions.items()},
        "orders_open": figures.orders_open,
        "feed": found.feed,
        "note": found.note,
        "processes": [
            {"name": one.name, "state": one.state, "pid": one.pid, "up_s": one.up_s}
            for one in found.processes.states.values()
        ],
        "processes_problem": found.processes.problem,
        "alerts": [plain_fields(one) for one in found.alerts.rows],
        "alerts_open": found.alerts.open_count,
        "alerts_problem": found.alerts.problem,
        "page": found.page,
    }
