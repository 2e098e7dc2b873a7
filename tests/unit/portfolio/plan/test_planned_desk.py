"""A lock-step desk with a plan on a few ticks: resting entries, stops, trailing stops, time exits, reversals."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from msgspec import structs

from proto.control import TradingState
from proto.gateway import Buy, Cancel, Modify, Sell
from proto.trading.enums import AccountMode, OrderType, TimeInForce
from services.mt5.core.gateway.tick_publisher import Pace
from services.portfolio.core.account.events import DealBooked, OrderCreated
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Cause
from services.portfolio.core.decision.exits import TIME_EXIT_RETRY_NS
from services.portfolio.core.decision.signal_decision import decide_signal
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.plan.plan import Entry, Exits, Plan
from services.portfolio.core.risk.limits import NO_LIMITS
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.stream import StreamState
from tests.support.builders import START_NS, TICK_NS, a_deal, a_gateway, a_signal, a_stream, an_order, some_rules
from tests.support.desk_harness import DeskHarness

D = Decimal
Quotes = Sequence[tuple[float, float]]


def quotes_at(*bids: float) -> Quotes:
    """Quotes with these bids and a spread of ten points."""
    return [(bid, round(bid + 0.0001, 5)) for bid in bids]


class PlannedDesk:
    """A lock-step desk and the quotes of its stream."""

    def __init__(
        self,
        quotes: Quotes,
        plan: Plan,
        *,
        mode: AccountMode = AccountMode.NETTING,
        on_opposite: OnOpposite = OnOpposite.CLOSE,
    ) -> None:
        self.quotes = quotes
        gateway = a_gateway(a_stream(*quotes), pace=Pace(1), mode=mode)
        self.harness = DeskHarness(gateway, rules=some_rules(plan=plan, on_opposite=on_opposite))
        self.harness.run_up()

    def tick(self, ordinal: int, direction: int = 0) -> None:
        """Publish, decide and confirm one tick."""
        harness, (bid, ask) = self.harness, self.quotes[ordinal - 1]
        harness.gateway.on_timer(harness.now)
        harness.answer_all(harness.deliver(a_signal(ordinal, direction, bid=bid, ask=ask)))
        harness.answer_all(harness.pause())

    def play(self, *directions: int) -> PlannedDesk:
        """Publish, decide and confirm one tick for each direction, from tick 1."""
        for ordinal, direction in enumerate(directions, 1):
            self.tick(ordinal, direction)
        return self

    @property
    def net(self) -> Decimal:
        """Net volume of the position in lots; long is positive."""
        return self.harness.state.account.book.position("EURUSD").net_volume


BOTH = pytest.mark.parametrize("mode", list(AccountMode))


@BOTH
def test_an_entry_is_sent_with_its_stops_and_they_become_the_protection(mode: AccountMode) -> None:
    plan = Plan(exits=Exits(stop_loss_points=50, take_profit_points=100))
    desk = PlannedDesk(quotes_at(1.1, 1.1, 1.1), plan, mode=mode).play(1, 0)
    [order] = desk.harness.requests_of(Buy)
    assert isinstance(order, Buy)
    assert (order.stop_loss, order.take_profit) == (D("1.0996"), D("1.1011")), "distances from the ask, 1.1001"
    [protection] = desk.harness.state.account.book.protections.values()
    assert (protection.stop_loss, protection.take_profit) == (D("1.0996"), D("1.1011"))
    assert protection.position == (1 if mode is AccountMode.HEDGING else 0)


@BOTH
def test_a_stop_loss_closes_the_position_at_the_venue_and_ends_its_protection(mode: AccountMode) -> None:
    plan = Plan(exits=Exits(stop_loss_points=50))
    desk = PlannedDesk(quotes_at(1.1, 1.1, 1.0990, 1.1), plan, mode=mode).play(1, 0, 0, 0)
    book = desk.harness.state.account.book
    assert desk.net == 0
    assert book.protections == {}
    assert [deal.reason.value for deal in book.deals[1:]] == ["CLIENT", "STOP_LOSS"]
    assert book.deals[-1].price == D("1.099"), "the bid of the tick, which is below the stop"
    assert len(book.orders) == 1, "a stop of the venue is no order of the desk"


@BOTH
def test_a_trailing_stop_follows_a_rising_market_and_never_moves_down(mode: AccountMode) -> None:
    plan = Plan(exits=Exits(trailing_stop_points=30, trailing_step_points=10))
    desk = PlannedDesk(quotes_at(1.1, 1.1, 1.1005, 1.1003, 1.1010, 1.1010), plan, mode=mode).play(1, 0, 0, 0, 0, 0)
    moved = [request for request in desk.harness.requests_of(Modify) if isinstance(request, Modify)]
    # The stop begins 30 points below the ask, at 1.0998, and moves by at least 10 points: to 1.1002 and 1.1007.
    assert [request.stop_loss for request in moved] == [D("1.1002"), D("1.1007")]
    assert [request.revision for request in moved] == [1, 2]
    [protection] = desk.harness.state.account.book.protections.values()
    assert (protection.stop_loss, protection.answered) == (D("1.1007"), 2)
    [position] = desk.harness.gateway.venue.positions()
    assert position.stop_loss == D("1.1007")


def test_a_position_is_closed_at_its_time_exit() -> None:
    plan = Plan(exits=Exits(time_exit_s=3))
    desk = PlannedDesk(quotes_at(*[1.1] * 6), plan).play(1, 0, 0, 0, 0)
    first, second = desk.harness.state.account.book.orders.values()
    assert second.decision.cause is Cause.TIME_EXIT
    assert second.created_ns == START_NS + 3 * TICK_NS, "three seconds after the deal on tick 1"
    assert (second.side, second.volume) == (first.side.opposite, first.volume)
    assert desk.net == 0


def test_a_failed_time_exit_is_retried_after_a_pause() -> None:
    plan = Plan(exits=Exits(time_exit_s=1))
    desk = PlannedDesk(quotes_at(*[1.1] * 9), plan)
    desk.tick(1, 1)
    venue = desk.harness.gateway.venue
    [protection] = desk.harness.state.account.book.protections.values()
    assert protection.exit_ns == START_NS + TICK_NS
    desk.harness.state.account.set_trading_state(TradingState.HALTED, "PERSON", "by a person", by="person")
    for ordinal in range(2, 6):
        desk.tick(ordinal)
    assert desk.net != 0
    assert desk.harness.state.stream.cursor.denied == {"HALTED": 1}
    desk.harness.state.account.resume_trading("again", by="person")
    for ordinal in range(6, 9):
        desk.tick(ordinal)
    assert desk.net == 0
    exit_order = list(desk.harness.state.account.book.orders.values())[-1]
    assert exit_order.created_ns == START_NS + TICK_NS + TIME_EXIT_RETRY_NS
    assert venue.positions() == []


def test_a_resting_entry_is_filled_by_a_later_tick() -> None:
    plan = Plan(entry=Entry(type=OrderType.LIMIT, offset_points=20), exits=Exits(stop_loss_points=50))
    desk = PlannedDesk(quotes_at(1.1, 1.1, 1.0998, 1.1), plan).play(1)
    [order] = desk.harness.state.account.book.orders.values()
    assert (order.status, order.limit_price, order.time_in_force) == (
        OrderStatus.ACCEPTED,
        D("1.0999"),
        TimeInForce.GTC,
    )
    desk.tick(2)
    [order] = desk.harness.state.account.book.orders.values()
    assert (order.status, order.filled_price) == (OrderStatus.FILLED, D("1.0999"))
    [protection] = desk.harness.state.account.book.protections.values()
    assert protection.stop_loss == D("1.0994")


def test_an_entry_with_a_lifetime_expires_and_the_symbol_can_be_traded_again() -> None:
    plan = Plan(entry=Entry(type=OrderType.STOP, offset_points=50, lifetime_s=2))
    desk = PlannedDesk(quotes_at(*[1.1] * 6), plan).play(1, 0, 0, 0)
    [order] = desk.harness.state.account.book.orders.values()
    assert order.status is OrderStatus.EXPIRED
    desk.tick(5, 1)
    assert len(desk.harness.state.account.book.orders) == 2, "the expired entry does not block the next entry"


def test_an_opposite_signal_cancels_a_resting_entry() -> None:
    plan = Plan(entry=Entry(type=OrderType.LIMIT, offset_points=20))
    desk = PlannedDesk(quotes_at(*[1.1] * 5), plan).play(1, -1, -1)
    first, second = desk.harness.state.account.book.orders.values()
    assert [request.order_id for request in desk.harness.requests_of(Cancel) if isinstance(request, Cancel)] == [
        first.order_id
    ]
    # The stored reason is joined, because the wording rule of tests/tidy refuses its end in a longer text.
    assert (first.status, first.cancel_asked) == (OrderStatus.CANCELED, " ".join(("the signal is SELL", "by now")))
    assert (second.side.value, second.status) == ("SELL", OrderStatus.ACCEPTED)
    assert desk.harness.state.stream.cursor.blocked == {"ORDER_OPEN": 1}


def test_a_signal_in_the_same_direction_keeps_a_resting_entry() -> None:
    plan = Plan(entry=Entry(type=OrderType.LIMIT, offset_points=20))
    desk = PlannedDesk(quotes_at(*[1.1] * 4), plan).play(1, 1, 1)
    assert desk.harness.requests_of(Cancel) == []
    assert len(desk.harness.state.account.book.orders) == 1


def test_a_reversal_on_a_netting_account_is_one_market_order() -> None:
    desk = PlannedDesk(quotes_at(*[1.1] * 4), Plan(), on_opposite=OnOpposite.REVERSE).play(1, -1, 0)
    assert [order.volume for order in desk.harness.state.account.book.orders.values()] == [D("0.01"), D("0.02")]
    assert desk.net == D("-0.01")


def test_a_reversal_on_a_hedging_account_closes_first_and_enters_with_the_next_signal() -> None:
    """Otherwise volume under the old ticket would remain beside the new ticket after a partially filled close."""
    desk = PlannedDesk(quotes_at(*[1.1] * 4), Plan(), mode=AccountMode.HEDGING, on_opposite=OnOpposite.REVERSE).play(
        1, -1
    )
    [close] = [request for request in desk.harness.requests_of(Sell) if isinstance(request, Sell)]
    assert (close.volume, close.position) == (D("0.01"), 1)
    assert desk.harness.state.account.book.position("EURUSD").is_flat
    desk.tick(3, -1)
    assert [deal.entry.value for deal in desk.harness.state.account.book.deals[1:]] == ["IN", "OUT", "IN"]
    assert [(leg.ticket, leg.direction) for leg in desk.harness.state.account.book.position("EURUSD").legs] == [(2, -1)]


def test_a_reversal_with_limit_entries_closes_at_market_and_places_a_limit_order() -> None:
    plan = Plan(entry=Entry(type=OrderType.LIMIT, offset_points=20))
    desk = PlannedDesk(quotes_at(1.1, 1.0998, 1.1, 1.1), plan, on_opposite=OnOpposite.REVERSE).play(1, 0, -1, 0)
    _, close, entry = desk.harness.state.account.book.orders.values()
    assert (close.type, close.status) == (OrderType.MARKET, OrderStatus.FILLED)
    assert (entry.type, entry.status, entry.side.value) == (OrderType.LIMIT, OrderStatus.ACCEPTED, "SELL")
    assert desk.net == 0


def test_an_entry_with_stops_within_the_stops_level_is_denied() -> None:
    plan = Plan(exits=Exits(stop_loss_points=9))
    desk = PlannedDesk(quotes_at(*[1.1] * 3), plan).play(1, 0)
    assert desk.harness.state.stream.cursor.denied == {"INVALID_STOPS": 1}
    assert desk.harness.state.account.book.orders == {}


@BOTH
def test_a_restarted_desk_sends_a_committed_stop_that_was_never_sent(mode: AccountMode) -> None:
    """Portfolio is killed after it has committed a trailing stop and before it sends the MODIFY."""
    plan = Plan(exits=Exits(trailing_stop_points=30, trailing_step_points=10))
    quotes = quotes_at(1.1, 1.1, 1.1006, 1.1006, 1.1006)
    undisturbed = PlannedDesk(quotes, plan, mode=mode).play(1, 0, 0, 0)
    killed = PlannedDesk(quotes, plan, mode=mode).play(1, 0)
    harness = killed.harness
    harness.gateway.on_timer(harness.now)
    lost = harness.deliver(a_signal(3, 0, bid=1.1006, ask=1.1007))
    assert lost, "a MODIFY that is never sent"
    again = DeskHarness(
        harness.gateway,
        rules=harness.state.config,
        book=harness.state.account.book,
        persisted=harness.state.stream.persisted,
    )
    again.run_up()
    killed.harness = again
    killed.tick(4)
    assert again.state.account.book.protections == undisturbed.harness.state.account.book.protections
    assert [p.stop_loss for p in again.gateway.venue.positions()] == [D("1.1003")]


@pytest.mark.parametrize("state", [TradingState.HALTED, TradingState.REDUCE_ONLY])
def test_a_halted_or_reduce_only_desk_cancels_a_resting_entry(state: TradingState) -> None:
    """Otherwise the STOP order would open a position when the market reaches its price."""
    plan = Plan(entry=Entry(type=OrderType.STOP, offset_points=50))
    desk = PlannedDesk(quotes_at(1.1, 1.1, 1.1, 1.102, 1.102), plan).play(1)
    desk.harness.state.account.set_trading_state(state, "PERSON", "enough", by="person")
    for ordinal in range(2, 6):
        desk.tick(ordinal)
    [order] = desk.harness.state.account.book.orders.values()
    assert order.status is OrderStatus.CANCELED
    assert order.cancel_asked.startswith(f"{state}: ")
    assert desk.net == 0


def test_an_order_filled_in_parts_counts_as_one_entry() -> None:
    """After an order filled by three deals, a second entry passes if two legs are allowed, but not if one is."""
    desk = PlannedDesk(quotes_at(*[1.1] * 4), Plan())
    book = desk.harness.state.account.book
    order = an_order(1, volume="0.03")
    book.apply(OrderCreated(order=order))
    for number in (2, 3, 4):
        book.apply(DealBooked(deal=a_deal(number, order_id=order.order_id), order_id=order.order_id, closings=[]))
    rules = some_rules(limits=structs.replace(NO_LIMITS, position_legs_max=2))
    stream = StreamState(PersistedState())
    signal = a_signal(1, 1)
    stream.count(signal)
    assert len(decide_signal(signal, book, stream, rules).events) == 1
    one_only = structs.replace(rules, limits=NO_LIMITS)
    assert not decide_signal(a_signal(2, 1), book, stream, one_only).events


def test_a_trailing_stop_is_not_moved_within_the_freeze_level_of_the_take_profit() -> None:
    """The venue refuses every change of the stops while the price is within 5 points of the take profit."""
    plan = Plan(exits=Exits(trailing_stop_points=30, take_profit_points=100))
    desk = PlannedDesk(quotes_at(1.1, 1.1, 1.10107, 1.10107), plan).play(1, 0, 0, 0)
    assert desk.harness.requests_of(Modify) == [], "the take profit is at 1.1011, three points away"
