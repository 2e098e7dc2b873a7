"""Exact numbers: conversion of quoted floats, steps, rounding, and decimals as text."""

from __future__ import annotations

from decimal import Decimal

import pytest

from proto.trading.enums import Side, side_of
from proto.trading.units import (
    decimal_text,
    floor_to_step,
    is_exact,
    is_on_step,
    require_exact,
    round_money,
    to_decimal,
)

D = Decimal


@pytest.mark.parametrize(
    ("quoted", "expected"),
    [(1.1, "1.1"), (1.10001, "1.10001"), (150.0, "150.0"), (0.1, "0.1"), (1e-05, "0.00001"), (1e12, "1000000000000")],
)
def test_a_quoted_float_is_the_decimal_that_was_quoted(quoted: float, expected: str) -> None:
    assert to_decimal(quoted) == D(expected)


def test_a_computed_float_is_rounded_to_the_decimals_of_an_order() -> None:
    assert to_decimal(1.1 + 0.0001) == D("1.1001")
    assert to_decimal(0.1 + 0.2) == D("0.3")
    assert is_exact(to_decimal(1 / 3))


@pytest.mark.parametrize("text", ["0", "-1.5", "1e12", "0.000000000001", "9" * 28, "1234567890123456.123456789012"])
def test_decimals_within_the_limits_of_digits_are_exact(text: str) -> None:
    assert is_exact(D(text))
    require_exact("price", D(text))


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity", "1e13", "1e-13", "9" * 29, "1e400", "1e-400"])
def test_decimals_beyond_the_limits_are_refused_with_name_and_value(text: str) -> None:
    assert not is_exact(D(text))
    with pytest.raises(ValueError, match=r"volume is .*expected a finite decimal"):
        require_exact("volume", D(text))


def test_a_very_long_decimal_is_shown_shortened() -> None:
    with pytest.raises(ValueError, match=r"\.\.\.") as caught:
        require_exact("volume", D("9" * 5_000))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("volume", "step", "floored"),
    [
        ("0.29", "0.01", "0.29"),
        ("0.57", "0.01", "0.57"),
        ("0.299", "0.01", "0.29"),
        ("1", "0.3", "0.9"),
        ("0.009", "0.01", "0"),
        ("100", "0.01", "100"),
    ],
)
def test_volumes_are_floored_in_decimals(volume: str, step: str, floored: str) -> None:
    """In floats, 0.29 / 0.01 would be 28.999..., and the result 0.28."""
    assert floor_to_step(D(volume), D(step)) == D(floored)
    assert is_on_step(D(volume), D(step)) is (D(volume) == D(floored))


@pytest.mark.parametrize(
    ("amount", "digits", "rounded"),
    [
        ("0.005", 2, "0.01"),
        ("-0.005", 2, "-0.01"),
        ("0.0049999", 2, "0.00"),
        ("2.675", 2, "2.68"),
        ("0.5", 0, "1"),
        ("-1.5", 0, "-2"),
        ("2.5", 0, "3"),
    ],
)
def test_money_rounds_halves_away_from_zero(amount: str, digits: int, rounded: str) -> None:
    assert str(round_money(D(amount), digits)) == rounded


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1.10", "1.1"),
        ("1.000", "1"),
        ("100", "100"),
        ("1E+2", "100"),
        ("1E-7", "0.0000001"),
        ("0", "0"),
        ("-0.00", "0"),
        ("0E+3", "0"),
        ("-2.50", "-2.5"),
    ],
)
def test_decimals_are_shown_as_people_write_them(value: str, shown: str) -> None:
    assert decimal_text(D(value)) == shown


def test_sides_have_signs_and_opposites() -> None:
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert Side.BUY.opposite is Side.SELL
    assert Side.SELL.opposite is Side.BUY
    assert (side_of(1), side_of(-1)) == (Side.BUY, Side.SELL)
    with pytest.raises(AssertionError):
        side_of(0)
