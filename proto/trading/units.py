"""Types of names, numbers and times in messages, with their bounds, and arithmetic of exact decimals.

Prices, volumes and money in orders, fills and the ledger are `Decimal`; ticks and statistics are floats. The bounds are
part of the types, so that a decoder refuses values outside them. A `Decimal` is checked by `require_exact`, because its
type cannot limit the number of digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Annotated, Final

from msgspec import Meta

MAX_FRAME_BYTES: Final = 65_536
"""Length of the longest frame that a peer must accept. The gateway shortens a page of ticks that would be longer."""

MAX_DECIMAL_DIGITS: Final = 28
"""Largest number of digits of a price, volume or amount: the precision of Python's default decimal context."""

MAX_DECIMAL_EXPONENT: Final = 12
"""Largest absolute exponent of a decimal: at most this many decimals, and this many zeros before the decimal point."""

ZERO: Final = Decimal(0)

PRICE_MAX: Final = 1e12

FINEST: Final = Decimal(1).scaleb(-MAX_DECIMAL_EXPONENT)
"""Value of 1 in the last decimal that an exact number can have."""

NAME_CHARS_MAX: Final = 64

Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]
"""An identifier: symbol, publisher, order id, strategy."""

OptionalName = Annotated[str, Meta(max_length=NAME_CHARS_MAX)]
"""An identifier, or "" for none."""

TEXT_CHARS_MAX: Final = 512

Text = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
"""Text for people: an error, a reason, a comment. May be empty."""

Sequence = Annotated[int, Meta(ge=1, le=2**53)]
"""A number from 1: of a tick (sequence or ordinal), a deal, a ticket, an epoch or a call."""

Cursor = Annotated[int, Meta(ge=0, le=2**53)]
"""Number of the last item read of a numbered sequence, 0 before the first; or a count."""

TIME_NS_MAX: Final = 2**62

TimeNs = Annotated[int, Meta(ge=0, le=TIME_NS_MAX)]
"""Nanoseconds since 1970-01-01 UTC, or of the monotonic clock if the field is documented so."""

Price = Annotated[float, Meta(gt=0, le=PRICE_MAX)]
"""A quoted price in a tick: finite and positive."""

TickVolume = Annotated[float, Meta(ge=0, le=PRICE_MAX)]
"""Volume of a tick as its source gives it, traded or quoted; 0 if the source gives none."""

Probability = Annotated[float, Meta(ge=0, le=1)]

Confidence = Annotated[float, Meta(ge=0, le=1)]
"""Confidence of a signal, as its strategy computes it."""


@dataclass(frozen=True)
class Range:
    """Bounds of a decimal in a file, as metadata of its type, because msgspec cannot express bounds of decimals.

    `unit` is the noun of the error text, such as `percent`. `most` is the largest value, None for no limit. `has_zero`
    says whether 0 is allowed; negative values never are.
    """

    unit: str
    most: int | None = None
    has_zero: bool = False

    def __contains__(self, value: Decimal) -> bool:
        """Whether a finite number lies within the bounds."""
        return (value >= 0 if self.has_zero else value > 0) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        """Text of the expectation, such as `percent above 0 and at most 100`."""
        most = "" if self.most is None else f" and at most {self.most}"
        return f"{self.unit} {'of at least' if self.has_zero else 'above'} 0{most}"


ABOVE_ZERO: Final = Range("a number")


@lru_cache(maxsize=4_096)
def to_decimal(price: float) -> Decimal:
    """Convert a quoted float to a decimal: the shortest one that converts back to the same float.

    A computed price with more decimals than an order or a deal can have is rounded to 12 decimals.
    """
    text = repr(float(price) + 0.0)  # adding 0.0 turns -0.0, which has the same cache entry as 0.0, into 0.0
    value = Decimal(text)
    if len(text) > MAX_DECIMAL_EXPONENT + 2 or "e" in text:
        return value if is_exact(value) else value.quantize(FINEST)
    return value


_SHORT_TEXT: Final = 12
"""Length up to which every decimal text without an exponent is exact."""

assert min(MAX_DECIMAL_EXPONENT, MAX_DECIMAL_DIGITS) >= _SHORT_TEXT


def is_exact(value: Decimal) -> bool:
    """Whether `value` is finite and within MAX_DECIMAL_DIGITS and MAX_DECIMAL_EXPONENT."""
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
        ValueError: names the field, the value and the expectation.
    """
    if not is_exact(value):
        shown = str(value)
        shown = shown if len(shown) <= 40 else shown[:37] + "..."
        raise ValueError(
            f"{name} is {shown}, expected a finite decimal of at most {MAX_DECIMAL_DIGITS} digits "
            f"and {MAX_DECIMAL_EXPONENT} decimals"
        )


_LAST_DECIMALS: Final = tuple(Decimal(1).scaleb(-digits) for digits in range(MAX_DECIMAL_EXPONENT + 1))


def last_decimal(digits: int) -> Decimal:
    """Value of 1 in the last of `digits` decimals, 10^-digits; `digits` is from 0 to MAX_DECIMAL_EXPONENT."""
    return _LAST_DECIMALS[digits]


def round_money(amount: Decimal, digits: int) -> Decimal:
    """Round an amount to `digits` decimals, halves away from zero."""
    return amount.quantize(_LAST_DECIMALS[digits], ROUND_HALF_UP)


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Round a value toward 0 to a multiple of `step` (> 0), in exact decimals: 0.29 with step 0.01 gives 0.29."""
    assert step > 0, step
    return (value / step).to_integral_value(rounding=ROUND_DOWN) * step


_QUOTIENTS: Final = Context(prec=2 * (MAX_DECIMAL_DIGITS + MAX_DECIMAL_EXPONENT), traps=[])
"""Decimal context in which the whole part of a quotient of exact numbers is exact."""


def is_on_step(volume: Decimal, step: Decimal) -> bool:
    """Whether `volume` is a multiple of `step` (> 0); False for a number that is not finite."""
    return not _QUOTIENTS.remainder(volume, step)


def decimal_text(value: Decimal) -> str:
    """Text of a decimal without an exponent and without trailing zeros after the point; `0` for a negative zero."""
    if not value:
        return "0"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
