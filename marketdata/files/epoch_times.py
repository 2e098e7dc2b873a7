"""Parsing of numbers as times: seconds, milli-, micro- or nanoseconds since 1970, with optional fraction and exponent.

The number of digits before the point determines the unit. Only times from March 1973 on are accepted, because earlier
times have fewer digits. Numbers are not converted to floats, so that no digit is lost. A file is refused if none of its
first numbers resolves the second, as in `1.398902e+12`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import polars as pl

_NUMBER: Final = r"^([1-9][0-9]*)(?:\.([0-9]*))?(?:[eE]\+?([0-9]{1,2}))?$"
_SECOND_POWER: Final = 9
_POWERS: Final = {9: 9, 10: 9, 12: 6, 13: 6, 15: 3, 16: 3, 18: 0, 19: 0}
"""Power of ten that converts the unit to nanoseconds, by the number of digits before the point.

Of each pair of entries with the same unit, the first is for times from 1973 to 2001, the second for later times.
"""

_TIME_NS_BELOW: Final = 9.2e18
"""Limit of times in nanoseconds, below the limit of Int64, which is in the year 2262."""

_FACTORS: Final = {power: 10**power for power in range(19)}
EXPECTED: Final = "whole or decimal s, ms, µs or ns since 1970, of March 1973 or later"


def epoch_ns(text: pl.Series) -> pl.Series:
    """Convert numbers as text to nanoseconds since 1970 (Int64).

    Null if the text is not a number, fits no unit, is too late for Int64, or has digits below a nanosecond.
    """
    parts = text.to_frame("t").select(
        pl.col("t").str.extract(_NUMBER, 1).alias("whole"),
        pl.col("t").str.extract(_NUMBER, 2).fill_null("").str.strip_chars_end("0").alias("fraction"),
        pl.col("t").str.extract(_NUMBER, 3).cast(pl.Int64, strict=False).fill_null(0).alias("exponent"),
    )
    unit = (pl.col("whole").str.len_chars() + pl.col("exponent")).replace_strict(
        _POWERS, default=None, return_dtype=pl.Int64
    )
    power = unit + pl.col("exponent") - pl.col("fraction").str.len_chars()
    digits = pl.concat_str("whole", "fraction").cast(pl.Int64, strict=False)
    factor = power.replace_strict(_FACTORS, default=None, return_dtype=pl.Int64)
    is_small = digits.cast(pl.Float64) * factor.cast(pl.Float64) < _TIME_NS_BELOW
    return parts.select(pl.when(is_small).then(digits * factor).alias("ns"))["ns"]


def is_number(text: str) -> bool:
    """Whether a text has the form of a numeric time; its value is not checked."""
    return re.fullmatch(r"\d+(\.\d*)?([eE]\+?\d+)?", text) is not None


def problem_of(texts: Sequence[str]) -> str | None:
    """The reason why the numbers are not times, as a text; None if they are times.

    They are not times if at least half of them cannot be converted, or if none resolves the second.
    """
    if not texts:
        return None
    bad = [text for text, ns in zip(texts, epoch_ns(pl.Series(texts, dtype=pl.String)), strict=True) if ns is None]
    if 2 * len(bad) >= len(texts):
        return f"its times are numbers such as {bad[0]}, expected {EXPECTED}"
    good = [text for text in texts if text not in bad]
    if all(_is_coarse(text) for text in good):
        return f"its times are numbers such as {good[0]}, whose digits end before the second, expected {EXPECTED}"
    return None


def _is_coarse(text: str) -> bool:
    found = re.fullmatch(_NUMBER, text)
    assert found is not None
    exponent, fraction = int(found[3] or 0), len(found[2] or "")
    return exponent > 0 and _POWERS[len(found[1]) + exponent] + exponent - fraction > _SECOND_POWER
