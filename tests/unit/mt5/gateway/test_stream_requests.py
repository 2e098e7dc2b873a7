"""The gateway's replies to CONFIRM, HELLO, GET_TICKS and other requests that place no order."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from proto.codec import MalformedMessageError, decode_reply, encode
from proto.gateway import (
    AccountReply,
    Confirm,
    ConfirmReply,
    DealsReply,
    ErrorCode,
    ErrorReply,
    GetAccount,
    GetDeals,
    GetOrders,
    GetPositions,
    GetSymbolInfo,
    GetTicks,
    Hello,
    HelloReply,
    OrderReply,
    OrdersReply,
    Ping,
    PingReply,
    PositionsReply,
    Reply,
    Request,
    SymbolReply,
    TicksReply,
)
from proto.time import Now
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.book_store import MemoryBookStore
from tests.unit.mt5.builders import AT_REST, SECOND_NS, START_NS, a_buy, a_gateway, a_sell, confirm, placed


def ask(gateway: Gateway, request: Request) -> Reply:
    return gateway.handle(request, AT_REST)[0]


def hello(gateway: Gateway) -> HelloReply:
    reply = ask(gateway, Hello(client="test"))
    assert isinstance(reply, HelloReply)
    return reply


def test_every_reply_has_the_common_fields_and_its_request_id() -> None:
    gateway = a_gateway()
    confirm(gateway, 0)
    requests: list[Request] = [
        Ping(request_id="r"),
        Hello(client="test", request_id="r"),
        GetAccount(request_id="r"),
        GetPositions(request_id="r"),
        GetOrders(request_id="r"),
        GetDeals(request_id="r"),
        GetSymbolInfo(symbol="EURUSD", request_id="r"),
        GetTicks(symbol="EURUSD", from_sequence=1, request_id="r"),
        msgspec.structs.replace(a_buy(ordinal=1), request_id="r"),
        msgspec.structs.replace(a_buy("A-2", symbol="NOPE"), request_id="r"),
    ]
    for request in requests:
        reply = ask(gateway, request)
        header = (reply.mode, reply.venue, reply.account, reply.boot_id, reply.request_id)
        assert header == ("simulated", "simulated-mt5", "paper-USD", "boot-1", "r"), request
        assert decode_reply(encode(reply)) == reply


def test_hello_reports_the_state_of_the_stream() -> None:
    gateway = a_gateway(pace=Pace(window=2))
    confirm(gateway, 1)
    reply = hello(gateway)
    assert (reply.stream_id, reply.journal_id, reply.window, reply.fills) == ("stream-1", "journal-1", 2, "ideal")
    assert (reply.confirmed, reply.published, reply.sequences) == (1, 3, {"EURUSD": 3})
    assert (reply.now_ns, reply.first_time_ns) == (START_NS + SECOND_NS, START_NS)
    assert (reply.currency, reply.currency_digits) == ("USD", 2)
    assert len(reply.data_sha256) == 64


def test_the_venue_time_in_lock_step_is_that_of_the_books_tick() -> None:
    gateway = a_gateway()
    confirm(gateway, 1)
    [reply] = gateway.handle(Ping(), Now(domain_ns=2 * START_NS, mono_ns=5))
    assert isinstance(reply, PingReply)
    assert reply.now_ns == START_NS + SECOND_NS


def test_confirm_steps_the_book_and_a_repeated_confirm_gets_the_same_reply() -> None:
    gateway = a_gateway()
    confirm(gateway, 0)
    placed(gateway, a_buy(ordinal=1))
    first = confirm(gateway, 1)
    placed(gateway, a_sell("A-2", ordinal=2))
    again = confirm(gateway, 1)
    assert isinstance(first, ConfirmReply)
    assert (first.ordinal, first.deal_cursor, first.quiet, first.end_of_data) == (1, 2, True, False)
    assert again == first
    assert gateway.venue.ordinal == 2


def test_the_reply_to_the_last_confirm_has_all_deals_and_the_counts() -> None:
    gateway = a_gateway()
    for ordinal in range(3):
        confirm(gateway, ordinal)
    placed(gateway, a_buy(ordinal=3))
    reply = confirm(gateway, 3)
    assert isinstance(reply, ConfirmReply)
    assert (reply.end_of_data, reply.deal_cursor) == (True, 2)
    assert reply.counts is not None
    assert (reply.counts.read, reply.counts.published) == (3, 3)
    assert gateway.venue.ordinal == 3


def test_a_lower_confirm_is_answered_and_changes_nothing() -> None:
    gateway = a_gateway()
    for ordinal in (0, 1, 2):
        confirm(gateway, ordinal)
    reply = confirm(gateway, 0)
    assert isinstance(reply, ConfirmReply)
    assert (reply.ordinal, gateway.venue.ordinal, hello(gateway).confirmed) == (0, 3, 2)


def test_a_confirm_of_another_stream_is_refused_with_both_stream_ids() -> None:
    reply = confirm(a_gateway(), 0, stream_id="other")
    assert isinstance(reply, ErrorReply)
    assert reply.error_code is ErrorCode.UNKNOWN_STREAM
    assert reply.error is not None
    assert "other" in reply.error
    assert "stream-1" in reply.error


def test_confirm_of_a_tick_past_the_last_is_refused() -> None:
    gateway = a_gateway()
    confirm(gateway, 0)
    reply = confirm(gateway, 1_000)
    assert isinstance(reply, ErrorReply)
    assert reply.error_code is ErrorCode.OUT_OF_STEP
    assert gateway.venue.ordinal == 1


def test_a_confirm_after_a_restart_steps_the_gateway_to_the_confirmed_tick() -> None:
    store = MemoryBookStore()
    first = a_gateway(book_store=store)
    confirm(first, 0)
    placed(first, a_buy(ordinal=1))
    confirm(first, 1)
    second = a_gateway(book_store=store, boot_id="boot-2")
    assert (hello(second).confirmed, hello(second).published) == (0, 1)
    [reply] = second.handle(Confirm(stream_id="stream-1", ordinal=2), AT_REST)
    assert isinstance(reply, ConfirmReply)
    assert reply.deal_cursor == 2
    assert [tick.ordinal for tick in second.on_timer(AT_REST)] == [3]


def test_a_restart_at_the_end_of_the_data_continues_there() -> None:
    store = MemoryBookStore()
    first = a_gateway(book_store=store)
    for ordinal in range(4):
        confirm(first, ordinal)
    assert hello(a_gateway(book_store=store)).published == 3


def test_unpublished_ticks_are_not_in_replies() -> None:
    gateway = a_gateway()
    confirm(gateway, 0)
    reply = ask(gateway, GetTicks(symbol="EURUSD", from_sequence=1))
    assert isinstance(reply, TicksReply)
    assert (reply.ordinal, reply.bid, reply.from_sequence) == ([1], [1.1], 1)
    unknown = ask(gateway, GetTicks(symbol="NZDUSD", from_sequence=1))
    assert unknown.error_code is ErrorCode.UNKNOWN_SYMBOL


def test_a_live_stream_steps_the_book_when_it_publishes() -> None:
    gateway = a_gateway(pace=Pace(window=0, factor=1.0))
    gateway.on_timer(Now(0, 0))
    assert gateway.venue.ordinal == 1
    gateway.on_timer(Now(0, SECOND_NS))
    assert gateway.venue.ordinal == 2
    assert gateway.domain_ns(SECOND_NS + SECOND_NS // 2) == START_NS + SECOND_NS + SECOND_NS // 2
    confirm(gateway, 2)
    assert gateway.venue.ordinal == 2


def test_the_heartbeat_reports_the_last_published_tick() -> None:
    gateway = a_gateway()
    confirm(gateway, 0)
    beat = gateway.heartbeat(AT_REST)
    assert (beat.ordinal, beat.sequences, beat.time_ns) == (1, {"EURUSD": 1}, START_NS)


def test_deals_and_orders_are_returned_in_pages() -> None:
    gateway = a_gateway()
    confirm(gateway, 0)
    for number in range(5):
        placed(gateway, a_buy(f"A-{number}"))
    first = ask(gateway, GetDeals(limit=4))
    assert isinstance(first, DealsReply)
    assert ([deal.deal for deal in first.deals], first.next) == ([1, 2, 3, 4], 4)
    second = ask(gateway, GetDeals(after=4, limit=4))
    assert isinstance(second, DealsReply)
    assert ([deal.deal for deal in second.deals], second.next) == ([5, 6], None)
    orders = ask(gateway, GetOrders(after=3))
    assert isinstance(orders, OrdersReply)
    assert [order.order_id for order in orders.orders] == ["A-3", "A-4"]
    nothing = ask(gateway, GetPositions(after=1))
    assert isinstance(nothing, PositionsReply)
    assert (nothing.positions, nothing.next) == ([], None)


def test_replies_have_the_desks_names_of_symbols() -> None:
    gateway = a_gateway(symbol_map={"EURUSD": "EURUSD.m"})
    confirm(gateway, 0)
    assert placed(gateway, a_buy()).symbol == "EURUSD"
    info = ask(gateway, GetSymbolInfo(symbol="EURUSD"))
    assert isinstance(info, SymbolReply)
    assert info.instrument.symbol == "EURUSD"
    for request in (GetPositions(), GetOrders(), GetDeals(after=1)):
        reply = ask(gateway, request)
        rows = getattr(reply, type(request).__name__.removeprefix("Get").lower())
        assert [row.symbol for row in rows] == ["EURUSD"]
    assert ask(gateway, GetSymbolInfo(symbol="EURUSD.m")).error_code is ErrorCode.UNKNOWN_SYMBOL
    assert placed(gateway, a_buy("A-2", symbol="EURUSD.m")).error_code is ErrorCode.UNKNOWN_SYMBOL
    assert gateway.venue.positions()[0].symbol == "EURUSD.m"


@pytest.mark.parametrize(
    ("symbol", "digits", "contract"),
    [
        ("EURUSD", 5, 100_000),
        ("USDJPY", 3, 100_000),
        ("XAUUSD", 2, 100),
        ("XAGUSD", 3, 5_000),
        ("EURUSDpro", 5, 100_000),
    ],
)
def test_the_terms_of_a_symbol_are_returned(symbol: str, digits: int, contract: int) -> None:
    reply = ask(a_gateway(), GetSymbolInfo(symbol=symbol))
    assert isinstance(reply, SymbolReply)
    assert (reply.instrument.digits, int(reply.instrument.contract_size)) == (digits, contract)
    assert reply.instrument.tick_size == Decimal(1).scaleb(-digits)


@pytest.mark.parametrize("symbol", ["EUR", "EUREUR", "EURXXX", "eurusd", "EURUSDX", "AAPL", "EURUSD ", "EURUSD\n"])
def test_the_terms_of_an_unknown_symbol_are_refused(symbol: str) -> None:
    assert ask(a_gateway(), GetSymbolInfo(symbol=symbol)).error_code is ErrorCode.UNKNOWN_SYMBOL


def test_the_account_is_reported_with_the_cursor_of_its_deals() -> None:
    gateway = a_gateway()
    confirm(gateway, 0)
    placed(gateway, a_buy(volume="0.10"))
    reply = ask(gateway, GetAccount())
    assert isinstance(reply, AccountReply)
    assert (reply.balance, reply.equity) == (Decimal(10_000), Decimal(9_998))
    assert (reply.deal_cursor, reply.ordinal) == (2, 1)


def test_a_malformed_order_with_a_readable_id_is_rejected_under_that_id() -> None:
    gateway = a_gateway()
    error = MalformedMessageError("volume is nonsense", ErrorCode.INVALID_VOLUME)
    fields = {"action": "BUY", "order_id": "A-1", "symbol": "EURUSD", "request_id": "r"}
    reply = gateway.refuse(error, fields)
    assert isinstance(reply, OrderReply)
    assert (reply.status, reply.order_id, reply.symbol, reply.retcode) == ("REJECTED", "A-1", "EURUSD", 10014)
    assert reply.request_id == "r"
    assert isinstance(gateway.refuse(error), ErrorReply)
    assert isinstance(gateway.refuse(error, {**fields, "order_id": 7}), ErrorReply)
    assert isinstance(gateway.refuse(error, {**fields, "action": "PING"}), ErrorReply)


def test_a_malformed_repeat_of_a_filled_order_gets_an_error_reply() -> None:
    gateway = a_gateway()
    confirm(gateway, 0)
    placed(gateway, a_buy())
    error = MalformedMessageError("BUY has no field 'x'", ErrorCode.UNKNOWN_FIELD)
    reply = gateway.refuse(error, {"action": "BUY", "order_id": "A-1"})
    assert isinstance(reply, ErrorReply)
    assert reply.error_code is ErrorCode.UNKNOWN_FIELD
