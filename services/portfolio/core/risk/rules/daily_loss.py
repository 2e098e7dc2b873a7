"""A day that has lost enough is over."""

from __future__ import annotations

from decimal import Decimal

from proto.trading.server_time import next_day_ns, server_day
from services.portfolio.core.risk.formatting import format_percent
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """DAILY_LOSS until the server's next day: from the day's start or from the day's highest equity."""
    most = context.limits.daily_loss_pct_max
    if most is None:
        return None
    for since, pct in daily_loss_pct(context, now_ns).items():
        if pct >= most:
            loss = format_percent(pct)
            return Denial("DAILY_LOSS", f"{format_percent(most)} from {since}", loss, until_ns=next_day_ns(now_ns))
    return None


def daily_loss_pct(context: RiskContext, now_ns: int) -> dict[str, Decimal]:
    """What the server's day has lost in percent, by what it is measured from; empty before the day's first tick."""
    peaks = context.risk_state.peaks
    if peaks.equity is None or peaks.day != server_day(now_ns):
        return {}
    return {
        since: (reference - peaks.equity) / reference * 100
        for since, reference in (("the day's start", peaks.day_start), ("the day's high", peaks.day_high))
        if reference is not None and reference > 0
    }
