"""A change of a live order or of stops is sent together with its decision or command, not with the next poll."""

from __future__ import annotations

from decimal import Decimal

from proto.control import CancelCommand, ModifyCommand
from proto.gateway import Cancel, ErrorCode, Modify, Request
from proto.trading.enums import OrderType
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.plan.plan import Entry, Exits, Plan
from tests.support.builders import a_signal
from tests.support.desk_harness import DeskHarness, a_live_desk, request_of
from tests.unit.portfolio.gateway_client.one_order_desk import calls_of, pass_time, the_order

RESTING = Plan(entry=Entry(type=OrderType.LIMIT, offset_points=5_000))


def signal_now(number: int, direction: int, driven: DeskHarness, *, bid: float = 1.1) -> list[Request]:
    """Deliver a signal at the current quote; return the requests that it causes before any reply arrives."""
    time_ns = driven.state.stream.domain_ns(driven.mono_ns)
    signal = a_signal(number, direction, time_ns=time_ns, bid=bid, ask=bid + 0.0001)
    return [request_of(call) for call in driven.deliver(signal)]


def a_change(key: str, *, order_id: str = "", price: str | None = None, stop_loss: str | None = None) -> ModifyCommand:
    """A modification of the order `order_id`, or of the position's stops."""
    return ModifyCommand(
        key=key,
        reason="a test",
        symbol="EURUSD",
        order_id=order_id,
        position=0,
        price=None if price is None else Decimal(price),
        stop_loss=None if stop_loss is None else Decimal(stop_loss),
        take_profit=None,
        expires_ns=0,
    )


def a_desk_with_a_resting_order() -> DeskHarness:
    """A desk that queries its resting order at the longest interval, every two seconds."""
    driven = a_live_desk(plan=RESTING)
    pass_time(driven, seconds=1)
    time_ns = driven.state.stream.domain_ns(driven.mono_ns)
    driven.answer_all(driven.deliver(a_signal(1, 1, time_ns=time_ns)))
    pass_time(driven, seconds=9)
    assert the_order(driven).status is OrderStatus.ACCEPTED
    return driven


def test_a_cancel_decided_by_an_opposite_signal_is_sent_with_the_decision() -> None:
    driven = a_desk_with_a_resting_order()
    [cancel, *_] = signal_now(2, -1, driven)
    assert cancel == Cancel(order_id="live-000001", epoch=driven.state.lease.epoch)


def test_a_persons_cancel_is_sent_with_the_command() -> None:
    driven = a_desk_with_a_resting_order()
    driven.command(CancelCommand(key="one", reason="a test", order_id="live-000001"))
    assert calls_of(driven.pause(), Cancel)


def test_a_persons_modification_is_sent_with_the_command() -> None:
    driven = a_desk_with_a_resting_order()
    driven.command(a_change("one", order_id="live-000001", price="1.04"))
    [modify] = calls_of(driven.pause(), Modify)
    assert request_of(modify).price == Decimal("1.04")  # type: ignore[union-attr]


def test_a_trailing_stop_is_sent_with_its_decision_before_the_orders() -> None:
    driven = a_live_desk(plan=Plan(exits=Exits(stop_loss_points=100, trailing_stop_points=100)))
    pass_time(driven, seconds=1)
    signal_now(1, 1, driven)
    pass_time(driven, seconds=2)
    [modify, *_] = signal_now(2, 1, driven, bid=1.12)
    assert isinstance(modify, Modify)
    assert modify.stop_loss == Decimal("1.119")


def test_new_stops_are_sent_at_once_while_a_refused_change_waits_for_its_retry() -> None:
    driven = a_live_desk(plan=Plan(exits=Exits(stop_loss_points=500)))
    pass_time(driven, seconds=1)
    signal_now(1, 1, driven)
    pass_time(driven, seconds=2)
    driven.command(a_change("one", stop_loss="1.09"))
    [first] = calls_of(driven.pause(), Modify)
    driven.refuse(first, ErrorCode.VENUE_BUSY)
    driven.command(a_change("two", stop_loss="1.08"))
    [second] = calls_of(driven.pause(), Modify)
    assert request_of(second).stop_loss == Decimal("1.08")  # type: ignore[union-attr]


def test_a_final_refusal_of_new_stops_halts_the_desk_and_is_retried_only_after_a_pause() -> None:
    driven = a_live_desk(plan=Plan(exits=Exits(stop_loss_points=500)))
    pass_time(driven, seconds=1)
    signal_now(1, 1, driven)
    pass_time(driven, seconds=2)
    driven.command(a_change("one", stop_loss="1.09"))
    [call] = calls_of(driven.pause(), Modify)
    driven.refuse(call, ErrorCode.INVALID_FIELD)
    assert driven.state.account.book.trading_state == "HALTED"
    assert [driven.pause() for _ in range(3)] == [[], [], []]
    assert calls_of(driven.wait(100), Modify)
