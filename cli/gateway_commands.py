"""HALT, RESUME and FLATTEN told to the gateway itself, because portfolio is gone.

Which gateway: the one that the desk on `--data-dir` has noted, or `--url`, or that of the settings. A gateway whose account or journal is
another than the ledger's is told nothing: closing the positions of somebody else's account is the worst that could happen here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from cli.json_output import print_json
from cli.paths import existing_desk
from cli.running_desks import running_gateway_url
from common.errors import StartError

if TYPE_CHECKING:
    import zmq

    from proto.gateway import Flatten, Halt, HelloReply, Reply, Request, Resume
    from proto.trading.instrument import Instrument

    R = TypeVar("R", bound=Reply)

TIMEOUT_S: Final = 10.0
"""A commit on a slow disk and, at the gateway, a call of the venue for each position."""


def send_to_gateway(request: Halt | Resume | Flatten, data_dir: Path | None, url: str | None, *, as_json: bool) -> int:
    """Tell the gateway that is meant, and say what it made of it.

    Raises:
        StartError: there is none, it does not answer or refuses, or it is that of another account.
    """
    from common.sockets import Sockets
    from proto.gateway import HaltReply, Hello

    folder = None if data_dir is None else existing_desk(data_dir)
    where = url or (running_gateway_url() if folder is None else _of_desk(folder))
    sockets = Sockets()
    try:
        socket = sockets.dealer(where)
        if folder is not None:
            _require_own(_ask(socket, Hello(client="paperdesk"), _hello_reply(), where), folder, where)
        reply = _ask(socket, request, HaltReply, where)
    finally:
        sockets.close()
    if as_json:
        print_json({"is_halted": reply.is_halted, "reason": reply.reason, "closed": reply.closed})
        return 0
    stands = "refuses orders that open exposure" if reply.is_halted else "lets orders pass"
    print(f"the gateway of {reply.account} {stands}" + (f": {reply.reason}" if reply.reason else ""))
    if reply.closed:
        print(f"closed by the orders {', '.join(map(str, reply.closed))}")
    return 0


def gateway_instruments(
    symbols: list[str] | None, data_dir: Path | None, url: str | None
) -> tuple[HelloReply, list[Instrument]]:
    """A gateway's HELLO and its terms of the named symbols; without names, of all symbols that it quotes.

    Raises:
        StartError: no gateway is known, it does not answer, or it does not know one of the symbols.
    """
    from common.sockets import Sockets
    from proto.gateway import GetSymbolInfo, Hello, SymbolReply

    folder = None if data_dir is None else existing_desk(data_dir)
    where = url or (running_gateway_url() if folder is None else _of_desk(folder))
    sockets = Sockets()
    try:
        socket = sockets.dealer(where)
        hello = _ask(socket, Hello(client="paperdesk"), _hello_reply(), where)
        asked = list(hello.sequences) if symbols is None else symbols
        return hello, [_ask(socket, GetSymbolInfo(symbol=one), SymbolReply, where).instrument for one in asked]
    finally:
        sockets.close()


def _hello_reply() -> type[HelloReply]:
    from proto.gateway import HelloReply

    return HelloReply


def _of_settings() -> str:
    from common.settings import CommonSettings, load

    return load(CommonSettings).gateway_url


def _of_desk(folder: Path) -> str:
    from cli.desk_client import is_configured_desk
    from orchestration.address_files import GATEWAY_FILE, is_listening, read_address

    url = read_address(folder, GATEWAY_FILE) or (_of_settings() if is_configured_desk(folder) else None)
    if url is None or not is_listening(url):
        raise StartError(
            f"no gateway answers for {folder}, expected a running one with its address in {GATEWAY_FILE}; "
            "nothing was done, --url URL names another"
        )
    return url


def _require_own(hello: HelloReply, folder: Path, url: str) -> None:
    """The gateway is the one that the ledger was written with, as far as the ledger can tell."""
    from services.portfolio.ledger import ledger

    try:
        book, _ = ledger.read_ledger(folder / ledger.LEDGER_FILE_NAME)
    except StartError as error:
        print(f"whether this is the ledger's own account cannot be told: {error}", file=sys.stderr)
        return
    own_account = book.stream.account if book.stream is not None else ""
    for what, found, expected in (
        ("account", hello.account, own_account),
        ("journal", hello.journal_id, book.journal_id),
    ):
        if expected and found != expected:
            raise StartError(
                f"{url} is the gateway of {what} {found}, expected {expected} of the ledger in {folder}; nothing was done, "
                "--url URL without --data-dir tells it all the same"
            )


def _ask(socket: zmq.Socket[bytes], request: Request, expected: type[R], url: str) -> R:
    import zmq

    from common.sockets import send
    from proto.codec import MalformedMessageError, decode_reply, encode

    is_sent = socket.poll(int(TIMEOUT_S * 1_000), zmq.POLLOUT) and send(socket, [b"", encode(request)])
    if not is_sent or not socket.poll(int(TIMEOUT_S * 1_000), zmq.POLLIN):
        raise StartError(f"{url} did not answer within {TIMEOUT_S:.0f} s, expected a gateway; nothing is known")
    try:
        reply = decode_reply(socket.recv_multipart()[-1])
    except MalformedMessageError as error:
        raise StartError(f"{url} answered what is no reply of a gateway: {error}") from None
    if not isinstance(reply, expected):
        raise StartError(f"{url} refused {request.__struct_config__.tag}: {reply.error_code} {reply.error}")
    return reply
