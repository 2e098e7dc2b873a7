"""Conditions of symbols that get no new orders although trading in them is allowed."""

from __future__ import annotations

from msgspec import structs

from proto.control import Effect, Severity, headline
from proto.gateway import Fault, Simulate
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.queries.conditions import conditions_of
from services.portfolio.core.queries.idle_symbols import idle_symbols
from tests.contract.conditions.idle_desks import held_back_order, holding_strategy, resting_entry
from tests.support.builders import a_signal
from tests.support.desk_harness import DeskHarness, a_live_desk


def texts(driven: DeskHarness) -> dict[str, str]:
    return {found.code: found.text for found in idle_symbols(driven.state, driven.mono_ns)}


def test_more_than_five_minutes_of_hold_signals_set_strategy_holds_until_another_signal() -> None:
    assert texts(holding_strategy(seconds=300)) == {}
    driven = holding_strategy(seconds=301)
    assert texts(driven) == {"STRATEGY_HOLDS": "every signal of the last 301 s is HOLD"}
    driven.answer_all(driven.deliver(a_signal(3, -1)))
    assert texts(driven) == {}
    driven.answer_all(driven.deliver(a_signal(4, 0)))
    assert texts(driven) == {}, "the time is counted from the latest SELL"


def test_an_entry_that_rests_for_more_than_a_minute_sets_entry_rests_until_it_is_canceled() -> None:
    assert texts(resting_entry(seconds=60)) == {}
    driven = resting_entry(seconds=61)
    [order] = driven.state.account.book.orders.values()
    assert texts(driven) == {"ENTRY_RESTS": f"{order.order_id} has rested for 61 s at {order.limit_price}"}
    driven.answer_all(driven.deliver(a_signal(3, -1)))
    for _ in range(5):
        driven.answer_all(driven.wait(1_000))
        driven.answer_all(driven.pause())
    [order] = driven.state.account.book.orders.values()
    assert order.status is OrderStatus.CANCELED
    assert texts(driven) == {}


def test_strategy_holds_and_entry_rests_are_shown_as_information_only() -> None:
    for driven in (holding_strategy(seconds=301), resting_entry(seconds=61)):
        for found in idle_symbols(driven.state, driven.mono_ns):
            assert (found.severity, found.effect, found.subject) == (Severity.INFO, Effect.NONE, "EURUSD")
            assert headline([found], ["EURUSD"]) == "TRADING"
            assert found in conditions_of(driven.state, driven.mono_ns)


def test_an_unfilled_market_order_sets_order_unanswered_after_three_seconds() -> None:
    assert texts(held_back_order(seconds=3)) == {}
    driven = held_back_order(seconds=4)
    assert texts(driven) == {"ORDER_UNANSWERED": "live-000001 has been open for 4 s"}
    [found] = idle_symbols(driven.state, driven.mono_ns)
    assert headline([found], ["EURUSD"]) == "NOT TRADING"
    [order] = driven.state.account.book.orders.values()
    assert order.status is OrderStatus.ACCEPTED
    for _ in range(70):
        driven.answer_all(driven.wait(1_000))
        driven.gateway.on_timer(driven.now)
    assert texts(driven) == {}, "the venue has executed the order"


def test_consecutive_orders_that_end_without_execution_set_orders_refused() -> None:
    driven = a_live_desk(faults=True)
    driven.gateway.handle(Simulate(fault=Fault.FILL_LATER, count=100, delay_ms=60_000), driven.now)
    for number in range(1, 40):
        driven.gateway.on_timer(driven.now)
        driven.answer_all(driven.wait(1_000))
        signal = structs.replace(a_signal(number, 1), time_ns=driven.state.stream.domain_ns(driven.mono_ns))
        driven.answer_all(driven.deliver(signal))
        driven.answer_all(driven.pause())
    found = {one.code: one.text for one in conditions_of(driven.state, driven.mono_ns)}
    assert "orders in a row ended without execution, the latest: " in found.get("ORDERS_REFUSED", ""), found
