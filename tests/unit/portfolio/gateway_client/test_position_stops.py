"""Stops of positions on a live desk: faults of the venue, changes at the terminal, and commands of people."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from proto.control import CloseCommand, ControlError, ModifyCommand, OrderCommandReply, PlaceCommand, TradingState
from proto.gateway import Fault, Modify, Simulate
from proto.trading.enums import OrderType, Side
from services.mt5.core.simulated.venue import SimulatedVenue
from services.portfolio.core.account.events import ProtectionAnswered
from services.portfolio.core.account.protection import Protection
from services.portfolio.ledger.ledger import requires_fsync
from tests.support.desk_harness import DeskHarness, a_live_desk
from tests.unit.portfolio.gateway_client.one_order_desk import an_order_in_flight, calls_of, pass_time, the_order


def a_long_position(driven: DeskHarness) -> None:
    driven.answer_all([an_order_in_flight(driven)])
    driven.answer_all(driven.pause())
    assert driven.state.account.book.position("EURUSD").net_volume == Decimal("0.01")


def set_stop_loss(driven: DeskHarness, price: str, *, key: str = "one") -> OrderCommandReply:
    """Give a person's command to change the stop loss; its request is sent with the next `pause`."""
    reply = driven.command(
        ModifyCommand(
            key=key,
            reason="a test",
            symbol="EURUSD",
            order_id="",
            position=0,
            price=None,
            stop_loss=Decimal(price),
            take_profit=None,
            expires_ns=0,
        )
    )
    assert isinstance(reply, OrderCommandReply), reply
    assert not reply.denied, reply
    return reply


def the_protection(driven: DeskHarness) -> Protection:
    [guard] = driven.state.account.book.protections.values()
    return guard


def stop_at_the_venue(driven: DeskHarness) -> Decimal | None:
    [position] = driven.gateway.venue.positions()
    return position.stop_loss


def test_an_unanswered_modification_is_repeated_until_it_is_answered() -> None:
    driven = a_live_desk(faults=True)
    a_long_position(driven)
    for fault in (Fault.NO_REPLY, Fault.NONE_RESULT):
        driven.gateway.handle(Simulate(fault=fault, count=1), driven.now)
    set_stop_loss(driven, "1.09")
    driven.answer_all(driven.pause())
    assert the_protection(driven).is_in_flight
    pass_time(driven, seconds=1)
    assert (the_protection(driven).answered, the_protection(driven).error) == (1, "")
    assert stop_at_the_venue(driven) == the_protection(driven).stop_loss == Decimal("1.09")


def test_a_modification_is_in_flight_until_the_venue_has_answered() -> None:
    driven = a_live_desk(faults=True)
    a_long_position(driven)
    driven.gateway.handle(Simulate(fault=Fault.BLOCKING_CALL, count=1, duration_ms=3_000), driven.now)
    set_stop_loss(driven, "1.09")
    driven.answer_all(driven.pause())
    assert the_protection(driven).is_in_flight
    pass_time(driven, seconds=4)
    assert not the_protection(driven).is_in_flight
    assert stop_at_the_venue(driven) == Decimal("1.09")


def test_a_modification_reported_done_but_missing_at_the_venue_is_repeated() -> None:
    driven = a_live_desk(faults=True)
    a_long_position(driven)
    driven.gateway.handle(Simulate(fault=Fault.NOT_EXECUTED, count=1), driven.now)
    set_stop_loss(driven, "1.09")
    driven.answer_all(driven.pause())
    assert stop_at_the_venue(driven) is None
    assert the_protection(driven).is_in_flight
    pass_time(driven, seconds=1)
    assert not the_protection(driven).is_in_flight
    assert stop_at_the_venue(driven) == Decimal("1.09")


def test_a_refusal_of_an_earlier_revision_does_not_change_a_later_one() -> None:
    driven = a_live_desk()
    a_long_position(driven)
    set_stop_loss(driven, "1.09")
    set_stop_loss(driven, "1.08", key="two")
    driven.state.account.emit(
        ProtectionAnswered(
            key="EURUSD", revision=1, stop_loss=None, take_profit=None, retcode=None, error="no", time_ns=0
        )
    )
    assert (the_protection(driven).stop_loss, the_protection(driven).revision) == (Decimal("1.08"), 2)


def test_stops_changed_at_the_terminal_are_adopted() -> None:
    driven = a_live_desk()
    a_long_position(driven)
    set_stop_loss(driven, "1.09")
    driven.answer_all(driven.pause())
    venue = driven.gateway.venue
    assert isinstance(venue, SimulatedVenue)
    venue.modify(Modify(symbol="EURUSD", stop_loss=Decimal("1.08"), revision=5))
    driven.answer_all(driven.compare())
    pass_time(driven, seconds=3)
    guard = the_protection(driven)
    assert (guard.stop_loss, guard.revision, guard.is_in_flight) == (Decimal("1.08"), 5, False)
    assert driven.state.account.book.trading_state is TradingState.ACTIVE
    set_stop_loss(driven, "1.07", key="two")
    driven.answer_all(driven.pause())
    assert stop_at_the_venue(driven) == Decimal("1.07")


def place_by_hand(driven: DeskHarness, side: Side, volume: str, **terms: Any) -> None:
    """Place a manual market order and let it be filled."""
    plain: dict[str, Any] = {
        "price": None,
        "time_in_force": None,
        "stop_loss": None,
        "take_profit": None,
        "trailing_stop_points": 0,
        "expires_ns": 0,
    }
    command = PlaceCommand(
        key=f"{side}-{volume}",
        reason="a test",
        symbol="EURUSD",
        side=side,
        volume=Decimal(volume),
        type=OrderType.MARKET,
        **plain | terms,
    )
    reply = driven.command(command)
    assert isinstance(reply, OrderCommandReply), reply
    assert not reply.denied, reply
    pass_time(driven, seconds=1)


def test_a_partial_close_with_stops_keeps_the_stops_of_the_position_at_desk_and_venue() -> None:
    driven = a_live_desk()
    a_long_position(driven)
    place_by_hand(driven, Side.BUY, "0.02", stop_loss=Decimal("1.05"), take_profit=Decimal("1.2"))
    place_by_hand(driven, Side.SELL, "0.01", stop_loss=Decimal("1.2"), trailing_stop_points=500)
    assert driven.state.account.book.position("EURUSD").net_volume == Decimal("0.02")
    guard = the_protection(driven)
    assert (guard.stop_loss, guard.take_profit, guard.trailing_stop_points) == (Decimal("1.05"), Decimal("1.2"), 0)
    assert stop_at_the_venue(driven) == Decimal("1.05")
    driven.answer_all(driven.compare())
    pass_time(driven, seconds=3)
    assert the_protection(driven) == guard
    assert driven.state.account.book.trading_state is TradingState.ACTIVE


def test_a_late_refusal_under_an_earlier_epoch_of_the_desk_is_ignored_and_the_stops_are_set() -> None:
    driven = a_live_desk()
    a_long_position(driven)
    set_stop_loss(driven, "1.09")
    [late] = calls_of(driven.pause(), Modify)
    driven.state.lease.needs_epoch = True
    driven.answer_all(driven.pause())
    assert driven.state.lease.epoch == 2
    driven.answer_all(driven.answer(late))
    assert not driven.state.lease.is_superseded
    pass_time(driven, seconds=1)
    assert stop_at_the_venue(driven) == Decimal("1.09")


def test_a_repeated_modification_with_a_used_key_does_not_undo_a_later_one() -> None:
    driven = a_live_desk()
    a_long_position(driven)
    set_stop_loss(driven, "1.09", key="one")
    set_stop_loss(driven, "1.08", key="two")
    assert set_stop_loss(driven, "1.09", key="one").order_ids == []
    driven.answer_all(driven.pause())
    assert stop_at_the_venue(driven) == Decimal("1.08")


def test_events_of_a_persons_command_are_synced_to_disk_before_the_reply() -> None:
    driven = a_live_desk()
    a_long_position(driven)
    driven.state.account.take_events()
    set_stop_loss(driven, "1.09")
    placed = driven.command(
        PlaceCommand(
            key="three",
            reason="a test",
            symbol="EURUSD",
            side=Side.BUY,
            volume=Decimal("0.01"),
            type=OrderType.MARKET,
            price=None,
            time_in_force=None,
            stop_loss=None,
            take_profit=None,
            trailing_stop_points=0,
            expires_ns=0,
        )
    )
    assert isinstance(placed, OrderCommandReply)
    assert placed.order_ids
    events = driven.state.account.take_events()
    assert len(events) == 2
    assert all(requires_fsync(event) for event in events)


def test_events_of_a_strategys_orders_need_no_sync_to_disk() -> None:
    driven = a_live_desk()
    driven.state.account.take_events()
    an_order_in_flight(driven)
    assert the_order(driven).key == ""
    assert not any(requires_fsync(event) for event in driven.state.account.take_events())


def test_after_a_restart_no_manual_order_is_made_before_the_gateway_has_answered() -> None:
    """The ledger may have lost its latest order ids, which the venue may have used already."""
    driven = a_live_desk()
    a_long_position(driven)
    state = driven.state
    again = DeskHarness(driven.gateway, book=state.account.book, persisted=state.stream.persisted, incarnation="later")
    close = CloseCommand(key="one", reason="a test", symbol="EURUSD", position=0, volume=None)
    calls = again.start()
    assert isinstance(again.command(close), ControlError)
    again.answer_all(calls)
    reply = again.command(close)
    assert isinstance(reply, OrderCommandReply), reply
    assert [order_id.partition("-")[0] for order_id in reply.order_ids] == ["later"]
