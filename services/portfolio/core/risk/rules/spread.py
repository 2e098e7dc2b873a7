"""No opening while the spread, which is a cost of the opening, is far above its running median."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from proto.trading.units import decimal_text
from services.portfolio.core.account.events import RiskReset
from services.portfolio.core.risk.rule import (
    LimitUtilization,
    Phase,
    RiskRule,
    RuleCode,
    RuleLimit,
    RuleReset,
    measured_utilization,
    select_names,
    select_symbol,
)
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext

TOLERANCE_POINTS: Final = 0.05
"""The rounding error of a difference of two floats must not cause a denial."""


def usual_spread_points(median: float, point: float) -> float:
    """Return the spread to which the quoted one is compared: the median, but at least one point.

    Args:
        median: running median, in price units.
        point: size of a point, in price units.
    """
    return max(median, point) / point


def is_wide(spread_points: float, usual_points: float, factor: float) -> bool:
    """Whether a spread is above `factor` times the usual one; both spreads are in points."""
    return spread_points > factor * usual_points + TOLERANCE_POINTS


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with SPREAD a spread above a multiple of its running median, or of one point if the median is less."""
    factor, symbol = context.limits.spread_factor_max, order.instrument.symbol
    median, mark = context.risk_state.spread_medians.get(symbol), context.cursor.marks.get(symbol)
    if factor is None or median is None or mark is None:
        return None
    point = 10.0**-order.instrument.digits
    usual, seen = usual_spread_points(median, point), (mark.ask - mark.bid) / point
    if not is_wide(seen, usual, float(factor)):
        return None
    return Denial("SPREAD", f"{decimal_text(factor)} times {usual:.1f} points", f"{seen:.1f} points")


def _utilization(context: RiskContext, _now_ns: int) -> Iterator[LimitUtilization]:
    factor = context.limits.spread_factor_max
    if factor is None:
        return
    for symbol, median in sorted(context.risk_state.spread_medians.items()):
        mark, terms = context.cursor.marks.get(symbol), context.book.instruments.get(symbol)
        if mark is not None and terms is not None:
            points = 10.0**terms.digits
            usual, present = max(median * points, 1.0), (mark.ask - mark.bid) * points
            limit = f"{decimal_text(factor)} times {usual:.1f} points"
            yield measured_utilization(
                "SPREAD",
                symbol,
                limit,
                f"{present:.1f} points",
                amount=Decimal(present),
                limit=factor * Decimal(usual),
                unit="points",
                decimals="0.1",
            )


def _remembered(risk_state: RiskState, symbol: str) -> dict[str, str]:
    medians = {name: f"median {median:.8g}" for name, median in risk_state.spread_medians.items()}
    return select_symbol(symbol, medians)


def _clear(risk_state: RiskState, event: RiskReset) -> None:
    for name in select_names(event.symbol, risk_state.spread_medians):
        del risk_state.spread_medians[name]


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "SPREAD",
            "spread divided by its running median, or by one point if the median is less",
            "wait until the spread is at most the limit, a multiple of its running median",
        ),
    ),
    phases=Phase.BEFORE_SIZING,
    check=check,
    limits=(RuleLimit("spread_factor_max"),),
    needs_spread=True,
    can_be_excepted=True,
    reset=RuleReset(by_symbol=True, values=_remembered, clear=_clear),
    utilization=_utilization,
)
