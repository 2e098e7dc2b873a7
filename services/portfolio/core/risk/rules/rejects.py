"""A venue that rejects order after order is not to be asked on."""

from __future__ import annotations

from proto.control import TradingState
from proto.trading.broker_time import last_minute
from services.portfolio.core.risk.types import Account, Denial, Proposal


def check(_order: Proposal, account: Account, now_ns: int) -> Denial | None:
    """REJECTS in the last minute at their limit: the desk only reduces from then on."""
    most = account.limits.rejects_per_minute_max
    if most is None:
        return None
    seen = len(last_minute(account.cursor.risk.reject_times_ns, now_ns))
    if seen < most:
        return None
    return Denial("REJECTS", f"fewer than {most} a minute", str(seen), TradingState.REDUCE_ONLY)
