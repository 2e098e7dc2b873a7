"""`paperdesk halt`, `reduce-only`, `resume` and `flatten`: what a person tells a running desk.

Portfolio is told, because it alone knows what is under way. When it is gone, `--at-gateway` tells the gateway itself: it then
refuses orders that open exposure, whoever sends them, until `paperdesk resume --at-gateway` (`cli/gateway_commands.py`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.gateway_commands import send_to_gateway
from cli.json_output import print_json
from cli.run_options import AsJson
from common.errors import StartError

if TYPE_CHECKING:
    from proto.control import TradingCommand, TradingReply

TIMEOUT_S: Final = 10.0
"""A commit on a slow disk."""

NOTICE_S: Final = 1.0
"""After so long without an answer a person is told that there is none yet."""

RESTART_S: Final = 3.0
"""A killed portfolio listens again within this; a socket that is still closed after it has no portfolio behind it."""

ReasonText = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the ledger.", show_default=False)
]
Folder = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="The desk's data directory. Default: the desk that runs."),
]
Url = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="Control socket of the desk, or the gateway's with --at-gateway."),
]
AtGateway = Annotated[bool, typer.Option("--at-gateway", help="Tell the gateway, because portfolio is gone.")]


def register_commands(app: typer.Typer) -> None:
    """Register the commands."""
    for name, command in (("halt", halt), ("reduce-only", reduce_only), ("resume", resume), ("flatten", flatten)):
        app.command(name, epilog=f'[bold]Example[/bold]\n\n  paperdesk {name} --reason "news at 14:30"')(command)


def halt(
    reason: ReasonText, data_dir: Folder = None, url: Url = None, at_gateway: AtGateway = False, as_json: AsJson = False
) -> int:
    """Send no further order until `paperdesk resume`; positions stay as they are, and `paperdesk close` still closes them."""
    from proto.control import HaltCommand
    from proto.gateway import Halt

    if at_gateway:
        return send_to_gateway(Halt(reason=validated_reason(reason)), data_dir, url, as_json=as_json)
    return _tell(HaltCommand(validated_reason(reason)), data_dir, url, as_json=as_json)


def reduce_only(reason: ReasonText, data_dir: Folder = None, url: Url = None, as_json: AsJson = False) -> int:
    """Open nothing until `paperdesk resume`; positions may be closed."""
    from proto.control import ReduceOnlyCommand

    return _tell(ReduceOnlyCommand(validated_reason(reason)), data_dir, url, as_json=as_json)


def resume(
    reason: ReasonText, data_dir: Folder = None, url: Url = None, at_gateway: AtGateway = False, as_json: AsJson = False
) -> int:
    """Trade again; what others have done on the account until now counts as looked at."""
    from proto.control import ResumeCommand
    from proto.gateway import Resume

    if at_gateway:
        return send_to_gateway(Resume(reason=validated_reason(reason)), data_dir, url, as_json=as_json)
    return _tell(ResumeCommand(validated_reason(reason)), data_dir, url, as_json=as_json)


def flatten(
    reason: ReasonText, data_dir: Folder = None, url: Url = None, at_gateway: AtGateway = False, as_json: AsJson = False
) -> int:
    """Halt, and close every position."""
    from proto.control import FlattenCommand
    from proto.gateway import Flatten

    if at_gateway:
        return send_to_gateway(Flatten(reason=validated_reason(reason)), data_dir, url, as_json=as_json)
    return _tell(FlattenCommand(validated_reason(reason)), data_dir, url, as_json=as_json)


def validated_reason(reason: str) -> str:
    """A reason as it is kept.

    Raises:
        StartError: it is empty or too long.
    """
    from proto.control import REASON_CHARS_MAX

    words = " ".join(reason.split())
    if not 0 < len(words) <= REASON_CHARS_MAX:
        raise StartError(f"--reason has {len(words)} characters, expected 1 to {REASON_CHARS_MAX}")
    return words


def _answer(url: str, command: TradingCommand) -> TradingReply:
    """What portfolio answers; it may be starting again, or be waiting for its disk.

    Raises:
        StartError: nobody listens there, or nobody has answered.
    """
    from orchestration.address_files import is_listening
    from orchestration.control_client import ControlClient
    from proto.control import TradingReply

    with ControlClient(url) as client:
        reply = client.request(command, TradingReply, timeout_s=NOTICE_S)
        if reply is None:
            print(f"{url} has not answered for {NOTICE_S:.0f} s; asking again", file=sys.stderr)
            reply = client.request(command, TradingReply, timeout_s=RESTART_S - NOTICE_S)
        if reply is None and not is_listening(url):
            raise StartError(
                f"nobody listens at {url}, expected a running desk; whether it was done is not known, "
                "--at-gateway tells the gateway"
            )
        reply = reply or client.request(command, TradingReply, timeout_s=TIMEOUT_S + NOTICE_S - RESTART_S)
    if reply is None:
        raise StartError(
            f"{url} did not answer within {NOTICE_S + TIMEOUT_S:.0f} s; nothing is known, ask again or --at-gateway"
        )
    return reply


def _tell(command: TradingCommand, data_dir: Path | None, url: str | None, *, as_json: bool) -> int:
    from cli.desk_client import noted_control_url
    from cli.paths import existing_desk
    from cli.running_desks import running_desk

    where = url or (running_desk().control if data_dir is None else noted_control_url(existing_desk(data_dir)))
    if where is None:
        raise StartError(
            f"no portfolio answers for {data_dir}, expected a running desk; --at-gateway tells the gateway"
        )
    reply = _answer(where, command)
    if as_json:
        print_json({name: getattr(reply, name) for name in reply.__struct_fields__})
        return 0
    print(f"trading is {reply.trading_state}: {reply.trading_reason}")
    if reply.closing:
        print(f"closing {', '.join(reply.closing)}")
    return 0
