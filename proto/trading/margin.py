"""Free margin and margin level of an account. All amounts are in account currency."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

LEVEL_STEP: Final = Decimal("0.01")


def free_margin(*, equity: Decimal, margin: Decimal) -> Decimal:
    """Equity minus margin; negative when the margin exceeds the equity."""
    return equity - margin


def margin_level_pct(*, equity: Decimal, margin: Decimal) -> Decimal | None:
    """Equity in percent of the margin, rounded to two decimals; None when there is no margin."""
    if not margin:
        return None
    return (equity * 100 / margin).quantize(LEVEL_STEP, rounding=ROUND_HALF_UP)
