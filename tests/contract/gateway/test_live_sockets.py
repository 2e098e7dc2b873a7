"""A live gateway over sockets: replies during a slow call to the venue, and a person's commands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from services.mt5.core.compose import simulated_gateway
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.core.simulated.book_store import MemoryBookStore
from tests.contract.gateway.server import Client, Server
from tests.support.waits import wait_for
from tests.unit.mt5.builders import a_stream

CALL_MS = 700
NS_PER_MS = 1_000_000


@pytest.fixture
def client() -> Iterator[Client]:
    """A client of a live gateway that has published all its ticks, with venue faults on command."""
    gateway = simulated_gateway(
        stream=a_stream(1.1000, 1.1010),
        stream_id="stream-1",
        journal=MemoryJournal("journal-1"),
        book_store=MemoryBookStore(),
        boot_id="boot-1",
        terms=AccountTerms(Decimal(10_000)),
        pace=Pace(window=0, factor=1000.0),
        faults=True,
    )
    with Server(gateway).running() as server:
        client = Client(server.shell.request_url)
        wait_for(lambda: client.ask(action="HELLO", client="test")["published"] == 2, "both ticks published")
        yield client
        client.close()


def an_order(order_id: str, *, action: str = "BUY", **fields: Any) -> dict[str, Any]:
    return {"action": action, "order_id": order_id, "symbol": "EURUSD", "volume": 0.01, **fields}


def test_other_requests_are_answered_while_a_call_blocks(client: Client) -> None:
    reply = client.ask(action="SIMULATE", fault="BLOCKING_CALL", count=1, duration_ms=CALL_MS)
    assert reply["active"] == {"BLOCKING_CALL": 1}
    began_ns = time.monotonic_ns()
    assert client.ask(**an_order("A-1"))["status"] == "CALL_IN_PROGRESS"
    hello = client.ask(action="HELLO", client="test")
    replies_seen = [
        client.ask(action="PING")["status"],
        client.ask(action="LEASE", holder="test", epoch=1, seen_ns=hello["lease_now_ns"])["status"],
        client.ask(action="FENCE", order_id="A-1")["status"],
        client.ask(action="ORDER_STATUS", order_id="A-1")["status"],
        client.ask(**an_order("A-1"))["status"],
        client.ask(**an_order("A-2"))["error_code"],
        client.ask(action="GET_DEALS", after=1)["deals"],
    ]
    if time.monotonic_ns() - began_ns < CALL_MS * NS_PER_MS:  # on a slow machine the call may already have ended
        in_progress = "CALL_IN_PROGRESS"
        assert replies_seen == ["OK", "OK", in_progress, in_progress, in_progress, "VENUE_BUSY", []]
    wait_for(lambda: client.ask(action="ORDER_STATUS", order_id="A-1")["status"] == "FILLED", "the call's end")
    assert time.monotonic_ns() - began_ns >= CALL_MS * NS_PER_MS
    assert client.ask(**an_order("A-2"))["status"] == "FILLED"
    assert [deal["order_id"] for deal in client.ask(action="GET_DEALS", after=1)["deals"]] == ["A-1", "A-2"]


def test_a_delayed_fill_happens_without_further_orders(client: Client) -> None:
    client.ask(action="SIMULATE", fault="FILL_LATER", count=1, delay_ms=100)
    assert client.ask(**an_order("A-1"))["status"] == "ACCEPTED"
    wait_for(lambda: len(client.ask(action="GET_DEALS", after=1)["deals"]) == 1, "the fill")
    reply = client.ask(**an_order("A-1"))
    assert (reply["status"], reply["deal"]) == ("FILLED", 2)


def test_flatten_closes_positions_and_halts_until_resume(client: Client) -> None:
    assert client.ask(**an_order("A-1"))["status"] == "FILLED"
    halted = client.ask(action="FLATTEN", reason="portfolio is gone")
    assert (halted["is_halted"], halted["reason"], len(halted["closed"])) == (True, "portfolio is gone", 1)
    assert client.ask(action="GET_POSITIONS")["positions"] == []
    refused = client.ask(**an_order("A-2"))
    assert (refused["status"], refused["error_code"]) == ("REJECTED", "HALTED")
    assert client.ask(action="HELLO", client="test")["is_halted"] is True
    assert client.ask(action="RESUME", reason="all is well")["is_halted"] is False
    assert client.ask(**an_order("A-2"))["error_code"] == "HALTED"
    assert client.ask(**an_order("A-3"))["status"] == "FILLED"
