"""Requests sent directly to the gateway: HALT, RESUME, FLATTEN when portfolio is down, and queries of contract terms.

`--url` selects a gateway by its address, `--data-dir` by its desk. Without either option the request is sent to the
running desk's gateway. A command with `--data-dir` is refused if the gateway has another account or journal than the
ledger, so that it cannot close positions of another account.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import zmq

from cli.json_output import print_json
from cli.paths import existing_desk
from cli.running_desks import gateway_url_of, running_gateway_url
from common.errors import StartError
from common.sockets import Sockets, send
from proto.codec import MalformedMessageError, decode_reply, encode
from proto.gateway import (
    Flatten,
    GetSymbolInfo,
    Halt,
    HaltReply,
    Hello,
    HelloReply,
    Reply,
    Request,
    Resume,
    SymbolReply,
)
from proto.trading.instrument import Instrument

R = TypeVar("R", bound=Reply)

TIMEOUT_S: Final = 10.0
"""Longest wait for a reply: the gateway commits to its disk and, for FLATTEN, calls the venue for each position."""


class _Gateway(NamedTuple):
    """A connection to a gateway; `folder` is the data directory of its desk, or None without `--data-dir`."""

    socket: zmq.Socket[bytes]
    url: str
    folder: Path | None

    def request(self, request: Request, expected: type[R]) -> R:
        """The gateway's reply.

        Raises:
            StartError: no reply came within TIMEOUT_S, the gateway refused the request, or the reply is malformed.
        """
        timeout_ms = int(TIMEOUT_S * 1_000)
        is_sent = self.socket.poll(timeout_ms, zmq.POLLOUT) and send(self.socket, [b"", encode(request)])
        if not is_sent or not self.socket.poll(timeout_ms, zmq.POLLIN):
            raise StartError(
                f"{self.url} did not answer within {TIMEOUT_S:.0f} s, expected a gateway; the outcome is unknown"
            )
        try:
            reply = decode_reply(self.socket.recv_multipart()[-1])
        except MalformedMessageError as error:
            raise StartError(f"{self.url} sent a malformed reply, expected a gateway: {error}") from None
        if not isinstance(reply, expected):
            tag = request.__struct_config__.tag
            raise StartError(f"{self.url} refused {tag}: {reply.error_code} {reply.error}")
        return reply


@contextmanager
def _connected(data_dir: Path | None, url: str | None) -> Iterator[_Gateway]:
    folder = None if data_dir is None else existing_desk(data_dir)
    where = url or (running_gateway_url() if folder is None else gateway_url_of(folder))
    sockets = Sockets()
    try:
        yield _Gateway(sockets.dealer(where), where, folder)
    finally:
        sockets.close()


def send_to_gateway(request: Halt | Resume | Flatten, data_dir: Path | None, url: str | None, *, as_json: bool) -> int:
    """Send a command to the gateway, and print the resulting state.

    Raises:
        StartError: no gateway is found, or it does not answer, refuses, or has another account than the ledger.
    """
    with _connected(data_dir, url) as gateway:
        if gateway.folder is not None:
            _require_own(gateway.request(Hello(client="paperdesk"), HelloReply), gateway.folder, gateway.url)
        reply = gateway.request(request, HaltReply)
    if as_json:
        print_json({"is_halted": reply.is_halted, "reason": reply.reason, "closed": reply.closed})
        return 0
    state = "refuses orders that open exposure" if reply.is_halted else "accepts orders"
    print(f"the gateway of {reply.account} {state}" + (f": {reply.reason}" if reply.reason else ""))
    if reply.closed:
        print(f"closing orders: {', '.join(map(str, reply.closed))}")
    return 0


def gateway_instruments(
    symbols: list[str] | None, data_dir: Path | None, url: str | None
) -> tuple[HelloReply, list[Instrument]]:
    """A gateway's reply to HELLO, and its contract terms of `symbols`; None requests all symbols that it quotes.

    Raises:
        StartError: no gateway is found, or the gateway does not answer or has no terms of one of the symbols.
    """
    with _connected(data_dir, url) as gateway:
        hello = gateway.request(Hello(client="paperdesk"), HelloReply)
        names = list(hello.sequences) if symbols is None else symbols
        return hello, [gateway.request(GetSymbolInfo(symbol=name), SymbolReply).instrument for name in names]


def _require_own(hello: HelloReply, folder: Path, url: str) -> None:
    """Refuse a gateway whose account or journal is not that of the ledger; with an unreadable ledger, only warn."""
    from services.portfolio.ledger import ledger  # takes 0.1 s to load; other commands do not need it

    try:
        book, _ = ledger.read_ledger(folder / ledger.LEDGER_FILE_NAME)
    except StartError as error:
        print(f"account of the ledger not compared: {error}", file=sys.stderr)
        return
    own_account = book.stream.account if book.stream is not None else ""
    for what, found, expected in (
        ("account", hello.account, own_account),
        ("journal", hello.journal_id, book.journal_id),
    ):
        if expected and found != expected:
            raise StartError(
                f"{url} is the gateway of {what} {found}, expected {expected} of the ledger in {folder}; "
                "nothing was done, --url URL without --data-dir skips this check"
            )
