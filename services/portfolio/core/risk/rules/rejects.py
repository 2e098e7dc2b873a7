"""Stop opening positions when the venue rejects too many orders a minute."""

from __future__ import annotations

from proto.control import TradingState
from proto.trading.server_time import within_last_minute
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """REJECTS in the last minute at their limit: the desk only reduces from then on."""
    most = context.limits.rejects_per_minute_max
    if most is None:
        return None
    seen = len(within_last_minute(context.risk_state.reject_times_ns, now_ns))
    if seen < most:
        return None
    return Denial("REJECTS", f"fewer than {most} a minute", str(seen), TradingState.REDUCE_ONLY)
