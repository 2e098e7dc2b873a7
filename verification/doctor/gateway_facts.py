"""What a gateway answers to queries: no request changes anything at the gateway."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from orchestration.address_files import is_listening
from proto.codec import MalformedMessageError
from proto.gateway import AccountReply, GetAccount, GetSymbolInfo, Hello, HelloReply, Reply, Request, SymbolReply
from proto.trading.instrument import Instrument
from verification.conformance.client import ConformanceClient, NoAnswer

ANSWER_S: Final = 1.5
"""Longest wait for the first reply; a gateway answers these queries from memory."""


class GatewayFacts(NamedTuple):
    """Replies of a gateway.

    `problem` is empty if HELLO was answered, else why not; `is_other` says that the peer is no gateway. `now_at_ns` is
    this host's wall clock at the reply. `account` and the values of `instruments` are texts of a refusal, or replies.
    """

    url: str
    problem: str = ""
    is_other: bool = False
    hello: HelloReply | None = None
    now_at_ns: int = 0
    account: AccountReply | str = ""
    instruments: tuple[tuple[str, Instrument | str], ...] = ()


def ask_gateway(url: str | None, symbols: Sequence[str]) -> GatewayFacts:
    """Query a gateway for its state, account and the terms of `symbols`; None for an unknown address."""
    if url is None:
        return GatewayFacts("", "its address is not known")
    if problem := _unreachable(url):
        return GatewayFacts(url, problem)
    client = ConformanceClient(url, symbol=symbols[0] if symbols else "", run_id="doctor", answer_s=ANSWER_S)
    try:
        hello = _ask(client, Hello(client="doctor"))
        now_at_ns = time.time_ns()
        if not isinstance(hello, HelloReply):
            return GatewayFacts(url, f"it refused HELLO: {hello.error_code} {hello.error}", is_other=True)
        account = _ask(client, GetAccount())
        terms = {symbol: _ask(client, GetSymbolInfo(symbol=symbol)) for symbol in symbols}
    except NoAnswer as silent:
        return GatewayFacts(url, str(silent))
    except MalformedMessageError as error:
        return GatewayFacts(url, f"{url} sent a malformed reply: {error}", is_other=True)
    finally:
        client.close()
    return GatewayFacts(
        url,
        hello=hello,
        now_at_ns=now_at_ns,
        account=account if isinstance(account, AccountReply) else _refusal(account),
        instruments=tuple(
            (symbol, reply.instrument if isinstance(reply, SymbolReply) else _refusal(reply))
            for symbol, reply in terms.items()
        ),
    )


def _unreachable(url: str) -> str:
    """Why nothing can answer at an address; empty if a process listens there."""
    scheme, _, address = url.partition("://")
    if scheme == "ipc":
        return "" if is_listening(url) else f"no process listens on {url}"
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
    except TimeoutError:
        return f"{url} does not accept a connection within {ANSWER_S:g} s"
    except OSError as error:
        return f"{url} cannot be reached: {error.strerror or error}"
    return ""


def _ask(client: ConformanceClient, request: Request) -> Reply:
    return client.request(request)


def _refusal(reply: Reply) -> str:
    return f"{reply.error_code}: {reply.error}"
