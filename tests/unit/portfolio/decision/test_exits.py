"""Time exits, trailing stops and resting orders at a tick, by calls of `exit_events`."""

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


def tended(scene: Scene) -> ExitEvents:
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


def ordered(scene: Scene, side: Side, volume: str, **terms: Any) -> Scene:
    """Have an order in flight."""
    number = len(scene.state.account.book.orders) + 1
    scene.state.account.emit(OrderCreated(order=an_order(number, side, volume, **terms)))
    return scene


def resting(scene: Scene, side: Side, volume: str) -> Scene:
    """Have a resting limit order."""
    price = D("1.09") if side is Side.BUY else D("1.11")
    return ordered(scene, side, volume, type=OrderType.LIMIT, limit_price=price, time_in_force=TimeInForce.GTC)


def test_a_time_exit_closes_the_position_and_is_retried_later() -> None:
    protection_set, made = tended(a_position_with_a_due_time_exit())
    assert isinstance(protection_set, ProtectionSet)
    assert protection_set.protection.exit_ns == START_NS + TIME_EXIT_RETRY_NS
    assert isinstance(made, OrderCreated)
    assert (made.order.side, made.order.volume) == (Side.SELL, D("0.1"))


def test_a_time_exit_waits_for_an_order_in_flight_that_may_close_the_position() -> None:
    """On a netting account a second close would reverse the position."""
    assert tended(ordered(a_position_with_a_due_time_exit(), Side.SELL, "0.10")) == []


def test_a_time_exit_does_not_wait_for_a_resting_order_or_a_close_of_another_position() -> None:
    for scene in (
        resting(a_position_with_a_due_time_exit(), Side.SELL, "0.10"),
        ordered(a_position_with_a_due_time_exit(), Side.SELL, "0.10", position=7),
    ):
        assert [type(event) for event in tended(scene)] == [ProtectionSet, OrderCreated]


def a_halted_desk() -> Scene:
    scene = Scene()
    scene.state.account.set_trading_state(TradingState.HALTED, "PERSON", "a test", by="person")
    return scene


def a_desk_after_hours() -> Scene:
    return Scene(only(trading_hours="07:00-20:00")).at(AFTER_HOURS_NS)


@pytest.mark.parametrize("scene", [a_halted_desk, a_desk_after_hours])
def test_a_cancel_of_resting_orders_that_open_spares_those_that_only_reduce(scene: Any) -> None:
    """0.10 lots are held: a sell of all of them reduces, one step more reverses, a sell of the ticket closes it."""
    assert tended(resting(scene().hold("EURUSD", "0.1"), Side.SELL, "0.10")) == []
    [ended] = tended(resting(scene().hold("EURUSD", "0.1"), Side.SELL, "0.11"))
    assert isinstance(ended, CancelRequested)
    [ended] = tended(resting(scene().hold("EURUSD", "0.1"), Side.BUY, "0.10"))
    assert isinstance(ended, CancelRequested)


def a_trailed_position(**terms: Any) -> Scene:
    """0.10 lots long with a trailing stop of 10 points, on a symbol with these terms."""
    scene = Scene().term(**terms).hold("EURUSD", "0.1")
    protection = Protection(symbol="EURUSD", position=0, tag="desk", stop_loss=D("1.09"), trailing_stop_points=10)
    scene.state.account.emit(
        ProtectionSet(protection=protection, why="a test", ordinal=1, time_ns=START_NS, bid=D("1.1"), ask=D("1.1001"))
    )
    return scene


def test_a_stop_nearer_than_the_stops_level_is_not_sent() -> None:
    """The venue has raised its stops level since the stop began to trail."""
    [moved] = tended(a_trailed_position(stops_level_points=10))
    assert isinstance(moved, ProtectionSet)
    assert tended(a_trailed_position(stops_level_points=11)) == []
