"""Differences of a live desk: confirmed beside a resting order, not while an order is in flight."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from proto.control import TradingState
from proto.gateway import Cancel
from proto.trading.enums import OrderType
from services.mt5.core.simulated.venue import SimulatedVenue
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.gateway_client.live_reconciliation import RECHECK_DELAY_NS
from services.portfolio.core.plan.plan import Entry, Plan
from tests.support.builders import a_signal
from tests.support.desk_harness import DeskHarness, a_live_desk
from tests.unit.portfolio.gateway_client.one_order_desk import an_order_in_flight, the_order

RESTING = Plan(entry=Entry(type=OrderType.LIMIT, offset_points=5_000, lifetime_s=600))


@pytest.fixture
def desk() -> DeskHarness:
    """A live desk with one resting entry."""
    driven = a_live_desk(plan=RESTING)
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    assert the_order(driven).status is OrderStatus.ACCEPTED
    return driven


def lose_a_cent(driven: DeskHarness) -> None:
    """Lower the venue's balance without a deal."""
    venue = driven.gateway.venue
    assert isinstance(venue, SimulatedVenue)
    venue._book.balance -= Decimal("0.01")


def reconcile(driven: DeskHarness) -> list[tuple[str, str]]:
    """Compare twice, as a person requests it; returns kind and subject of each confirmed difference."""
    driven.answer_all(driven.compare())
    driven.answer_all(driven.wait(RECHECK_DELAY_NS // 1_000_000))
    [reply] = driven.comparisons
    return [(found.kind, found.subject) for found in reply.differences]


def reason(driven: DeskHarness) -> str:
    trading = driven.state.account.book.trading
    return trading.reason if trading is not None else ""


def test_a_resting_order_is_no_difference(desk: DeskHarness) -> None:
    assert reconcile(desk) == []
    assert desk.state.account.book.trading_state is TradingState.ACTIVE


def test_different_cash_halts_a_desk_with_a_resting_order(desk: DeskHarness) -> None:
    """The balance of both sides is 10000 before the venue loses a cent."""
    lose_a_cent(desk)
    [(kind, _)] = reconcile(desk)
    assert kind == "cash"
    assert desk.state.account.book.trading_state is TradingState.HALTED
    assert "ledger 10000, venue 9999.99" in reason(desk)


def test_a_resting_order_moved_at_the_venue_halts_the_desk(desk: DeskHarness) -> None:
    book, order = desk.state.account.book, the_order(desk)
    assert order.limit_price is not None
    book.orders[order.order_id] = structs.replace(order, limit_price=order.limit_price + Decimal("0.001"))
    assert reconcile(desk) == [("terms", f"order {order.order_id}")]
    assert book.trading_state is TradingState.HALTED


def test_the_end_of_a_resting_order_at_the_venue_is_left_to_its_tracker(desk: DeskHarness) -> None:
    desk.gateway.handle(Cancel(order_id=the_order(desk).order_id, epoch=desk.state.lease.epoch), desk.now)
    assert reconcile(desk) == []
    desk.answer_all(desk.wait(2_000))
    assert the_order(desk).status is OrderStatus.CANCELED
    assert desk.state.account.book.trading_state is TradingState.ACTIVE


def test_different_cash_is_not_confirmed_while_an_order_is_in_flight() -> None:
    driven = a_live_desk()
    an_order_in_flight(driven)
    lose_a_cent(driven)
    assert reconcile(driven) == []
    assert driven.state.account.book.trading_state is TradingState.ACTIVE, reason(driven)
