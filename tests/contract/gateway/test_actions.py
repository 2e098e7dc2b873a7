"""CLOSE, CANCEL and MODIFY over sockets in both encodings, and with each kind of store across restarts."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, get_args

import pytest
from msgspec import structs

from proto.gateway import Cancel, Close, Confirm, ConfirmReply, Modify, ModifyReply, OrderReply, Reply, Request
from proto.trading.enums import AccountMode, OrderType
from services.mt5.core.compose import simulated_gateway
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.core.simulated.book_store import MemoryBookStore
from tests.contract.gateway.server import Client, Server
from tests.contract.gateway.stores import Reopened
from tests.unit.mt5.builders import AT_REST, a_buy, a_gateway, a_stream, confirm

LIMIT = {"action": "BUY", "order_id": "L1", "symbol": "EURUSD", "volume": 0.02, "type": "LIMIT", "price": 1.08}


@pytest.fixture(params=["json", "msgpack"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A REQ client of a lock-step gateway at the first of its ticks, with bid 1.1000 and ask 1.1002."""
    gateway = a_gateway()
    confirm(gateway, 0)
    with Server(gateway).running() as server:
        plain = Client(server.shell.request_url, is_json=request.param == "json")
        yield plain
        plain.close()


def number(value: Any) -> float:
    return float(value)


def test_a_limit_order_is_placed_modified_and_canceled_over_sockets(client: Client) -> None:
    placed = client.ask(**LIMIT)
    assert (placed["status"], placed["retcode"], placed["quiet"], placed["deal"]) == ("ACCEPTED", 10008, False, None)
    assert client.ask(**LIMIT) == placed
    changed = client.ask(action="MODIFY", symbol="EURUSD", order_id="L1", price=1.07, stop_loss=1.06, revision=1)
    assert (changed["status"], changed["retcode"], changed["position"]) == ("OK", 10009, None)
    assert (number(changed["order"]["price"]), number(changed["order"]["stop_loss"])) == (1.07, 1.06)
    assert changed["order"]["order_id"] == "L1"
    late = client.ask(action="MODIFY", symbol="EURUSD", order_id="L1", price=1.05, revision=1)
    assert late == changed
    ended = client.ask(action="CANCEL", order_id="L1")
    assert (ended["status"], ended["retcode"], ended["error_code"], ended["quiet"]) == ("CANCELED", 10007, None, True)
    assert client.ask(action="CANCEL", order_id="L1") == ended
    assert [order["status"] for order in client.ask(action="GET_ORDERS")["orders"]] == ["CANCELED"]


def test_a_position_gets_stops_and_is_closed_in_parts_over_sockets(client: Client) -> None:
    client.ask(action="BUY", order_id="P1", symbol="EURUSD", volume=0.05, stop_loss=1.09)
    moved = client.ask(action="MODIFY", symbol="EURUSD", take_profit=1.2, revision=1)
    position = moved["position"]
    assert (position["ticket"], position["stop_loss"], number(position["take_profit"])) == (1, None, 1.2)
    assert position["order_id"] == "P1"
    part = client.ask(action="CLOSE", order_id="C1", symbol="EURUSD", position=1, volume=0.02)
    assert (part["status"], part["action"], part["position"]) == ("FILLED", "SELL", 1)
    rest = client.ask(action="CLOSE", order_id="C2", symbol="EURUSD")
    assert number(rest["filled_volume"]) == 0.03
    assert client.ask(action="GET_POSITIONS")["positions"] == []
    assert client.ask(action="CLOSE", order_id="C2", symbol="EURUSD") == rest
    nothing = client.ask(action="CLOSE", order_id="C3", symbol="EURUSD")
    assert (nothing["status"], nothing["error_code"], nothing["retcode"]) == ("REJECTED", "UNKNOWN_POSITION", 10036)


def test_the_account_reports_its_margin(client: Client) -> None:
    client.ask(action="BUY", order_id="P1", symbol="EURUSD", volume=0.1)
    account = client.ask(action="GET_ACCOUNT")
    assert (account["account_mode"], account["leverage"]) == ("NETTING", 100)
    assert number(account["margin"]) == 110.02
    assert number(account["free_margin"]) == number(account["equity"]) - 110.02
    assert number(account["margin_level_pct"]) == pytest.approx(9_998 / 110.02 * 100, abs=0.01)
    hello = client.ask(action="HELLO", client="test")
    assert (hello["fills"], hello["account_mode"], hello["leverage"]) == ("ideal", "NETTING", 100)
    assert number(client.ask(action="GET_SYMBOL_INFO", symbol="EURUSD")["instrument"]["tick_value"]) == 1.0


@pytest.mark.parametrize(
    ("changed", "is_same"),
    [
        ({"price": 1.081}, False),
        ({"type": "STOP", "price": 1.12}, False),
        ({"stop_loss": 1.07}, False),
        ({"time_in_force": "DAY"}, False),
        ({"time_in_force": "GTC"}, True),
        ({"volume": 0.020}, True),
        ({"deviation_points": 5}, True),
    ],
)
def test_a_repeated_id_conflicts_if_the_effect_differs(
    client: Client, changed: dict[str, object], is_same: bool
) -> None:
    first = client.ask(**LIMIT)
    again = client.ask(**{**LIMIT, **changed})
    assert (again == first) is is_same
    assert (again["error_code"] == "ID_CONFLICT") is not is_same


# -------------------------------------------------------------------------------------------------- stores and restarts

STREAM = a_stream(1.1000, 1.0900, 1.0800, 1.1000)


def a_limit(order_id: str = "L-1", *, ordinal: int = 0) -> Any:
    return structs.replace(
        a_buy(order_id, ordinal=ordinal), type=OrderType.LIMIT, price=Decimal("1.0950"), stop_loss=Decimal("1.0850")
    )


def handle(reopen: Reopened, request: Request) -> Reply:
    """The reply of a gateway that is started for this request."""
    journal, store = reopen()
    return a_gateway(STREAM, journal=journal, book_store=store).handle(request, AT_REST)[0]


def test_repeated_requests_get_their_first_replies_after_later_ticks(reopen: Reopened) -> None:
    """A desk whose ledger lost its last events repeats requests; the replies must not contain later events."""
    handle(reopen, Confirm(stream_id="stream-1", ordinal=0))
    requests: list[Request] = [
        a_limit(ordinal=1),
        a_limit("L-2", ordinal=1),
        Modify(symbol="EURUSD", order_id="L-1", price=Decimal("1.0960"), revision=1, ordinal=1),
        Cancel(order_id="L-2", ordinal=1),
    ]
    first = [handle(reopen, request) for request in requests]
    assert [reply.status for reply in first] == ["ACCEPTED", "ACCEPTED", "OK", "CANCELED"]
    cursors = [handle(reopen, Confirm(stream_id="stream-1", ordinal=n)) for n in (1, 2)]
    assert [handle(reopen, request) for request in requests] == first
    assert [handle(reopen, Confirm(stream_id="stream-1", ordinal=n)) for n in (1, 2)] == cursors
    assert [reply.deal_cursor for reply in cursors if isinstance(reply, ConfirmReply)] == [2, 2]


def test_a_repeated_close_gets_its_stored_reply_although_another_position_exists(reopen: Reopened) -> None:
    handle(reopen, Confirm(stream_id="stream-1", ordinal=0))
    handle(reopen, a_buy("A-1", ordinal=1))
    close = Close(order_id="C-1", symbol="EURUSD", ordinal=1)
    first = handle(reopen, close)
    assert isinstance(first, OrderReply)
    assert first.status == "FILLED"
    nothing = Close(order_id="C-2", symbol="EURUSD", ordinal=1)
    refused = handle(reopen, nothing)
    handle(reopen, a_buy("A-2", ordinal=1))
    assert (handle(reopen, close), handle(reopen, nothing)) == (first, refused)
    other = handle(reopen, structs.replace(close, volume=Decimal("0.02")))
    assert other.error_code == "ID_CONFLICT"


def test_a_cancel_of_an_ended_order_reports_its_status(reopen: Reopened) -> None:
    handle(reopen, Confirm(stream_id="stream-1", ordinal=0))
    handle(reopen, a_buy("A-1", ordinal=1))
    ended = handle(reopen, Cancel(order_id="A-1", ordinal=1))
    assert (ended.status, ended.error_code) == ("FILLED", "ORDER_ENDED")
    assert handle(reopen, Cancel(order_id="B-1", ordinal=1)).status == "UNKNOWN"


def test_a_request_for_a_tick_before_the_books_tick_is_out_of_step(reopen: Reopened) -> None:
    handle(reopen, Confirm(stream_id="stream-1", ordinal=0))
    handle(reopen, a_limit(ordinal=1))
    handle(reopen, structs.replace(a_limit("L-2", ordinal=1), price=Decimal("1.05"), stop_loss=None))
    handle(reopen, Confirm(stream_id="stream-1", ordinal=2))
    for request in (
        Cancel(order_id="L-2", ordinal=1),
        Modify(symbol="EURUSD", order_id="L-2", price=Decimal("1.04"), revision=1, ordinal=1),
        Close(order_id="C-1", symbol="EURUSD", ordinal=1),
    ):
        assert handle(reopen, request).error_code == "OUT_OF_STEP"


def test_orders_ended_by_ticks_are_counted_in_the_reply_to_confirm(reopen: Reopened) -> None:
    handle(reopen, Confirm(stream_id="stream-1", ordinal=0))
    handle(reopen, structs.replace(a_limit(ordinal=1), volume=Decimal(50)))
    confirmed = handle(reopen, Confirm(stream_id="stream-1", ordinal=1))
    assert isinstance(confirmed, ConfirmReply)
    assert (confirmed.deal_cursor, confirmed.order_cursor) == (1, 1)
    handle(reopen, Confirm(stream_id="stream-1", ordinal=2))
    assert handle(reopen, Confirm(stream_id="stream-1", ordinal=1)) == confirmed


def a_hedging_gateway() -> Gateway:
    gateway = simulated_gateway(
        stream=STREAM,
        stream_id="stream-1",
        journal=MemoryJournal("journal-1"),
        book_store=MemoryBookStore(),
        boot_id="boot-1",
        terms=AccountTerms(Decimal(10_000), mode=AccountMode.HEDGING),
    )
    confirm(gateway, 0)
    return gateway


def test_a_position_of_a_hedging_account_is_closed_by_its_ticket() -> None:
    gateway = a_hedging_gateway()
    for order_id in ("A-1", "A-2"):
        gateway.handle(a_buy(order_id), AT_REST)
    [refused] = gateway.handle(Close(order_id="C-1", symbol="EURUSD"), AT_REST)
    assert refused.error_code == "UNKNOWN_POSITION"
    [closed] = gateway.handle(Close(order_id="C-2", symbol="EURUSD", position=2), AT_REST)
    assert isinstance(closed, OrderReply)
    assert (closed.status, closed.position) == ("FILLED", 2)
    [changed] = gateway.handle(Modify(symbol="EURUSD", position=1, stop_loss=Decimal("1.09")), AT_REST)
    assert isinstance(changed, ModifyReply)
    assert changed.position is not None
    assert changed.position.order_id == "A-1"


def test_every_request_of_the_protocol_has_a_handler() -> None:
    """A request without a handler would end the gateway's process."""
    assert a_gateway()._handlers.keys() == set(get_args(Request))
