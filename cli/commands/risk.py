"""`paperdesk risk` and `paperdesk risk reset`: show the utilization of each limit, and clear the state of a rule."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from cli import options as o
from cli.command_options import KeyedOptions, checked_name, login_name, repeat_hint
from cli.desk_client import all_rows, ledger_views, no_answer_error, open_desk, open_running_desk
from cli.json_output import print_json
from cli.option_groups import with_option_groups
from cli.run_options import plan_option
from cli.tables import show_table
from common.errors import StartError
from proto.control import RiskQuery, RiskResetCommand, RiskResetReply, TradingState, describe_values
from proto.control.views import PAGE_ROWS_MAX, RiskReply, plain_fields

app = typer.Typer()
group = typer.Typer(invoke_without_command=True)
app.add_typer(group, name="risk")

EXAMPLE: Final = "[bold]Example[/bold]\n\n  paperdesk risk {}"
RISK_COLUMNS: Final = ["code", "subject", "limit", "now", "headroom"]


@group.callback(epilog=EXAMPLE.format("--data-dir desk"))
def risk(
    context: typer.Context,
    data_dir: o.RunningDesk = None,
    url: o.Url = None,
    risk_set: Annotated[str | None, o.with_default(o.RISK, "the desk's own")] = None,
    plan: o.PlanFile = None,
    as_json: o.AsJson = False,
) -> int:
    """Show each risk limit with its current value and headroom.

    `--risk` and `--plan` replace the desk's own limits and plan; the values then come from the ledger in `--data-dir`.

    Raises:
        StartError: the options contradict each other, or the desk does not answer.
    """
    if context.invoked_subcommand is not None:
        options = {"--data-dir": data_dir, "--url": url, "--risk": risk_set, "--plan": plan, "--json": as_json or None}
        if misplaced := [name for name, value in options.items() if value is not None]:
            raise StartError(
                f"{misplaced[0]} is before {context.invoked_subcommand}, expected after {context.invoked_subcommand}"
            )
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
            raise StartError(f"{' '.join(given)} without --data-dir, expected --data-dir DIR with the ledger to read")
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
    return show_table(rows, RISK_COLUMNS, "no limit is set", len(rows), as_json=as_json)


@group.command(epilog=EXAMPLE.format('reset CIRCUIT_BREAKER --symbol EURUSD --reason "the feed was wrong"'))
@with_option_groups
def reset(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Code, such as CIRCUIT_BREAKER.", show_default=False)],
    options: KeyedOptions,
    symbol: Annotated[str | None, typer.Option("--symbol", metavar="SYMBOL", help="Only for this symbol.")] = None,
) -> int:
    """Clear the stored state of a rule; the trading state of the desk does not change.

    Raises:
        StartError: an argument is malformed, or the desk refuses or does not answer.
    """
    command = RiskResetCommand(
        key=options.command_key(),
        rule=checked_name("RULE", rule.upper().replace("-", "_")),
        symbol="" if symbol is None else checked_name("--symbol", symbol),
        reason=options.plain_reason(),
        person=login_name(),
    )
    with open_running_desk(options.data_dir, options.url) as desk:
        reply = desk.request(command, RiskResetReply)
    if reply is None:
        raise no_answer_error(desk.url, repeat_hint(command.key))
    if options.as_json:
        print_json(plain_fields(reply))
        return 0
    subject = f"{reply.rule} of {reply.symbol}" if reply.symbol else reply.rule
    done = "was already reset under this key" if reply.repeated else "is reset"
    print(f"{subject} {done}: {describe_values(reply.before)}; now {describe_values(reply.after)}")
    if reply.trading_state is not TradingState.ACTIVE:
        print(
            f"trading is still {reply.trading_state}: {reply.trading_reason}; "
            "`paperdesk resume --reason ...` makes it ACTIVE"
        )
    return 0
