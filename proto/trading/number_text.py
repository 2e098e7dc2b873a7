"""Grammar of numbers in text: ASCII digits with an optional sign, point and exponent.

Python's own parsers accept more: `Decimal("0_1")` is 1, and digits may be of any script. A mistyped volume must be
refused, not read as another volume. Blanks around a number and trailing zeros of its decimals are ignored.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Final

from proto.trading.units import MAX_DECIMAL_DIGITS, MAX_DECIMAL_EXPONENT, is_exact

_BLANKS: Final = " \t\r\n"
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_SHOWN_CHARS_MAX: Final = 60
_INTEGER_CHARS_MAX: Final = 40
"""Largest number of characters of a whole number with its sign. Python converts thousands of digits slowly."""

DECIMAL_EXPECTED: Final = "a decimal of ASCII digits such as 0.01 or 1e-2"
INTEGER_EXPECTED: Final = "a whole number of ASCII digits such as 1000"


def parse_decimal(text: str) -> Decimal:
    """Parse a text as an exact decimal.

    Raises:
        ValueError: the text is not a decimal, or the number has too many digits or decimals to be exact. The error
            names the value and the expectation.
    """
    plain = _matched(text, _DECIMAL, DECIMAL_EXPECTED)
    try:
        value = Decimal(plain)
    except InvalidOperation:  # an exponent beyond all bounds
        raise ValueError(f"{_shown(text)}, expected {DECIMAL_EXPECTED}") from None
    if not is_exact(value):
        value = _without_zeros_at_the_end(value)
    if not is_exact(value):
        most = f"at most {MAX_DECIMAL_DIGITS} digits and {MAX_DECIMAL_EXPONENT} decimals"
        raise ValueError(f"{_shown(text)}, expected a finite decimal of {most}")
    return value


def parse_integer(text: str) -> int:
    """Parse a text as a whole number.

    Raises:
        ValueError: the text is not a whole number. The error names the value and the expectation.
    """
    plain = _matched(text, _INTEGER, INTEGER_EXPECTED)
    if len(plain) > _INTEGER_CHARS_MAX:
        raise ValueError(f"{_shown(text)}, expected at most {_INTEGER_CHARS_MAX} characters")
    return int(plain)


def parse_float(text: str) -> float:
    """Parse a text as a decimal, and return the nearest float.

    Raises:
        ValueError: the text is not a decimal, or too large for a float. The error names the value and the expectation.
    """
    value = float(_matched(text, _DECIMAL, DECIMAL_EXPECTED))
    if not math.isfinite(value):
        raise ValueError(f"{_shown(text)}, expected a smaller number")
    return value


PARSERS: Final[dict[type, Callable[[str], Decimal | int | float]]] = {
    Decimal: parse_decimal,
    int: parse_integer,
    float: parse_float,
}
"""Parser of each type of number."""


def nearest_multiple(number: Decimal, step: Decimal) -> Decimal:
    """Round `number` to a multiple of `step` (> 0) that is at most a millionth of a step away; else leave it unchanged.

    This removes the noise of binary floats: 0.1 + 0.2 is 0.30000000000000004.
    """
    assert step > 0, step
    multiple = (number / step).to_integral_value() * step
    return multiple if abs(number - multiple) * 1_000_000 <= step else number


def _matched(text: str, pattern: re.Pattern[str], expected: str) -> str:
    plain = text.strip(_BLANKS)
    if pattern.fullmatch(plain) is None:
        raise ValueError(f"{_shown(text)}, expected {expected}")
    return plain


def _without_zeros_at_the_end(value: Decimal) -> Decimal:
    """The same value without trailing zeros, exact for any number of digits."""
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), value
    if not value:
        return Decimal(0)
    kept = len(digits)
    while exponent < 0 and digits[kept - 1] == 0:
        kept, exponent = kept - 1, exponent + 1
    return Decimal((sign, digits[:kept], exponent))


def _shown(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= _SHOWN_CHARS_MAX else f"{shown[: _SHOWN_CHARS_MAX - 3]}..."
