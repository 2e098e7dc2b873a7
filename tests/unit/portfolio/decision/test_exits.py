"""Unit tests of `exit_events`: time exits, trailing stops and cancels of resting orders."""

from __future__ import annotations

from typing import Any

import pytest

from proto.control import TradingState
from proto.time import HOUR_NS
from proto.trading.enums import OrderType, Side, TimeInForce
from services.portfolio.core.account.events import CancelRequested, OrderCreated, ProtectionSet
from services.portfolio.core.account.protection import Protection
from services.portfolio.core.decision.exits import TIME_EXIT_RETRY_NS, ExitEvents, exit_events
from services.portfolio.core.decision.signal_decision import LOCK_STEP_CONDITIONS
from tests.support.builders import START_NS, a_signal, an_order
from tests.unit.portfolio.risk.scenes import SERVER_MIDNIGHT_NS, D, Scene, only

AFTER_HOURS_NS = SERVER_MIDNIGHT_NS + 20 * HOUR_NS


def exits_of(scene: Scene) -> ExitEvents:
    """The events of a tick of EURUSD at the scene's time."""
    state = scene.state
    signal = a_signal(9, time_ns=scene.now_ns)
    return exit_events(signal, state.account.book, state.stream, state.config, LOCK_STEP_CONDITIONS)


def a_position_with_a_due_time_exit() -> Scene:
    """0.10 lots of EURUSD whose time exit is due."""
    scene = Scene().hold("EURUSD", "0.1")
    protection = Protection(symbol="EURUSD", position=0, tag="desk", exit_ns=START_NS)
    scene.state.account.emit(
        ProtectionSet(protection=protection, why="a test", ordinal=1, time_ns=START_NS, bid=D("1.1"), ask=D("1.1001"))
    )
    return scene


def with_order_in_flight(scene: Scene, side: Side, volume: str, **terms: Any) -> Scene:
    """Add an order in flight to the scene."""
    number = len(scene.state.account.book.orders) + 1
    scene.state.account.emit(OrderCreated(order=an_order(number, side, volume, **terms)))
    return scene


def with_resting_order(scene: Scene, side: Side, volume: str) -> Scene:
    """Add a resting limit order to the scene."""
    price = D("1.09") if side is Side.BUY else D("1.11")
    return with_order_in_flight(
        scene, side, volume, type=OrderType.LIMIT, limit_price=price, time_in_force=TimeInForce.GTC
    )


def test_a_time_exit_closes_the_position_and_is_retried_later() -> None:
    protection_set, made = exits_of(a_position_with_a_due_time_exit())
    assert isinstance(protection_set, ProtectionSet)
    assert protection_set.protection.exit_ns == START_NS + TIME_EXIT_RETRY_NS
    assert isinstance(made, OrderCreated)
    assert (made.order.side, made.order.volume) == (Side.SELL, D("0.1"))


def test_a_time_exit_waits_for_an_order_in_flight_that_may_close_the_position() -> None:
    """On a netting account a second close would reverse the position."""
    assert exits_of(with_order_in_flight(a_position_with_a_due_time_exit(), Side.SELL, "0.10")) == []


def test_a_time_exit_does_not_wait_for_a_resting_order_or_a_close_of_another_position() -> None:
    for scene in (
        with_resting_order(a_position_with_a_due_time_exit(), Side.SELL, "0.10"),
        with_order_in_flight(a_position_with_a_due_time_exit(), Side.SELL, "0.10", position=7),
    ):
        assert [type(event) for event in exits_of(scene)] == [ProtectionSet, OrderCreated]


def a_halted_desk() -> Scene:
    scene = Scene()
    scene.state.account.set_trading_state(TradingState.HALTED, "PERSON", "a test", by="person")
    return scene


def a_desk_after_hours() -> Scene:
    return Scene(only(trading_hours="07:00-20:00")).at(AFTER_HOURS_NS)


@pytest.mark.parametrize("scene", [a_halted_desk, a_desk_after_hours])
def test_resting_orders_that_open_are_canceled_and_those_that_only_reduce_stay(scene: Any) -> None:
    """With 0.10 lots long, a resting SELL of 0.10 only reduces; a SELL of 0.11 reverses and a BUY adds."""
    assert exits_of(with_resting_order(scene().hold("EURUSD", "0.1"), Side.SELL, "0.10")) == []
    [ended] = exits_of(with_resting_order(scene().hold("EURUSD", "0.1"), Side.SELL, "0.11"))
    assert isinstance(ended, CancelRequested)
    [ended] = exits_of(with_resting_order(scene().hold("EURUSD", "0.1"), Side.BUY, "0.10"))
    assert isinstance(ended, CancelRequested)


def a_trailed_position(**terms: Any) -> Scene:
    """A long position of 0.10 lots with a trailing stop of 10 points, on a symbol with these terms."""
    scene = Scene().term(**terms).hold("EURUSD", "0.1")
    protection = Protection(symbol="EURUSD", position=0, tag="desk", stop_loss=D("1.09"), trailing_stop_points=10)
    scene.state.account.emit(
        ProtectionSet(protection=protection, why="a test", ordinal=1, time_ns=START_NS, bid=D("1.1"), ask=D("1.1001"))
    )
    return scene


def test_a_trailing_stop_within_the_stops_level_is_not_moved() -> None:
    """The venue has raised its stops level above the trailing distance."""
    [moved] = exits_of(a_trailed_position(stops_level_points=10))
    assert isinstance(moved, ProtectionSet)
    assert exits_of(a_trailed_position(stops_level_points=11)) == []
