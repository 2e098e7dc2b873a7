"""Free margin and margin level of an account. Amounts are in account currency."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

LEVEL_STEP: Final = Decimal("0.01")


def free_margin(*, equity: Decimal, margin: Decimal) -> Decimal:
    """What is left of the equity for further positions; negative when there is too little."""
    return equity - margin


def margin_level_pct(*, equity: Decimal, margin: Decimal) -> Decimal | None:
    """Equity in percent of the margin, rounded to two decimals; None when no margin is held back."""
    if not margin:
        return None
    return (equity * 100 / margin).quantize(LEVEL_STEP, rounding=ROUND_HALF_UP)
