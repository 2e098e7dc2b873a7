"""Numeric times keep every digit, their unit is determined by the digits before the point, and other text is null."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.files.epoch_times import epoch_ns, problem_of

MARCH_1973_NS = 100_000_000 * 10**9
YEAR_2261_NS = 9_190_000_000 * 10**9


def one(text: str) -> int | None:
    [ns] = epoch_ns(pl.Series([text], dtype=pl.String)).to_list()
    return None if ns is None else int(ns)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1398902401", 1_398_902_401 * 10**9),
        ("1398902401.0", 1_398_902_401 * 10**9),
        ("1398902401.128", 1_398_902_401_128 * 10**6),
        ("1398902401.000000001", 1_398_902_401 * 10**9 + 1),
        ("1398902401787", 1_398_902_401_787 * 10**6),
        ("1398902401787.0", 1_398_902_401_787 * 10**6),
        ("1398902401787.25", 1_398_902_401_787 * 10**6 + 250_000),
        ("1398902401787001", 1_398_902_401_787_001 * 10**3),
        ("1398902401787001003", 1_398_902_401_787_001_003),
        ("1.398902401787e+12", 1_398_902_401_787 * 10**6),
        ("1.398902401787001E15", 1_398_902_401_787_001 * 10**3),
        ("1.398902401787001e+18", 1_398_902_401_787_001_000),
        ("1.3989024e+18", 1_398_902_400 * 10**9),
        ("997000000", 997_000_000 * 10**9),  # August 2001, when seconds had nine digits
        ("997000000123", 997_000_000_123 * 10**6),
        ("997000000123456", 997_000_000_123_456 * 10**3),
        ("997000000123456789", 997_000_000_123_456_789),
    ],
)
def test_the_unit_of_a_time_follows_from_its_digits(text: str, ns: int) -> None:
    assert one(text) == ns


@pytest.mark.parametrize(
    "text",
    ["1", "1787", "13989024011", "13989024017870", "1398902401.0000000001", "9999999999", "", "nan", "-1398902401",
     "01398902401", "1398902401,5", "1_398_902_401", "١٣٩٨٩٠٢٤٠١", "1.398902e-3", "1e400"],
)  # fmt: skip
def test_a_text_that_is_not_a_time_since_1970_is_null(text: str) -> None:
    assert one(text) is None


@given(
    ns=st.integers(MARCH_1973_NS, YEAR_2261_NS),
    power=st.sampled_from([9, 6, 3, 0]),
    has_exponent=st.booleans(),
)
def test_no_digit_is_lost_in_any_unit(ns: int, power: int, has_exponent: bool) -> None:
    value = Decimal(ns).scaleb(-power)
    text = f"{value:e}" if has_exponent else f"{value:f}"
    assert one(text) == ns


def test_numbers_that_are_not_times_are_named() -> None:
    assert problem_of(["1398902401.128", "nan", "1398902402"]) is None
    assert problem_of(["1.3989024e+18", "1.398902401e+18"]) is None
    coarse = problem_of(["1.398902e+12", "1.398902e+12"])
    assert coarse is not None
    assert "such as 1.398902e+12, whose digits end before the second" in coarse
    assert "numbers such as 1787, expected" in (problem_of(["1787", "2788"]) or "")
