"""Decisions on signals: an order, a denial or a block, and the counts of denials and blocks."""

from __future__ import annotations

from decimal import Decimal

from proto.messages import Signal
from proto.trading.enums import Side
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, OrderCreated, OrderDenied
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.accounting.valuation import AccountValuation
from services.portfolio.core.decision.signal_decision import (
    DecisionResult,
    decide_signal,
    update_risk_from_tick,
)
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.risk.limits import NO_LIMITS
from services.portfolio.core.state.config import DeskConfig
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.stream import StreamState
from tests.support.builders import a_book, a_deal, a_signal, some_rules

D = Decimal


def holding(net: str = "0", symbol: str = "EURUSD") -> Book:
    """An account in USD with a position of `net` signed lots."""
    book = a_book(symbols=[symbol])
    if volume := D(net):
        side = Side.BUY if volume > 0 else Side.SELL
        deal = a_deal(1, side, str(abs(volume)), "1.1", symbol=symbol)
        book.apply(DealBooked(deal=deal, order_id="", closings=[]))
    return book


def event_of_signal(
    book: Book,
    direction: int = 1,
    cursor: TickCursor | None = None,
    *,
    volume: str = "0.01",
    on_opposite: OnOpposite = OnOpposite.CLOSE,
) -> OrderCreated | OrderDenied | None:
    """Decide one signal; return its event, if any."""
    rules = some_rules(volume=volume, on_opposite=on_opposite)
    return decided_event(a_signal(1, direction), book, cursor or TickCursor(), rules)


def decided_event(
    signal: Signal, book: Book, cursor: TickCursor, rules: DeskConfig
) -> OrderCreated | OrderDenied | None:
    """Record one signal and decide it, in the same sequence as portfolio; return its event, if any."""
    stream = StreamState(PersistedState(cursor))
    stream.count(signal)
    update_risk_from_tick(signal, AccountValuation(book), stream, spread=True, equity=True)
    return only_event(decide_signal(signal, book, stream, rules))


def only_event(decided: DecisionResult) -> OrderCreated | OrderDenied | None:
    """The only event of a decision, if any."""
    events = [event for event in decided.events if isinstance(event, OrderCreated | OrderDenied)]
    assert len(events) == len(decided.events) <= 1
    return events[0] if events else None


def test_a_buy_makes_an_order_at_the_ask_with_the_inputs_of_its_decision() -> None:
    event = event_of_signal(holding())
    assert isinstance(event, OrderCreated)
    order = event.order
    assert (order.order_id, order.number, order.side, order.volume) == ("01234567-000001", 1, Side.BUY, D("0.01"))
    assert order.price == order.decision.ask == D("1.1001")
    assert order.decision.bid == D("1.1")
    assert order.decision.reason == "[RISK] PASS: Signal=BUY(1), Position=FLAT"
    assert order.decision.position_before == 0


def test_a_sell_closes_a_long_at_the_bid() -> None:
    event = event_of_signal(holding("0.05"), -1)
    assert isinstance(event, OrderCreated)
    assert (event.order.side, event.order.volume, event.order.price) == (Side.SELL, D("0.05"), D("1.1"))
    assert event.order.decision.position_before == D("0.05")


def test_a_reversal_closes_and_opens_in_one_order() -> None:
    event = event_of_signal(holding("0.05"), -1, on_opposite=OnOpposite.REVERSE)
    assert isinstance(event, OrderCreated)
    assert event.order.volume == D("0.06")


def test_a_blocked_signal_is_counted_with_its_reason_and_makes_no_event() -> None:
    cursor, book = TickCursor(), holding("0.05")
    for _ in range(3):
        assert event_of_signal(book, 1, cursor) is None
    assert cursor.blocked == {"POSITION_OPEN": 3}
    assert cursor.last_blocked == {"EURUSD": "[RISK] BLOCKED: Signal=BUY(1) but position is LONG(0.05)"}
    assert cursor.denied == {}


def test_an_open_order_blocks_both_directions() -> None:
    cursor, book = TickCursor(), holding()
    event = event_of_signal(book, 1, cursor)
    assert isinstance(event, OrderCreated)
    book.apply(event)
    assert event_of_signal(book, 1, cursor) is None
    assert event_of_signal(book, -1, cursor) is None
    assert cursor.blocked == {"ORDER_OPEN": 2}


def test_only_the_first_of_consecutive_equal_denials_is_an_event() -> None:
    cursor, book = TickCursor(), holding()
    events = [event_of_signal(book, direction, cursor, volume="2") for direction in (1, 1, 1, -1, -1, 1)]
    kept = [event for event in events if event is not None]
    assert [event.direction for event in kept if isinstance(event, OrderDenied)] == [1, -1, 1]
    assert cursor.denied == {"ORDER_VOLUME": 6}
    first = kept[0]
    assert isinstance(first, OrderDenied)
    assert (first.code, first.limit, first.observed) == ("ORDER_VOLUME", "1 lots", "2 lots")


def test_a_denial_after_an_order_is_an_event_again() -> None:
    cursor, book = TickCursor(), holding()
    assert isinstance(event_of_signal(book, 1, cursor, volume="2"), OrderDenied)
    assert isinstance(event_of_signal(book, 1, cursor), OrderCreated)
    assert isinstance(event_of_signal(book, 1, cursor, volume="2"), OrderDenied)


def test_a_volume_limit_does_not_deny_a_close() -> None:
    event = event_of_signal(holding("5"), -1)
    assert isinstance(event, OrderCreated)
    assert event.order.volume == 5


def test_only_the_opening_volume_of_a_reversal_counts_against_the_volume_limit() -> None:
    assert isinstance(event_of_signal(holding("5"), -1, on_opposite=OnOpposite.REVERSE, volume="1"), OrderCreated)


def test_a_reversal_whose_opening_is_denied_still_closes() -> None:
    event = event_of_signal(holding("5"), -1, on_opposite=OnOpposite.REVERSE, volume="1.01")
    assert isinstance(event, OrderCreated)
    assert event.order.volume == 5
    assert event.order.decision.reason.endswith("; closes only: ORDER_VOLUME 1.01 lots, limit 1 lots")


def test_a_signal_is_denied_until_the_conversion_rate_of_its_currency_is_quoted() -> None:
    book, cursor, rules = holding(symbol="USDJPY"), TickCursor(), some_rules("USDJPY", limits=NO_LIMITS)
    signal = a_signal(1, 1, symbol="USDJPY", bid=150.0, ask=150.02)
    denied = only_event(decide_signal(signal, book, StreamState(PersistedState(cursor)), rules))
    assert isinstance(denied, OrderDenied)
    assert denied.code == "NO_CONVERSION_RATE"
    StreamState(PersistedState(cursor)).count(signal)
    assert isinstance(decided_event(signal, book, cursor, rules), OrderCreated)
