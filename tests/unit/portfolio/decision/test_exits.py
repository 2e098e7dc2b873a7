"""What a tick makes of time that is up and of orders that rest, asked of `exit_events` itself."""

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
    """What a tick of EURUSD asks for at the scene's time."""
    state = scene.state
    signal = a_signal(9, time_ns=scene.now_ns)
    return exit_events(signal, state.account.book, state.stream, state.config, LOCK_STEP_CONDITIONS)


def a_position_whose_time_is_up() -> Scene:
    """0.10 lots of EURUSD that were to be closed by now."""
    scene = Scene().hold("EURUSD", "0.1")
    guard = Protection(symbol="EURUSD", position=0, tag="desk", exit_ns=START_NS)
    scene.state.account.emit(
        ProtectionSet(protection=guard, why="a test", ordinal=1, time_ns=START_NS, bid=D("1.1"), ask=D("1.1001"))
    )
    return scene


def ordered(scene: Scene, side: Side, volume: str, **terms: Any) -> Scene:
    """Have an order on its way."""
    number = len(scene.state.account.book.orders) + 1
    scene.state.account.emit(OrderCreated(order=an_order(number, side, volume, **terms)))
    return scene


def resting(scene: Scene, side: Side, volume: str) -> Scene:
    """Have an order that rests at its limit."""
    price = D("1.09") if side is Side.BUY else D("1.11")
    return ordered(scene, side, volume, type=OrderType.LIMIT, limit_price=price, time_in_force=TimeInForce.GTC)


def test_a_position_whose_time_is_up_is_closed_and_tried_again_later() -> None:
    told, made = tended(a_position_whose_time_is_up())
    assert isinstance(told, ProtectionSet)
    assert told.protection.exit_ns == START_NS + TIME_EXIT_RETRY_NS
    assert isinstance(made, OrderCreated)
    assert (made.order.side, made.order.volume) == (Side.SELL, D("0.1"))


def test_a_position_is_not_closed_a_second_time_while_an_order_that_may_close_it_is_on_its_way() -> None:
    """On a netting account a second close would turn the position."""
    assert tended(ordered(a_position_whose_time_is_up(), Side.SELL, "0.10")) == []


def test_an_order_that_rests_or_closes_another_position_does_not_hold_up_a_time_exit() -> None:
    for scene in (
        resting(a_position_whose_time_is_up(), Side.SELL, "0.10"),
        ordered(a_position_whose_time_is_up(), Side.SELL, "0.10", position=7),
    ):
        assert [type(event) for event in tended(scene)] == [ProtectionSet, OrderCreated]


def a_halted_desk() -> Scene:
    scene = Scene()
    scene.state.account.set_trading_state(TradingState.HALTED, "PERSON", "a test", by="person")
    return scene


def a_desk_after_hours() -> Scene:
    return Scene(only(trading_hours="07:00-20:00")).at(AFTER_HOURS_NS)


@pytest.mark.parametrize("scene", [a_halted_desk, a_desk_after_hours])
def test_what_ends_an_order_that_would_open_leaves_one_that_rests_and_only_reduces(scene: Any) -> None:
    """0.10 lots are held: a sale of all of them takes away, one of a step more turns the position, a ticket's closes it."""
    assert tended(resting(scene().hold("EURUSD", "0.1"), Side.SELL, "0.10")) == []
    [ended] = tended(resting(scene().hold("EURUSD", "0.1"), Side.SELL, "0.11"))
    assert isinstance(ended, CancelRequested)
    [ended] = tended(resting(scene().hold("EURUSD", "0.1"), Side.BUY, "0.10"))
    assert isinstance(ended, CancelRequested)


def a_trailed_position(**terms: Any) -> Scene:
    """0.10 lots long whose stop is to follow 10 points behind the market, on a symbol with these terms."""
    scene = Scene().term(**terms).hold("EURUSD", "0.1")
    guard = Protection(symbol="EURUSD", position=0, tag="desk", stop_loss=D("1.09"), trailing_stop_points=10)
    scene.state.account.emit(
        ProtectionSet(protection=guard, why="a test", ordinal=1, time_ns=START_NS, bid=D("1.1"), ask=D("1.1001"))
    )
    return scene


def test_a_stop_nearer_than_the_stops_level_is_not_sent() -> None:
    """The venue has raised its level since the stop began to follow."""
    [moved] = tended(a_trailed_position(stops_level_points=10))
    assert isinstance(moved, ProtectionSet)
    assert tended(a_trailed_position(stops_level_points=11)) == []
