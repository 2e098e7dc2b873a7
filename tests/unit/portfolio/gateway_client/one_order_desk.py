"""Helpers for tests of a live desk with one order: the order, the gateway's replies to it, and passing time."""

from __future__ import annotations

from proto.gateway import Buy, OrderReply, OrderReplyStatus
from proto.messages import Call
from services.portfolio.core.account.orders import Order
from tests.support.builders import a_signal
from tests.support.desk_harness import DeskHarness, request_of


def an_order_in_flight(driven: DeskHarness) -> Call:
    [call] = driven.deliver(a_signal(1, 1))
    assert isinstance(request_of(call), Buy)
    return call


def the_order(driven: DeskHarness) -> Order:
    [order] = driven.state.account.book.orders.values()
    return order


def a_reply(driven: DeskHarness, status: OrderReplyStatus) -> OrderReply:
    """A reply of the gateway to the only order, with this status."""
    return OrderReply(
        status=status,
        mode="simulated",
        venue="simulated-mt5",
        account="paper-USD",
        boot_id="boot-1",
        order_id=the_order(driven).order_id,
    )


def calls_of(calls: list[Call], kind: type) -> list[Call]:
    return [call for call in calls if isinstance(request_of(call), kind)]


def pass_time(driven: DeskHarness, *, seconds: int) -> None:
    """Let time pass at gateway and desk, half a second at a time."""
    for _ in range(2 * seconds):
        driven.gateway.on_timer(driven.now)
        driven.answer_all(driven.wait(500))
