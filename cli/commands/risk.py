"""`paperdesk risk` and `paperdesk risk reset`: what the limits stand at, and clearing what one of them remembers."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.commands.orders import Key, command_key, command_name
from cli.commands.trading_state import ReasonText, validated_reason
from cli.commands.views import ledger_views, show_table
from cli.desk_client import Folder, Url, all_rows, no_answer_error, open_desk, open_running_desk
from cli.json_output import print_json
from cli.run_options import AsJson, plan_option
from common.errors import StartError
from proto.control.views import PAGE_ROWS_MAX, plain_fields

if TYPE_CHECKING:
    pass

RISK_COLUMNS: Final = ["code", "subject", "limit", "now", "headroom"]
PERSON_CHARS_MAX: Final = 64


def register_commands(parent: typer.Typer) -> None:
    """Register the commands."""
    app = typer.Typer(invoke_without_command=True)
    example = "[bold]Example[/bold]\n\n  paperdesk {}"
    app.callback(epilog=example.format("risk --data-dir desk"))(risk)
    app.command(epilog=example.format('risk reset CIRCUIT_BREAKER --symbol EURUSD --reason "the feed was wrong"'))(
        reset
    )
    parent.add_typer(app, name="risk")


def risk(
    context: typer.Context,
    data_dir: Folder = None,
    url: Url = None,
    risk_set: Annotated[
        str | None,
        typer.Option(
            "--risk", help="default, demo, none, or a TOML file, for a ledger: the desk's own where that has a name."
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            "--plan", metavar="FILE", help="For a ledger: the plan whose budgets are shown, where it has one."
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """What each limit of the risk ladder stands at, and what is left of it."""
    from proto.control import RiskQuery
    from proto.control.views import RiskReply

    if context.invoked_subcommand is not None:
        options = {"--data-dir": data_dir, "--url": url, "--risk": risk_set, "--plan": plan, "--json": as_json or None}
        if misplaced := [name for name, value in options.items() if value is not None]:
            raise StartError(f"{misplaced[0]} stands before {context.invoked_subcommand}, expected it after")
        return 0
    pages: list[RiskReply] = []
    with open_desk(data_dir, url) as desk:

        def page(after: int) -> RiskReply | None:
            found = desk.request(RiskQuery(after=after, limit=PAGE_ROWS_MAX), RiskReply)
            pages.extend(() if found is None else (found,))
            return found

        named = {"--risk": risk_set, "--plan": None if plan is None else plan_option(plan)}
        given = [f"{name} {value}" for name, value in named.items() if value is not None]
        if given and desk.folder is None:
            raise StartError(f"{' '.join(given)} without --data-dir, expected a ledger to read by that")
        found = None if given else all_rows(desk, page)
        if found is not None:
            rows = [plain_fields(row) for row in found]
        else:
            folder = desk.folder if given else desk.fallback_folder()
            assert folder is not None
            rows = ledger_views().risk(folder, risk_set, named["--plan"])
    if pages and not as_json:
        state = f"trading is {pages[0].trading_state}" + (
            f": {pages[0].trading_reason}" if pages[0].trading_reason else ""
        )
        print(*filter(None, (f"limits {pages[0].limits}; {state}", pages[0].warning)), sep="\n")
    return show_table(rows, RISK_COLUMNS, "no limit has anything to show", len(rows), as_json=as_json)


def reset(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Its code, such as CIRCUIT_BREAKER.", show_default=False)],
    reason: ReasonText,
    symbol: Annotated[
        str | None, typer.Option("--symbol", metavar="SYMBOL", help="Only what is remembered of it; all without.")
    ] = None,
    key: Key = None,
    data_dir: Folder = None,
    url: Url = None,
    as_json: AsJson = False,
) -> int:
    """Clear what a rule remembers, durably; the desk's trading state stays what it is."""
    from proto.control import RiskResetCommand, RiskResetReply, TradingState, describe_values

    command = RiskResetCommand(
        key=command_key(key),
        rule=command_name("RULE", rule.upper().replace("-", "_")),
        symbol="" if symbol is None else command_name("--symbol", symbol),
        reason=validated_reason(reason),
        person=_person(),
    )
    with open_running_desk(data_dir, url) as desk:
        reply = desk.request(command, RiskResetReply)
    if reply is None:
        raise no_answer_error(desk.url, f"ask again with --key {command.key}: it is not done twice")
    if as_json:
        print_json(plain_fields(reply))
        return 0
    subject = f"{reply.rule} of {reply.symbol}" if reply.symbol else reply.rule
    done = "was reset before under this key" if reply.repeated else "is reset"
    print(f"{subject} {done}: {describe_values(reply.before)}; now {describe_values(reply.after)}")
    if reply.trading_state is not TradingState.ACTIVE:
        print(
            f"trading is still {reply.trading_state}: {reply.trading_reason}; `paperdesk resume --reason ...` ends that"
        )
    return 0


def _person() -> str:
    """The login name, as far as the system knows one."""
    try:
        return getpass.getuser()[:PERSON_CHARS_MAX]
    except (KeyError, OSError):
        return "unknown"
