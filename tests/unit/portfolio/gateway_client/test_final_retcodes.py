"""An ended order has the venue's final retcode, live and in lock-step, whatever the sequence of the messages."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from msgspec import structs

from proto.gateway import GetOrders, OrderReplyStatus, OrdersReply, OrderStatusQuery
from proto.trading.enums import OrderType
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.fill_model import IDEAL, Depth
from services.mt5.core.simulated.latency_model import ConstantLatency
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.plan.plan import Entry, Plan
from services.portfolio.core.queries.views import order_row
from services.portfolio.core.risk.limits import NO_LIMITS
from tests.support.builders import TICK_NS, a_gateway, a_signal, a_stream, some_rules
from tests.support.desk_harness import DeskHarness

# Prices rise and fall by five pips, which is enough to fill entries one pip away; one tick a second.
QUOTES = [(round(1.1 + 0.0001 * abs(n % 10 - 5), 5), round(1.1001 + 0.0001 * abs(n % 10 - 5), 5)) for n in range(60)]
LATE = structs.replace(IDEAL, name="late", request_latency=ConstantLatency(ms=40), reply_latency=ConstantLatency(ms=30))
THIN = structs.replace(IDEAL, name="thin", depth=Depth(median_lots=0.05, sigma=1.0))
PLANS = {
    "market": Plan(),
    "limit": Plan(entry=Entry(type=OrderType.LIMIT, offset_points=10)),
    "stop": Plan(entry=Entry(type=OrderType.STOP, offset_points=10)),
}


def desk_after_all_ticks(profile: Any, plan: Plan, *, is_live: bool) -> DeskHarness:
    """A desk after all ticks; its signals change direction every five ticks, halfway between low and high."""
    pace = Pace(0, 1.0) if is_live else Pace(1)
    gateway = a_gateway(a_stream(*QUOTES), pace=pace, profile=profile, seed=3)
    rules = some_rules(volume="0.1", plan=plan, limits=NO_LIMITS)
    driven = DeskHarness(gateway, rules=rules)
    if is_live:
        driven.answer_all(driven.start())
    else:
        driven.run_up()
    for ordinal, (bid, ask) in enumerate(QUOTES, 1):
        gateway.on_timer(driven.now)
        direction = 1 if (ordinal + 3) // 5 % 2 else -1
        driven.answer_all(driven.deliver(a_signal(ordinal, direction, bid=bid, ask=ask)))
        driven.answer_all(driven.pause())
        if is_live:
            driven.answer_all(driven.wait(TICK_NS // 1_000_000))
    return driven


def status_and_retcode_at_venue(driven: DeskHarness) -> dict[str, tuple[str, int]]:
    """Status and retcode of each order as the venue lists it."""
    [reply] = driven.gateway.handle(GetOrders(), driven.now)
    assert isinstance(reply, OrdersReply)
    return {order.order_id: (order.status.value, order.retcode) for order in reply.orders}


BOTH = pytest.mark.parametrize("is_live", [True, False], ids=["live", "lock-step"])


@BOTH
@pytest.mark.parametrize("plan", list(PLANS))
@pytest.mark.parametrize("profile", [IDEAL, LATE, THIN], ids=lambda profile: profile.name)
def test_ledger_and_venue_have_the_same_retcode_for_every_ended_order(profile: Any, plan: str, is_live: bool) -> None:
    driven = desk_after_all_ticks(profile, PLANS[plan], is_live=is_live)
    venue, ended = status_and_retcode_at_venue(driven), Counter[tuple[str, int | None]]()
    for order in driven.state.account.book.orders.values():
        row = order_row(order)
        if not order.status.is_open:
            assert (row.status, row.retcode) == venue[order.order_id], order.order_id
            ended[row.status, row.retcode] += 1
            [reply] = driven.gateway.handle(OrderStatusQuery(order_id=order.order_id), driven.now)
            assert reply.retcode == row.retcode  # type: ignore[union-attr]  # the reply is an OrderReply
    if plan == "market" or profile is IDEAL:  # otherwise the market may have passed the price before the order arrives
        assert ended[OrderStatus.FILLED, 10_009] > 0
    assert all(retcode == 10_009 for status, retcode in ended if status == OrderReplyStatus.FILLED)
    if profile is THIN and plan == "market":
        assert ended[OrderStatus.CANCELED, 10_010] > 0, "the run has partially filled IOC orders"
