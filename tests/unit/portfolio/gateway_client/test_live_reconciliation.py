"""Differences found with open orders are confirmed if they last, except while a market order has no outcome."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from proto.control import Difference, TradingState
from proto.gateway import Cancel, Fault, Simulate
from proto.trading.enums import OrderType
from services.mt5.core.simulated.venue import SimulatedVenue
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.gateway_client.deals import HISTORY_FINAL_AFTER_NS
from services.portfolio.core.gateway_client.difference_times import DifferenceTimes
from services.portfolio.core.gateway_client.live_reconciliation import RECHECK_DELAY_NS
from services.portfolio.core.gateway_client.reconciliation import SymbolDifference
from services.portfolio.core.plan.plan import Entry, Plan
from tests.support.builders import a_signal, some_rules
from tests.support.desk_harness import DeskHarness, a_live_desk
from tests.unit.portfolio.gateway_client.one_order_desk import an_order_in_flight, pass_time, the_order

RESTING_NEAR = Plan(entry=Entry(type=OrderType.LIMIT, offset_points=500, lifetime_s=600))
RESTING = Plan(entry=Entry(type=OrderType.LIMIT, offset_points=5_000, lifetime_s=600))


@pytest.fixture
def desk() -> DeskHarness:
    """A live desk with one resting entry."""
    driven = a_live_desk(plan=RESTING)
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    assert the_order(driven).status is OrderStatus.ACCEPTED
    return driven


def a_cash_difference(ledger: str, venue: str) -> SymbolDifference:
    difference = Difference(kind="cash", subject="account 1", ledger=ledger, venue=venue, remedy="")
    return SymbolDifference(difference, "")


def lose_a_cent(driven: DeskHarness) -> None:
    """Lower the venue's balance without a deal."""
    venue = driven.gateway.venue
    assert isinstance(venue, SimulatedVenue)
    venue._book.balance -= Decimal("0.01")


def reconcile(driven: DeskHarness) -> list[tuple[str, str]]:
    """Compare twice, as on a person's request; return the kind of each difference, and whether it is confirmed."""
    earlier = len(driven.comparisons)
    driven.answer_all(driven.compare())
    while len(driven.comparisons) == earlier:  # a scheduled comparison may have begun before
        driven.answer_all(driven.wait(RECHECK_DELAY_NS // 1_000_000))
    return [(found.kind, found.remedy.partition(":")[0]) for found in driven.comparisons[-1].differences]


def wait_until_final(driven: DeskHarness) -> None:
    """Let the venue's history become final while the order rests; until shortly before, nothing is confirmed."""
    pass_time(driven, seconds=HISTORY_FINAL_AFTER_NS // 1_000_000_000 - 2)
    assert the_order(driven).status is OrderStatus.ACCEPTED
    assert driven.state.account.book.trading_state is TradingState.ACTIVE, reason(driven)
    pass_time(driven, seconds=2 * some_rules().reconcile_every_ns // 1_000_000_000)


def reason(driven: DeskHarness) -> str:
    trading = driven.state.account.book.trading
    return trading.reason if trading is not None else ""


def test_a_resting_order_is_no_difference(desk: DeskHarness) -> None:
    assert reconcile(desk) == []
    wait_until_final(desk)
    assert the_order(desk).status is OrderStatus.ACCEPTED
    assert desk.state.account.book.trading_state is TradingState.ACTIVE, reason(desk)


def test_different_cash_halts_a_desk_with_a_resting_order(desk: DeskHarness) -> None:
    """The balance of both sides is 10000 before the venue loses a cent. A person sees the difference at once."""
    lose_a_cent(desk)
    assert reconcile(desk) == [("cash", "not confirmed")]
    wait_until_final(desk)
    assert desk.state.account.book.trading_state is TradingState.HALTED
    assert "ledger 10000, venue 9999.99" in reason(desk)


def test_trades_do_not_restart_the_time_of_a_difference_in_cash() -> None:
    """Ledger and venue gain a cent each between two comparisons; the missing cent stays missing."""
    times = DifferenceTimes()
    times.update([a_cash_difference("10000", "9999.99")], 0, is_full=False)
    times.update([a_cash_difference("10000.01", "10000")], 60, is_full=False)
    assert times.lasted_ns(a_cash_difference("10000.01", "10000"), 100) == 100
    assert times.lasted_ns(a_cash_difference("10000.01", "9999"), 100) == 0
    times.update([], 120, is_full=False)
    assert times.lasted_ns(a_cash_difference("10000.01", "10000"), 130) == 0


def test_a_partial_comparison_keeps_the_time_of_a_difference_that_only_a_full_one_finds() -> None:
    times = DifferenceTimes()
    found = structs.replace(a_cash_difference("1", "2").difference, subject="deal 7")
    times.update([SymbolDifference(found, "EURUSD")], 0, is_full=True)
    times.update([], 50, is_full=False)
    assert times.lasted_ns(SymbolDifference(found, "EURUSD"), 100) == 100


def test_a_difference_in_cash_that_has_ended_starts_from_zero_when_it_returns() -> None:
    times, found = DifferenceTimes(), a_cash_difference("1", "2")
    times.update([found], 0, is_full=True)
    times.update([], 50, is_full=False)
    assert times.lasted_ns(found, 100) == 0


def test_a_resting_order_moved_at_the_venue_halts_the_desk(desk: DeskHarness) -> None:
    book, order = desk.state.account.book, the_order(desk)
    assert order.limit_price is not None
    book.orders[order.order_id] = structs.replace(order, limit_price=order.limit_price + Decimal("0.001"))
    assert reconcile(desk) == [("terms", "not confirmed")]
    wait_until_final(desk)
    assert book.trading_state is TradingState.HALTED
    assert f"terms order {order.order_id}" in reason(desk)


def test_a_resting_order_that_ended_at_the_venue_is_no_difference_and_is_ended_by_the_next_query(
    desk: DeskHarness,
) -> None:
    desk.gateway.handle(Cancel(order_id=the_order(desk).order_id, epoch=desk.state.lease.epoch), desk.now)
    assert reconcile(desk) == []
    desk.answer_all(desk.wait(2_000))
    assert the_order(desk).status is OrderStatus.CANCELED
    assert desk.state.account.book.trading_state is TradingState.ACTIVE


def test_a_deal_of_a_resting_order_that_the_venue_shows_late_is_no_difference() -> None:
    """The quotes fall through the price of the resting order while the venue's history is incomplete for 20 s."""
    driven = a_live_desk([(1.1 - n / 1_000, 1.1001 - n / 1_000) for n in range(60)], faults=True, plan=RESTING_NEAR)
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    assert the_order(driven).status is OrderStatus.ACCEPTED
    driven.gateway.handle(Simulate(fault=Fault.HISTORY_INCOMPLETE, duration_ms=20_000), driven.now)
    for _ in range(20):
        driven.gateway.on_timer(driven.now)
        driven.answer_all(driven.wait(500))
    assert [position.volume for position in driven.gateway.venue.positions()] == [Decimal("0.01")]
    assert the_order(driven).status is OrderStatus.ACCEPTED
    assert reconcile(driven) == [("position", "not confirmed")]
    assert driven.state.account.book.trading_state is TradingState.ACTIVE, reason(driven)
    pass_time(driven, seconds=30)
    assert the_order(driven).status is OrderStatus.FILLED
    assert driven.state.account.book.trading_state is TradingState.ACTIVE, reason(driven)


def test_different_cash_is_not_confirmed_while_an_order_is_in_flight() -> None:
    driven = a_live_desk()
    an_order_in_flight(driven)
    lose_a_cent(driven)
    assert reconcile(driven) == []
    assert driven.state.account.book.trading_state is TradingState.ACTIVE, reason(driven)
