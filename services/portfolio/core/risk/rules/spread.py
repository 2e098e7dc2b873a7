"""A spread far above the usual one is paid for at once."""

from __future__ import annotations

from proto.trading.units import decimal_text
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """SPREAD above a multiple of its running median, or of one point where the median is less."""
    factor, symbol = context.limits.spread_factor_max, order.instrument.symbol
    median, mark = context.risk_state.spread_medians.get(symbol), context.cursor.marks.get(symbol)
    if factor is None or median is None or mark is None:
        return None
    point = 10.0**-order.instrument.digits
    usual, seen = max(median, point) / point, (mark.ask - mark.bid) / point
    # Half a tenth of a point: what floats leave of a difference of two prices must not decide.
    if seen <= float(factor) * usual + 0.05:
        return None
    return Denial("SPREAD", f"{decimal_text(factor)} times {usual:.1f} points", f"{seen:.1f} points")
