"""No tick within the bounds of the exits moves a stop, closes a position or cancels a resting entry.

The ticks are around the prices and times at which an exit may fall due.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import Phase as Stage
from hypothesis import find, given, settings
from hypothesis import strategies as st
from msgspec import structs

from marketdata.tick_bounds import TickBounds
from proto.control import TradingState
from proto.messages import Signal
from proto.time import HOUR_NS, MINUTE_NS
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.units import to_decimal
from services.portfolio.core.account.events import OrderCreated, OrderUpdated, ProtectionSet, TradingStateChanged
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.protection import Protection
from services.portfolio.core.decision.exit_bounds import add_exit_bounds
from services.portfolio.core.decision.exits import ExitEvents, exit_events
from services.portfolio.core.decision.order_factory import decision_at
from services.portfolio.core.decision.signal_decision import LOCK_STEP_CONDITIONS
from services.portfolio.core.risk.state import Breaker
from services.portfolio.core.state.portfolio_state import PortfolioState
from tests.support.builders import START_NS
from tests.unit.portfolio.risk.scenes import Scene, only

SYMBOLS = ("EURUSD", "GBPUSD")
PRICES_AT = {"EURUSD": Decimal("1.1"), "GBPUSD": Decimal("1.25")}
NOON_NS = START_NS - START_NS % HOUR_NS

Ticks = list[tuple[str, int, int, int]]
"""Symbol, minutes after the start, bid and spread in points from the price of the symbol."""


def a_signal(symbol: str, time_ns: int, bid_points: int, spread_points: int) -> Signal:
    bid = float(PRICES_AT[symbol] + Decimal(bid_points) / 100_000)
    return Signal("one", "stream", symbol, 1, 1, time_ns, bid, bid + spread_points / 100_000, 0, 0.0, "", 0, 0)


def an_order(state: PortfolioState, symbol: str, side: Side, **terms: Any) -> Order:
    number = len(state.account.book.orders) + 1
    decision = decision_at(
        a_signal(symbol, NOON_NS, 0, 2),
        state.account.book,
        state.stream.cursor,
        direction=side.sign,
        position_before=Decimal(0),
        reason="",
    )
    fields = {"price": PRICES_AT[symbol], "status": OrderStatus.PENDING, "created_ns": NOON_NS, **terms}
    return Order(
        order_id=f"live-{number:06d}",
        number=number,
        symbol=symbol,
        side=side,
        volume=Decimal("0.1"),
        decision=decision,
        **fields,
    )


@st.composite
def desks(draw: st.DrawFn) -> PortfolioState:
    """A desk with positions, their protections, and open orders."""
    limits = only(
        trading_hours=draw(st.sampled_from((None, "00:00-24:00", "14:00-15:30", "15:00-03:00"))),
        breaker_losses=draw(st.sampled_from((None, 3))),
    )
    scene = Scene(limits)
    state = scene.state
    minutes = st.integers(-60, 180)
    if draw(st.booleans()):
        session = draw(st.sampled_from(((0, 7 * 24 * 60), (0, 60))))
        for symbol in SYMBOLS:
            scene.term(symbol, sessions=(session,))
    state.stream.cursor.time_ns = NOON_NS
    if draw(st.booleans()):
        state.stream.risk.breakers["EURUSD"] = Breaker(until_ns=NOON_NS + draw(minutes) * MINUTE_NS, trips=1)
    for symbol in SYMBOLS:
        lots = draw(st.sampled_from(("", "0.1", "-0.1")))
        if not lots:
            continue
        scene.hold(symbol, lots)
        away = draw(st.integers(-60, 60))
        revision = draw(st.sampled_from((0, 0, 0, 1)))
        protection = Protection(
            symbol=symbol,
            position=0,
            tag="desk",
            stop_loss=draw(st.sampled_from((None, PRICES_AT[symbol] + Decimal(away) / 100_000))),
            trailing_stop_points=draw(st.sampled_from((0, 10, 25))),
            trailing_step_points=draw(st.sampled_from((1, 7))),
            exit_ns=draw(st.sampled_from((0, NOON_NS + draw(minutes) * MINUTE_NS))),
            revision=revision,
            answered=draw(st.sampled_from((revision, 0))),
        )
        state.account.emit(
            ProtectionSet(protection=protection, why="", ordinal=1, time_ns=NOON_NS, bid=Decimal(1), ask=Decimal(1))
        )
    for _ in range(draw(st.integers(0, 3))):
        symbol, side = draw(st.sampled_from(SYMBOLS)), draw(st.sampled_from(Side))
        resting = {"type": OrderType.LIMIT, "limit_price": PRICES_AT[symbol], "time_in_force": TimeInForce.GTC}
        order = an_order(state, symbol, side, **draw(st.sampled_from((resting, resting, {}))))
        state.account.emit(OrderCreated(order=order))
        status = draw(st.sampled_from((OrderStatus.ACCEPTED, OrderStatus.ACCEPTED, OrderStatus.IN_DOUBT)))
        state.account.emit(
            OrderUpdated(
                order_id=order.order_id, status=status, ticket=1, retcode=None, code="", error="", time_ns=NOON_NS
            )
        )
    trading = draw(st.sampled_from((TradingState.ACTIVE, TradingState.ACTIVE, *TradingState)))
    state.account.emit(TradingStateChanged(state=trading, reason="", by="person", time_ns=NOON_NS))
    return state


ticks = st.lists(
    st.tuples(st.sampled_from(SYMBOLS), st.integers(0, 180), st.integers(-110, 110), st.integers(0, 6)),
    min_size=1,
    max_size=40,
)


def is_within(signal: Signal, bounds: TickBounds) -> bool:
    at = bounds.symbols.index(signal.symbol)
    return bool(
        signal.time_ns < min(bounds.any_ns, int(bounds.tick_ns[at]))
        and bounds.bid_low[at] < signal.bid < bounds.bid_high[at]
        and bounds.ask_low[at] < signal.ask < bounds.ask_high[at]
    )


def exits_of(state: PortfolioState, signal: Signal) -> ExitEvents:
    return exit_events(signal, state.account.book, state.stream, state.config, LOCK_STEP_CONDITIONS)


def signals_of(drawn: Ticks) -> list[Signal]:
    ordered = sorted(drawn, key=lambda tick: tick[1])
    return [a_signal(symbol, NOON_NS + minute * MINUTE_NS, bid, spread) for symbol, minute, bid, spread in ordered]


def bounds_of(state: PortfolioState) -> TickBounds:
    bounds = TickBounds(SYMBOLS)
    add_exit_bounds(state, bounds)
    return bounds


@settings(max_examples=200)
@given(state=desks(), drawn=ticks)
def test_no_tick_within_the_bounds_causes_an_exit(state: PortfolioState, drawn: Ticks) -> None:
    bounds = bounds_of(state)
    at_exits = [
        a_signal(guard.symbol, guard.exit_ns + shift_ns, 0, 2)
        for guard in state.account.book.protections.values()
        if guard.exit_ns
        for shift_ns in (-1, 0)
    ]
    for signal in at_exits + signals_of(drawn):
        if is_within(signal, bounds):
            assert exits_of(state, signal) == []
            assert state.stream.cursor.denied == {}


@pytest.mark.parametrize("kind", ["stop", "time", "cancel"])
def test_each_kind_of_exit_occurs_at_a_drawn_tick_while_others_are_within_the_bounds(kind: str) -> None:
    """Bounds that every tick is outside of would pass the test above."""

    def has_both(drawn: tuple[PortfolioState, Ticks]) -> bool:
        state, signals = drawn[0], signals_of(drawn[1])
        bounds = bounds_of(state)
        found = [type(event).__name__ for signal in signals for event in exits_of(state, signal)]
        is_found = {"stop": "ProtectionSet", "time": "OrderCreated", "cancel": "CancelRequested"}[kind] in found
        return is_found and any(is_within(signal, bounds) for signal in signals)

    assert find(
        st.tuples(desks(), ticks), has_both, settings=settings(phases=[Stage.generate], max_examples=500, database=None)
    )


def test_a_trailing_stop_moves_at_the_bound_and_not_a_point_before() -> None:
    scene = Scene()
    scene.hold("EURUSD", "0.1")
    state = scene.state
    guard = Protection(
        symbol="EURUSD", position=0, tag="desk", stop_loss=Decimal("1.09900"), trailing_stop_points=50,
        trailing_step_points=5,
    )  # fmt: skip
    state.account.emit(
        ProtectionSet(protection=guard, why="", ordinal=1, time_ns=NOON_NS, bid=Decimal(1), ask=Decimal(1))
    )
    bounds = bounds_of(state)
    assert bounds.bid_high.tolist() == [pytest.approx(1.09955), float("inf")]
    assert not is_within(a_signal("EURUSD", NOON_NS, -45, 2), bounds)
    [moved] = exits_of(state, a_signal("EURUSD", NOON_NS, -45, 2))
    assert isinstance(moved, ProtectionSet)
    assert moved.protection.stop_loss == to_decimal(1.09905)
    assert is_within(a_signal("EURUSD", NOON_NS, -46, 2), bounds)


def test_a_market_order_that_waits_at_the_venue_has_no_bounds() -> None:
    state = Scene().state
    order = structs.replace(an_order(state, "EURUSD", Side.BUY), status=OrderStatus.ACCEPTED)
    state.account.emit(OrderCreated(order=order))
    assert all(is_within(signal, bounds_of(state)) for signal in signals_of([("EURUSD", 0, 0, 2), ("GBPUSD", 9, 5, 1)]))
