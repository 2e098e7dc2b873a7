"""Resting orders and stops of a lock-step desk when a tick ends or triggers them at the venue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import structs

from proto.control import DeskState
from proto.gateway import Confirm, GetAccount, GetDeals
from proto.messages import Signal
from proto.trading.enums import OrderType
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.tick_publisher import Pace
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.plan.plan import Entry, Exits, Plan
from tests.support.builders import a_gateway, a_signal, a_stream, some_rules
from tests.support.desk_harness import DeskHarness, request_of
from tests.unit.portfolio.gateway_client.one_order_desk import calls_of

QUOTES = [(1.1, 1.1001), (1.1, 1.1001), (1.09, 1.0901), (1.09, 1.0901), (1.09, 1.0901)]


def a_planned_desk(gateway: Gateway, plan: Plan, **changed: Any) -> DeskHarness:
    driven = DeskHarness(gateway, rules=structs.replace(some_rules(), plan=plan), **changed)
    driven.run_up()
    driven.gateway.on_timer(driven.now)
    return driven


def signal_at(ordinal: int, direction: int = 0) -> Signal:
    bid, ask = QUOTES[ordinal - 1]
    return a_signal(ordinal, direction, bid=bid, ask=ask)


def test_after_a_restart_an_order_that_the_next_tick_ended_at_the_venue_is_ended() -> None:
    """The venue has processed the next tick, and portfolio was killed before it received the reply to CONFIRM."""
    plan = Plan(entry=Entry(type=OrderType.LIMIT, offset_points=500, lifetime_s=1))
    gateway = a_gateway(a_stream(*QUOTES), pace=Pace(1, None))
    driven = a_planned_desk(gateway, plan)
    driven.answer_all(driven.deliver(signal_at(1, 1)))
    [order] = driven.state.account.book.orders.values()
    assert order.status is OrderStatus.ACCEPTED
    [confirm] = driven.pause()
    gateway.handle(request_of(confirm), driven.now)
    again = a_planned_desk(gateway, plan, book=driven.state.account.book, persisted=driven.state.stream.persisted)
    assert again.state.stream.desk_state is DeskState.RUNNING
    assert again.state.account.book.orders[order.order_id].status is OrderStatus.EXPIRED


def test_a_confirm_in_flight_from_before_the_restart_does_not_disturb_the_comparison() -> None:
    """The late CONFIRM must not advance the venue by a tick in the middle of the comparison."""
    plan = Plan(entry=Entry(type=OrderType.LIMIT, offset_points=500, lifetime_s=1))
    gateway = a_gateway(a_stream(*QUOTES), pace=Pace(1, None))
    driven = a_planned_desk(gateway, plan)
    driven.answer_all(driven.deliver(signal_at(1, 1)))
    [late] = driven.pause()
    rules = structs.replace(some_rules(), plan=plan)
    again = DeskHarness(gateway, rules=rules, book=driven.state.account.book, persisted=driven.state.stream.persisted)
    calls = again.start()
    while calls:
        [call] = calls
        if isinstance(request_of(call), GetAccount):
            gateway.handle(request_of(late), driven.now)
        calls = again.answer(call)
    assert again.state.stream.desk_state is DeskState.RUNNING, again.state.stream.waiting_for
    [order] = again.state.account.book.orders.values()
    assert order.status is OrderStatus.EXPIRED


def test_no_confirm_is_sent_while_the_deals_of_the_previous_confirm_are_requested() -> None:
    """Replies to two concurrent CONFIRMs would describe the venue's book at two different ticks."""
    plan = Plan(exits=Exits(stop_loss_points=500))
    driven = a_planned_desk(a_gateway(a_stream(*QUOTES), pace=Pace(1, None)), plan)
    driven.answer_all(driven.deliver(signal_at(1, 1)))
    driven.answer_all(driven.pause())
    driven.answer_all(driven.deliver(signal_at(2)))
    [confirm] = driven.pause()
    [pull] = driven.answer(confirm)
    assert isinstance(request_of(pull), GetDeals)
    assert calls_of(driven.wait(5_000), Confirm) == []
    driven.answer_all([pull])
    assert driven.state.account.book.position("EURUSD").is_flat
    assert driven.state.account.book.realized_pnl < Decimal(0)
