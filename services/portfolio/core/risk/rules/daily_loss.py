"""Daily loss: denies opening orders while the loss of the server's day is at or above the limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from proto.trading.server_time import next_day_ns, server_day
from services.portfolio.core.account.events import RiskReset
from services.portfolio.core.risk.equity_levels import EquityLevel, Reference
from services.portfolio.core.risk.formatting import format_percent
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.rule import (
    LimitUtilization,
    Phase,
    RiskRule,
    RuleCode,
    RuleLimit,
    RuleReset,
    amount_texts,
    measured_utilization,
)
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Deny with DAILY_LOSS while the loss from the day's first or highest equity is at or above the limit.

    `now_ns` is venue time.
    """
    most = context.limits.daily_loss_pct_max
    if most is None:
        return None
    for since, pct in daily_loss_pct(context, now_ns).items():
        if pct >= most:
            loss = format_percent(pct)
            return Denial("DAILY_LOSS", f"{format_percent(most)} from {since}", loss, until_ns=next_day_ns(now_ns))
    return None


def until(_order: OrderProposal, _context: RiskContext, now_ns: int) -> int:
    """Return the end of the server's day (see `rule.Until`)."""
    return next_day_ns(now_ns)


def daily_loss_pct(context: RiskContext, now_ns: int) -> dict[str, Decimal]:
    """Return the losses of the server's day in percent, by the name of the reference equity; a gain is negative.

    The result is empty before the day's first tick. `now_ns` is venue time.
    """
    peaks = context.risk_state.peaks
    if peaks.equity is None or peaks.day != server_day(now_ns):
        return {}
    return {
        since: (reference - peaks.equity) / reference * 100
        for since, reference in (("the day's start", peaks.day_start), ("the day's high", peaks.day_high))
        if reference is not None and reference > 0
    }


def _equity_levels(limits: Limits) -> Sequence[EquityLevel]:
    limit_pct = limits.daily_loss_pct_max
    if limit_pct is None:
        return ()
    return [EquityLevel(Reference.DAY_START, limit_pct), EquityLevel(Reference.DAY_HIGH, limit_pct)]


def _utilization(context: RiskContext, now_ns: int) -> Iterator[LimitUtilization]:
    limit = context.limits.daily_loss_pct_max
    if limit is None:
        return
    for since, pct in daily_loss_pct(context, now_ns).items():
        yield measured_utilization(
            "DAILY_LOSS",
            f"from {since}",
            format_percent(limit),
            format_percent(pct),
            amount=pct,
            limit=limit,
            unit="%",
            decimals="0.01",
            ends_ns=next_day_ns(now_ns) if pct >= limit else 0,
        )


def _remembered(risk_state: RiskState, _symbol: str) -> dict[str, str]:
    peaks = risk_state.peaks
    return amount_texts({"the day's start": peaks.day_start, "the day's high": peaks.day_high, "equity": peaks.equity})


def _clear(risk_state: RiskState, event: RiskReset) -> None:
    risk_state.peaks.day_start = risk_state.peaks.day_high = event.equity


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "DAILY_LOSS",
            "loss in percent from the day's first or highest equity; denies until the equity recovers or the server's "
            "next day begins",
            "wait for the server's next day, or until the equity recovers",
        ),
    ),
    phases=Phase.BEFORE_SIZING | Phase.RESTING,
    check=check,
    limits=(RuleLimit("daily_loss_pct_max"),),
    needs_equity=True,
    can_be_excepted=True,
    equity_levels=_equity_levels,
    reset=RuleReset(by_symbol=False, values=_remembered, clear=_clear),
    utilization=_utilization,
    until=until,
)
