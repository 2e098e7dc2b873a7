"""Parsing of numbers: accepted forms, and refused forms that Python's own parsers accept."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.trading.number_text import nearest_multiple, parse_decimal, parse_float, parse_integer

D = Decimal

INVALID_NUMBERS = [
    "", " ", "_1", "1_", "1_0", "\uff11", "\u0661", "\u2212" + "1", "1,0", "0x1", "1/2", "1 0", "--1", "+-1",
    "nan", "Infinity", "inf", "one", "\u00a01", "1\u2003", "1\x00",
]  # fmt: skip


@pytest.mark.parametrize("text", INVALID_NUMBERS)
@pytest.mark.parametrize("parse", [parse_decimal, parse_integer, parse_float])
def test_text_that_is_not_a_plain_ascii_number_is_refused(parse: Callable[[str], Any], text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a (decimal|whole number) of ASCII digits such as"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.01", "0.01"),
        (".01", "0.01"),
        ("1.", "1"),
        ("+0.01", "0.01"),
        ("-3", "-3"),
        ("1e-2", "0.01"),
        ("1E+2", "100"),
        (" 0.01 ", "0.01"),
        ("\t0.01\r\n", "0.01"),
        ("007", "7"),
        ("0.0100000000000", "0.01"),
        ("1000000000000000000000.0000000000000", "1000000000000000000000"),
        ("0.00000000000000000000000000000000", "0"),
        ("0e-400", "0"),
        ("1000000e-18", "0.000000000001"),
    ],
)
def test_a_decimal_may_be_written_in_any_plain_form(text: str, value: str) -> None:
    assert parse_decimal(text) == D(value)


@pytest.mark.parametrize(
    "text",
    ["1e400", "1e-400", "0.0000000000001", "12345678901234567890123456789", "1e999999999999999999999", "9" * 50_000],
)
def test_a_decimal_that_cannot_be_exact_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a (finite decimal of at most 28 digits and 12|decimal of ASCII)"):
        parse_decimal(text)


def test_a_refusal_is_short_for_any_text() -> None:
    for parse in (parse_decimal, parse_integer, parse_float):
        with pytest.raises(ValueError, match="expected") as refusal:
            parse("9" * 50_000 + "_")
        assert len(str(refusal.value)) < 150


@pytest.mark.parametrize(("text", "value"), [("1000", 1000), (" +7 ", 7), ("-0", 0), ("007", 7)])
def test_a_whole_number_is_digits_and_a_sign(text: str, value: int) -> None:
    assert parse_integer(text) == value


@pytest.mark.parametrize("text", ["1.0", "1e3", ".", "9" * 5_000])
def test_a_whole_number_with_a_point_an_exponent_or_too_many_digits_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected (a whole number|at most 40 characters)"):
        parse_integer(text)


def test_a_float_is_finite() -> None:
    assert parse_float("2.5e-1") == 0.25
    with pytest.raises(ValueError, match="'1e400', expected a smaller number"):
        parse_float("1e400")


@given(st.decimals(min_value=-(D(10) ** 12), max_value=D(10) ** 12, places=8))
def test_a_written_decimal_is_read_back(value: Decimal) -> None:
    assert parse_decimal(str(value)) == value
    assert parse_decimal(f"{value:f}") == value
    assert parse_decimal(f"{value:.20f}") == value


@pytest.mark.parametrize(
    ("number", "step", "nearest"),
    [
        ("0.30000000000000004", "0.01", "0.3"),
        ("0.29999999999999993", "0.01", "0.3"),
        ("0.30000001", "0.01", "0.3"),
        ("0.29999999", "0.01", "0.3"),
        ("0.30000001000001", "0.01", "0.30000001000001"),
        ("0.015", "0.01", "0.015"),
        ("-0.30000000000000004", "0.01", "-0.3"),
        ("1.2500000000000002", "0.25", "1.25"),
        ("5040.000001", "1", "5040"),
        ("99999999999999999999999999999999", "0.01", "99999999999999999999999999999999"),
    ],
)
def test_a_number_within_a_millionth_of_a_step_of_a_multiple_is_that_multiple(
    number: str, step: str, nearest: str
) -> None:
    assert nearest_multiple(D(number), D(step)) == D(nearest)
