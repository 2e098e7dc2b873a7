"""`paperdesk halt`, `reduce-only`, `resume` and `flatten`: commands that set the trading state.

Portfolio executes these commands, because only portfolio has the record of the orders in flight. When portfolio is
down, `--at-gateway` sends the command to the gateway (`cli/gateway_commands.py`). After a halt or flatten the gateway
refuses orders that open exposure, from every client, until `paperdesk resume --at-gateway`.
"""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from cli.command_options import CommandOptions, login_name, new_key
from cli.gateway_commands import send_to_gateway
from cli.json_output import print_json
from cli.option_groups import with_option_groups
from cli.running_desks import required_control_url
from cli.trading_commands import GATEWAY_HINT, send_trading_command
from proto.control import (
    FlattenCommand,
    HaltCommand,
    ReduceOnlyCommand,
    ResumeCommand,
    TradingCommand,
)
from proto.gateway import Flatten, Halt, Resume

app = typer.Typer()
EXAMPLE: Final = '[bold]Example[/bold]\n\n  paperdesk {} --reason "news at 14:30"'

AtGateway = Annotated[
    bool, typer.Option("--at-gateway", help="Send the command to the gateway, because portfolio is down.")
]


@app.command(epilog=EXAMPLE.format("halt"))
@with_option_groups
def halt(options: CommandOptions, at_gateway: AtGateway = False) -> int:
    """Send no orders until `paperdesk resume`, except those of `paperdesk close`; positions stay open."""
    reason = options.plain_reason()
    return _to_gateway(Halt(reason=reason), options) if at_gateway else _to_portfolio(HaltCommand, reason, options)


@app.command("reduce-only", epilog=EXAMPLE.format("reduce-only"))
@with_option_groups
def reduce_only(options: CommandOptions) -> int:
    """Open no position until `paperdesk resume`; positions may be closed."""
    return _to_portfolio(ReduceOnlyCommand, options.plain_reason(), options)


@app.command(epilog=EXAMPLE.format("resume"))
@with_option_groups
def resume(options: CommandOptions, at_gateway: AtGateway = False) -> int:
    """Trade again. You confirm by this that you have reviewed the foreign orders and positions on the account."""
    reason = options.plain_reason()
    return _to_gateway(Resume(reason=reason), options) if at_gateway else _to_portfolio(ResumeCommand, reason, options)


@app.command(epilog=EXAMPLE.format("flatten"))
@with_option_groups
def flatten(options: CommandOptions, at_gateway: AtGateway = False) -> int:
    """Halt, and close every position."""
    reason = options.plain_reason()
    if at_gateway:
        return _to_gateway(Flatten(reason=reason), options)
    return _to_portfolio(FlattenCommand, reason, options)


def _to_gateway(request: Halt | Resume | Flatten, options: CommandOptions) -> int:
    return send_to_gateway(request, options.data_dir, options.url, as_json=options.as_json)


def _to_portfolio(kind: type[TradingCommand], reason: str, options: CommandOptions) -> int:
    command = kind(reason, key=new_key(), person=login_name())
    url = required_control_url(options.data_dir, options.url, hint=GATEWAY_HINT)
    reply = send_trading_command(url, command, lambda line: print(line, file=sys.stderr))
    if options.as_json:
        print_json({name: getattr(reply, name) for name in reply.__struct_fields__})
        return 0
    print(f"trading is {reply.trading_state}: {reply.trading_reason}")
    if reply.closing:
        print(f"closing {', '.join(reply.closing)}")
    return 0
