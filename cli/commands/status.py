"""`paperdesk status`: show whether the desk trades, and its conditions."""

from __future__ import annotations

import typer

from cli import options as o
from cli.desk_client import DeskClient, ledger_views, open_desk
from cli.json_output import print_json
from cli.mode_label import mode_label
from cli.tables import console
from common.writer_lock import owner_of
from proto.control import (
    CONDITION_KINDS,
    Condition,
    DenialLine,
    StatusQuery,
    StatusReply,
    by_gravity,
    condition,
    describe,
    describe_denial,
    headline,
    keeps_from_trading,
    trades_nothing,
)
from proto.control.views import plain_fields

app = typer.Typer()
EXAMPLES = "[bold]Example[/bold]\n\n  paperdesk status\n\n  paperdesk status --data-dir desk --json"


@app.command(epilog=EXAMPLES)
def status(data_dir: o.RunningDesk = None, url: o.Url = None, as_json: o.AsJson = False) -> int:
    """Show whether the desk trades, and the conditions that prevent it.

    Exit code 0 when the desk trades, 1 when no symbol trades or a critical condition keeps a symbol from trading, 2
    when the status is unknown.
    """
    with open_desk(data_dir, url) as desk:
        mode, state, trading_state, conditions, denials, symbols = _status_of(desk)
    is_finished = state == "FINISHED"
    title = "FINISHED" if is_finished else headline(conditions, symbols)
    if as_json:
        rows = [{**plain_fields(one), "action": CONDITION_KINDS[one.code].action} for one in conditions]
        fields = {"headline": title, "mode": mode, "state": state, "trading_state": trading_state, "conditions": rows}
        print_json({**fields, "latest_denials": [plain_fields(one) for one in denials]})
    else:
        out = console()
        out.print(f"{title}: {mode_label(mode)} desk {state}, trading state {trading_state}", soft_wrap=True)
        for one in conditions:
            out.print(f"{one.severity} {describe(one)}", soft_wrap=True, markup=False)
            out.print(f"  {CONDITION_KINDS[one.code].action}", soft_wrap=True, markup=False)
        paused = {one.subject for one in conditions if one.code == "BREAKER_OPEN"}
        for found in (one for one in denials if one.symbol not in paused):
            out.print(f"latest denial: {describe_denial(found)}", soft_wrap=True, markup=False)
    # The exit code is 1 also while the desk is CONNECTING, because it does not trade yet.
    return int(any(map(keeps_from_trading, conditions)) or trades_nothing(conditions, symbols))


def _status_of(desk: DeskClient) -> tuple[str, str, str, list[Condition], list[DenialLine], list[str]]:
    """Mode, desk state, trading state, conditions, latest denials and symbols, from a running desk or a ledger."""
    reply = desk.request(StatusQuery(), StatusReply)
    if reply is not None:
        state = reply.state.value, reply.trading_state.value
        return reply.mode, *state, reply.conditions, reply.latest_denials, reply.symbols
    from services.portfolio.ledger.ledger import LEDGER_FILE_NAME  # not needed if a running desk answers

    folder = desk.fallback_folder()
    mode, trading_state, causes, denials = ledger_views().stopped_state(folder)
    owner = owner_of(folder / LEDGER_FILE_NAME)
    if owner is not None:
        silent = condition("PORTFOLIO_SILENT", f"the process that writes the ledger{owner} does not answer")
        return mode, "SILENT", trading_state, by_gravity([silent, *causes]), denials, []
    stopped = condition("PROCESS_DOWN", "the desk is not running", subject="portfolio")
    return mode, "STOPPED", trading_state, by_gravity([stopped, *causes]), denials, []
