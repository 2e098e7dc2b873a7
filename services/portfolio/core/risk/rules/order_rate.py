"""How often orders may be made: by symbol and second, and in all by minute and by the server's day."""

from __future__ import annotations

from proto.trading.server_time import SECOND_NS, server_day, within_last_minute
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """ORDER_RATE past one of the three."""
    limits, memory = context.limits, context.risk_state
    most = limits.orders_per_second_max
    last_ns = memory.last_order_ns.get(order.instrument.symbol)
    # Times within the second are not counted beyond one: at most so many a second is one in that part of it.
    if most == 0:
        return Denial("ORDER_RATE", "0 a second of a symbol", "1")
    if most is not None and last_ns is not None and (now_ns - last_ns) * most < SECOND_NS:
        return Denial(
            "ORDER_RATE", f"{most} a second of a symbol", f"{(now_ns - last_ns) / SECOND_NS:.3f} s after the last"
        )
    most = limits.orders_per_minute_max
    seen = len(within_last_minute(memory.order_times_ns, now_ns))
    if most is not None and seen >= most:
        return Denial("ORDER_RATE", f"{most} a minute", str(seen + 1))
    most = limits.orders_per_day_max
    of_day = orders_today(memory, now_ns)
    if most is not None and of_day >= most:
        return Denial("ORDER_RATE", f"{most} a day", str(of_day + 1))
    return None


def orders_today(risk_state: RiskState, now_ns: int) -> int:
    """Orders made on the server's day so far."""
    return risk_state.orders_of_day if risk_state.order_day == server_day(now_ns) else 0
