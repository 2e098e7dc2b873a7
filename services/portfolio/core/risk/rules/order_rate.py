"""Order rate: orders of a symbol per second, and of all symbols per minute and per day of the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proto.time import MINUTE_NS, SECOND_NS
from proto.trading.server_time import next_day_ns, server_day, within_last_minute
from services.portfolio.core.account.events import OrderCreated, RiskReset
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.rule import (
    LimitUtilization,
    Phase,
    RiskRule,
    RuleCode,
    RuleLimit,
    RuleReset,
    count_utilization,
)
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Deny with ORDER_RATE an order that exceeds one of the three limits; `now_ns` is venue time."""
    limits, memory = context.limits, context.risk_state
    most = limits.orders_per_second_max
    last_ns = memory.last_order_ns.get(order.instrument.symbol)
    # Only the symbol's latest order is stored. So n orders per second means at least 1/n s between two orders.
    if most == 0:
        return Denial("ORDER_RATE", "0 a second of a symbol", "1")
    if most is not None and last_ns is not None and (now_ns - last_ns) * most < SECOND_NS:
        return Denial(
            "ORDER_RATE", f"{most} a second of a symbol", f"{(now_ns - last_ns) / SECOND_NS:.3f} s after the last"
        )
    most = limits.orders_per_minute_max
    if most is not None and (seen := len(within_last_minute(memory.order_times_ns, now_ns))) >= most:
        return Denial("ORDER_RATE", f"{most} a minute", str(seen + 1))
    most = limits.orders_per_day_max
    of_day = orders_today(memory, now_ns)
    if most is not None and of_day >= most:
        return Denial("ORDER_RATE", f"{most} a day", str(of_day + 1))
    return None


def until(order: OrderProposal, context: RiskContext, now_ns: int) -> int:
    """Return the time at which an order leaves one of the counts (see `rule.Until`)."""
    memory, changes_ns = context.risk_state, [next_day_ns(now_ns)]
    changes_ns += [time_ns + MINUTE_NS for time_ns in within_last_minute(memory.order_times_ns, now_ns)]
    most, last_ns = context.limits.orders_per_second_max, memory.last_order_ns.get(order.instrument.symbol)
    if most and last_ns is not None and (now_ns - last_ns) * most < SECOND_NS:
        changes_ns.append(last_ns + -(-SECOND_NS // most))
    return min(changes_ns)


def orders_today(risk_state: RiskState, now_ns: int) -> int:
    """Return the number of orders made so far on the server's day of venue time `now_ns`."""
    return risk_state.orders_of_day if risk_state.order_day == server_day(now_ns) else 0


def _on_order(risk_state: RiskState, event: OrderCreated, limits: Limits) -> None:
    now_ns = event.order.created_ns
    # Every commit stores these times, so they are kept only for a limit that counts them.
    is_counted = limits.orders_per_minute_max is not None
    risk_state.order_times_ns = [*within_last_minute(risk_state.order_times_ns, now_ns), now_ns] if is_counted else []
    risk_state.last_order_ns[event.order.symbol] = now_ns
    day = server_day(now_ns)
    if risk_state.order_day != day:
        risk_state.order_day, risk_state.orders_of_day = day, 0
    risk_state.orders_of_day += 1


def _utilization(context: RiskContext, now_ns: int) -> Iterator[LimitUtilization]:
    limits, memory = context.limits, context.risk_state
    for limit, period, count in (
        (limits.orders_per_minute_max, "a minute", len(within_last_minute(memory.order_times_ns, now_ns))),
        (limits.orders_per_day_max, "a day", orders_today(memory, now_ns)),
    ):
        if limit is not None:
            yield count_utilization("ORDER_RATE", "", f"{limit} {period}", count=count, limit=limit)


def _remembered(risk_state: RiskState, _symbol: str) -> dict[str, str]:
    counts = {
        "orders in the minute before the latest one": len(risk_state.order_times_ns),
        "orders of the day": risk_state.orders_of_day,
    }
    return {name: str(count) for name, count in counts.items() if count}


def _clear(risk_state: RiskState, _event: RiskReset) -> None:
    risk_state.order_times_ns, risk_state.orders_of_day = [], 0
    risk_state.last_order_ns.clear()


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "ORDER_RATE",
            "number of orders: of one symbol per second; of all symbols per minute, and per day of the server",
            "wait until there are fewer orders within the second, minute or day of the limit",
        ),
    ),
    phases=Phase.BEFORE_SIZING,
    check=check,
    limits=(
        RuleLimit("orders_per_second_max", "{} a second of a symbol"),
        RuleLimit("orders_per_minute_max"),
        RuleLimit("orders_per_day_max"),
    ),
    can_be_excepted=True,
    reset=RuleReset(by_symbol=False, values=_remembered, clear=_clear),
    updates={OrderCreated: _on_order},
    utilization=_utilization,
    until=until,
)
