"""The fall from the highest equity: what it forbids is decided tick by tick, and here told once more."""

from __future__ import annotations

from decimal import Decimal

from proto.control import TradingState
from services.portfolio.core.risk.formatting import format_percent
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def drawdown_pct(context: RiskContext) -> Decimal | None:
    """(high - equity) / high in percent; None before the first valuation."""
    peaks = context.risk_state.peaks
    if peaks.high is None or peaks.equity is None or peaks.high <= 0:
        return None
    return (peaks.high - peaks.equity) / peaks.high * 100


def drawdown_headroom(context: RiskContext) -> dict[str, float]:
    """What is left of each level of the limits, as a share of the peak; negative beyond it, empty without a peak."""
    fallen, limits = drawdown_pct(context), context.limits
    levels = {
        "warn": limits.drawdown_warn_pct,
        "reduce": limits.drawdown_reduce_pct,
        "halt": limits.drawdown_halt_pct,
    }
    return {
        name: float(level - fallen) / 100 for name, level in levels.items() if level is not None and fallen is not None
    }


def check(_order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """DRAWDOWN from the level on at which the desk only reduces, or halts."""
    return drawdown_denial(context)


def drawdown_denial(context: RiskContext) -> Denial | None:
    """The same without an order."""
    fallen, limits = drawdown_pct(context), context.limits
    if fallen is None:
        return None
    for limit, then in (
        (limits.drawdown_halt_pct, TradingState.HALTED),
        (limits.drawdown_reduce_pct, TradingState.REDUCE_ONLY),
    ):
        if limit is not None and fallen >= limit:
            return Denial("DRAWDOWN", format_percent(limit), format_percent(fallen), then)
    return None
