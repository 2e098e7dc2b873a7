"""Names, bounds and exact numbers shared by every message.

Prices, volumes and money in orders, fills and the ledger are `Decimal`; ticks and statistics are floats. Bounds are
part of the types, so that a decoder refuses values outside them; a `Decimal` is checked by `require_exact`, because a
type cannot express "finite and not too many digits".
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Annotated, Final

from msgspec import Meta

MAX_FRAME_BYTES: Final = 65_536
"""Longest frame a peer has to accept: 1,000 ticks of GET_TICKS in JSON stay below it."""

MAX_DECIMAL_DIGITS: Final = 28
"""Significant digits of a price, volume or amount: the precision of the default decimal context, so sums stay exact."""

MAX_DECIMAL_EXPONENT: Final = 12
"""Largest distance of the last digit from the decimal point, either way."""

PRICE_MAX: Final = 1e12

FINEST: Final = Decimal(1).scaleb(-MAX_DECIMAL_EXPONENT)
"""The last decimal of an exact number."""

NAME_CHARS_MAX: Final = 64

Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]
"""An identifier: symbol, publisher, order id, strategy."""

TEXT_CHARS_MAX: Final = 512

Text = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
"""Text for people: an error, a reason, a comment. May be empty."""

Sequence = Annotated[int, Meta(ge=1, le=2**53)]
"""Number of a tick, from 1 without a gap: within its symbol (sequence) or over all symbols (ordinal)."""

Cursor = Annotated[int, Meta(ge=0, le=2**53)]
"""How far something has been read; 0 before the first."""

TIME_NS_MAX: Final = 2**62

TimeNs = Annotated[int, Meta(ge=0, le=TIME_NS_MAX)]
"""Nanoseconds since 1970-01-01 UTC, or of the monotonic clock if the field is documented so."""

Price = Annotated[float, Meta(gt=0, le=PRICE_MAX)]
"""A quoted price in a tick: finite and positive."""

TickVolume = Annotated[float, Meta(ge=0, le=PRICE_MAX)]
"""Traded volume of a tick; 0 where the source has none."""

Confidence = Annotated[float, Meta(ge=0, le=1)]


@dataclass(frozen=True)
class Range:
    """Bounds of a decimal in a file, for the metadata of its type, because msgspec has none for decimals."""

    unit: str
    most: int | None = None
    has_zero: bool = False

    def __contains__(self, value: Decimal) -> bool:
        """Whether a finite number lies within the bounds."""
        return (value >= 0 if self.has_zero else value > 0) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        """The expectation, such as `percent above 0 and at most 100`."""
        most = "" if self.most is None else f" and at most {self.most}"
        return f"{self.unit} {'of at least' if self.has_zero else 'above'} 0{most}"


ABOVE_ZERO: Final = Range("a number")


@lru_cache(maxsize=4_096)
def to_decimal(price: float) -> Decimal:
    """The decimal that a quoted float stands for: the shortest one that reads back as the same float.

    A computed price may have 16 decimals of float noise; it is rounded to the 12 decimals that orders and deals can
    carry.
    """
    text = repr(float(price) + 0.0)  # -0.0 equals 0.0 and shares its cache entry: both give 0
    value = Decimal(text)
    if len(text) > MAX_DECIMAL_EXPONENT + 2 or "e" in text:
        return value if is_exact(value) else value.quantize(FINEST)
    return value


_SHORT_TEXT: Final = 12
"""A plain decimal of at most this many characters is always exact enough."""

assert min(MAX_DECIMAL_EXPONENT, MAX_DECIMAL_DIGITS) >= _SHORT_TEXT


def is_exact(value: Decimal) -> bool:
    """True when `value` is finite and small enough that sums and products of a few such values stay exact."""
    text = str(value)
    if len(text) <= _SHORT_TEXT and "E" not in text and value.is_finite():
        return True  # the usual case; `as_tuple` costs ten times as much
    _, digits, exponent = value.as_tuple()
    return (
        isinstance(exponent, int)
        and len(digits) <= MAX_DECIMAL_DIGITS
        and -MAX_DECIMAL_EXPONENT <= exponent <= MAX_DECIMAL_EXPONENT
        and len(digits) + exponent <= MAX_DECIMAL_DIGITS
    )


def require_exact(name: str, value: Decimal) -> None:
    """Refuse a decimal that is not finite or has too many digits for a price, volume or amount.

    Raises:
        ValueError: names the field, the value and the expectation. A decoder turns it into its own error.
    """
    if not is_exact(value):
        shown = str(value)
        shown = shown if len(shown) <= 40 else shown[:37] + "..."
        raise ValueError(
            f"{name} is {shown}, expected a finite decimal of at most {MAX_DECIMAL_DIGITS} digits "
            f"and {MAX_DECIMAL_EXPONENT} decimals"
        )


def round_money(amount: Decimal, digits: int) -> Decimal:
    """Round an amount to the account's digits, halves away from zero."""
    return amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def floor_to_step(volume: Decimal, step: Decimal) -> Decimal:
    """Round a volume down to a multiple of `step` (> 0), with decimals: 0.29 with step 0.01 is 0.29."""
    assert step > 0, step
    return (volume / step).to_integral_value(rounding=ROUND_DOWN) * step


def is_on_step(volume: Decimal, step: Decimal) -> bool:
    """True when `volume` is a whole number of steps."""
    return floor_to_step(volume, step) == volume


def decimal_text(value: Decimal) -> str:
    """A decimal for people: no exponent, no trailing zeros after the point, never `-0`."""
    if not value:
        return "0"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
