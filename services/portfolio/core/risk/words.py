"""What denials are told in."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from proto.units import plain
from services.portfolio.core.risk.terms import Account, Denial

_HUNDREDTH: Final = Decimal("0.01")


def percent(value: Decimal) -> str:
    """To two decimals."""
    return f"{plain(value.quantize(_HUNDREDTH, rounding=ROUND_HALF_UP))} %"


def instant(time_ns: int) -> str:
    """To the second, in UTC."""
    return f"{datetime.fromtimestamp(time_ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def beyond(code: str, amount: Decimal | None, whole: Decimal, most_pct: Decimal, account: Account) -> Denial | None:
    """The denial of an amount, of either sign, that is more than so many percent of a whole; None when it is not.

    An amount that is not known denies, too: nothing is guessed.
    """
    assert account.book.stream is not None
    currency, limit = account.book.stream.currency, whole * most_pct / 100
    words = f"{percent(most_pct)} of {whole:.0f} {currency}"
    if amount is None:
        return Denial(code, words, "no known rate")
    return None if abs(amount) <= limit else Denial(code, words, f"{abs(amount):.0f} {currency}")
