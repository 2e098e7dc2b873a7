"""Text of the numbers in explanations of volumes.

Money has the decimals of the account currency, other numbers have six significant digits.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from proto.trading.units import decimal_text, round_money

_DIGITS: Final = 6
"""Significant digits in texts; the computation itself does not round."""


def format_number(value: Decimal) -> str:
    """Return a number with six significant digits; all digits before the decimal point are kept."""
    if not value:
        return "0"
    decimals = max(0, _DIGITS - 1 - value.adjusted())
    return decimal_text(value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP))


def format_money(amount: Decimal, currency: str, digits: int) -> str:
    """Return an amount rounded to `digits` decimals, with its currency."""
    return f"{round_money(amount, digits):f} {currency}"


def format_percent(value: Decimal) -> str:
    """Return a percentage as text; `value` is 2 for 2 %."""
    return f"{format_number(value)} %"
