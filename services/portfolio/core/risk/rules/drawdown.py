"""Drawdown from the highest equity. At three levels the rule warns, restricts the desk to REDUCE_ONLY, and halts it.

The levels are compared with the drawdown after each change of the equity. `check` also denies orders at the levels of
REDUCE_ONLY and HALTED.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from proto.control import TradingState
from proto.trading.units import floor_to_step
from services.portfolio.core.account.events import RiskReset
from services.portfolio.core.risk.equity_levels import EquityLevel, Reference
from services.portfolio.core.risk.formatting import format_percent
from services.portfolio.core.risk.limits import DEFAULT_LIMITS, Limits
from services.portfolio.core.risk.rule import (
    EquityWatch,
    LimitUtilization,
    Phase,
    RiskRule,
    RuleCode,
    RuleLimit,
    RuleReset,
    amount_texts,
    measured_utilization,
    until_event,
)
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext

LEVELS: Final = ("drawdown_warn_pct", "drawdown_reduce_pct", "drawdown_halt_pct")
"""The levels in the order in which a growing drawdown reaches them."""


def check(_order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with DRAWDOWN at or beyond the levels of REDUCE_ONLY and HALTED."""
    return _denial(drawdown_pct(context), context.limits)


def _denial(fallen: Decimal | None, limits: Limits) -> Denial | None:
    if fallen is None:
        return None
    for limit, then in (
        (limits.drawdown_halt_pct, TradingState.HALTED),
        (limits.drawdown_reduce_pct, TradingState.REDUCE_ONLY),
    ):
        if limit is not None and fallen >= limit:
            return Denial("DRAWDOWN", format_percent(limit), format_percent(fallen), then)
    return None


def _watch(context: RiskContext) -> tuple[str, Denial | None]:
    fallen, warn_pct = drawdown_pct(context), context.limits.drawdown_warn_pct
    warning = ""
    if fallen is not None and warn_pct is not None and fallen >= warn_pct:
        warning = f"drawdown {format_percent(fallen)}, warning level {format_percent(warn_pct)}"
    return warning, _denial(fallen, context.limits)


def drawdown_pct(context: RiskContext) -> Decimal | None:
    """Return (high - equity) / high in percent; None before the first valuation, or if the high is not above 0."""
    peaks = context.risk_state.peaks
    if peaks.high is None or peaks.equity is None or peaks.high <= 0:
        return None
    return (peaks.high - peaks.equity) / peaks.high * 100


def drawdown_headroom(context: RiskContext) -> dict[str, float]:
    """Return the distance to each level that is set, as a fraction of the peak equity; negative beyond the level.

    The result is empty while the drawdown is not known.
    """
    fallen = drawdown_pct(context)
    if fallen is None:
        return {}
    return {name: float(level - fallen) / 100 for name, level in _levels_pct(context.limits).items()}


def drawdown_levels(context: RiskContext) -> dict[str, Decimal]:
    """Return the highest equity at which each level that is set is reached, a multiple of the currency's smallest unit.

    The result is empty while the drawdown is not known.
    """
    peak, stream = context.risk_state.peaks.high, context.book.stream
    if drawdown_pct(context) is None or peak is None or stream is None:
        return {}
    unit = Decimal(1).scaleb(-stream.currency_digits)
    return {
        name: floor_to_step(peak * (100 - level) / 100, unit) for name, level in _levels_pct(context.limits).items()
    }


def _levels_pct(limits: Limits) -> dict[str, Decimal]:
    levels = {
        "warn": limits.drawdown_warn_pct,
        "reduce": limits.drawdown_reduce_pct,
        "halt": limits.drawdown_halt_pct,
    }
    return {name: level for name, level in levels.items() if level is not None}


def _equity_levels(limits: Limits) -> Sequence[EquityLevel]:
    return [EquityLevel(Reference.HIGH, level_pct) for level_pct in _levels_pct(limits).values()]


def _utilization(context: RiskContext, _now_ns: int) -> Iterator[LimitUtilization]:
    limits, fallen = context.limits, drawdown_pct(context)
    levels = [limits.drawdown_warn_pct, limits.drawdown_reduce_pct, limits.drawdown_halt_pct]
    known = [level for level in levels if level is not None]
    if fallen is not None and known:
        texts = " / ".join("none" if level is None else format_percent(level) for level in levels)
        yield measured_utilization(
            "DRAWDOWN",
            "",
            f"warn / reduce only / halt at {texts}",
            format_percent(fallen),
            amount=fallen,
            limit=min((level for level in known if level > fallen), default=max(known)),
            unit="% to the next level",
            decimals="0.01",
        )


def _remembered(risk_state: RiskState, _symbol: str) -> dict[str, str]:
    return amount_texts({"highest equity": risk_state.peaks.high, "equity": risk_state.peaks.equity})


def _clear(risk_state: RiskState, event: RiskReset) -> None:
    risk_state.peaks.high = event.equity


def _on_resume(risk_state: RiskState) -> None:
    risk_state.peaks.high = risk_state.peaks.equity


def _contradiction(limits: Limits) -> str:
    """Describe two levels that are in the wrong order; empty if all are in the right order."""
    levels = [(name, value) for name in LEVELS if (value := getattr(limits, name)) is not None]
    for (lower, least), (upper, most) in pairwise(levels):
        if least > most:
            return f"{lower} is {_shown(lower, least)}, expected at most {upper}, which is {_shown(upper, most)}"
    return ""


def _shown(name: str, value: Decimal) -> str:
    return f"{value:f}{' by default' if value == getattr(DEFAULT_LIMITS, name) else ''}"


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "DRAWDOWN",
            "(high − equity) / high in percent: levels that warn, restrict to REDUCE_ONLY and halt",
            "find the cause of the losses, then `paperdesk resume --reason ...`",
        ),
    ),
    phases=Phase.BEFORE_SIZING | Phase.RESTING,
    check=check,
    limits=tuple(RuleLimit(name) for name in LEVELS),
    contradiction=_contradiction,
    needs_equity=True,
    escalates_to=(TradingState.REDUCE_ONLY, TradingState.HALTED),
    reset=RuleReset(by_symbol=False, values=_remembered, clear=_clear),
    on_resume=_on_resume,
    equity_watch=EquityWatch("DRAWDOWN_WARNING", _watch),
    equity_levels=_equity_levels,
    utilization=_utilization,
    until=until_event,
)
