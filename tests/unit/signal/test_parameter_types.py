"""A strategy declares its parameters as a struct; each value has one text, and a wrong declaration is refused."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct, defstruct
from msgspec.structs import astuple

from services.signal.core.strategies.ema_cross import EmaCross, EmaCrossParameters
from services.signal.parameter_types import (
    canonical_parameters,
    declared_parameters,
    parameter_infos,
    parameters_text,
    parsed_value,
    typed_value,
    value_text,
)


class Price(StrEnum):
    MID = "mid"
    BID = "bid"


class Size(IntEnum):
    SMALL = 1


class Many(Struct, frozen=True, kw_only=True):
    """A parameter of each type."""

    count: Annotated[int, Meta(ge=2, le=9, description="number of ticks")] = 3
    part: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    least: Annotated[int, Meta(ge=1)] = 1
    factor: float = 1
    is_fast: bool = False
    price: Price = Price.MID
    label: str = "a"


class Chosen:
    Parameters = Many


def test_a_class_without_the_attribute_has_no_parameters() -> None:
    assert declared_parameters(Price) is None
    assert parameter_infos(None) == []
    assert parameters_text(None) == ""


def test_each_parameter_is_described_by_name_type_range_default_and_text() -> None:
    assert declared_parameters(Chosen) is Many
    assert [astuple(info) for info in parameter_infos(Many)] == [
        ("count", "int", "a whole number from 2 to 9", "3", "number of ticks"),
        ("part", "float", "a number above 0 and below 1", "0.5", ""),
        ("least", "int", "a whole number of at least 1", "1", ""),
        ("factor", "float", "a number", "1", ""),
        ("is_fast", "bool", "true or false", "false", ""),
        ("price", "enum", "'mid' or 'bid'", "mid", ""),
        ("label", "str", "a text", "a", ""),
    ]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", "4", 4),
        ("part", "1e-2", 0.01),
        ("factor", "20", 20.0),
        ("is_fast", "true", True),
        ("price", "bid", Price.BID),
        ("label", "a b", "a b"),
    ],
)
def test_a_text_becomes_the_value_of_the_declared_type_and_back(name: str, text: str, value: Any) -> None:
    found = parsed_value(Many, name, text)
    assert found == value
    assert type(found) is type(value)
    assert parsed_value(Many, name, value_text(found)) == found


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("count", "4.0", "a whole number from 2 to 9"),
        ("count", "10", "a whole number from 2 to 9"),
        ("count", "0_4", "a whole number from 2 to 9"),
        ("part", "1", "a number above 0 and below 1"),
        ("factor", "nan", "a number"),
        ("is_fast", "yes", "true or false"),
        ("is_fast", "1", "true or false"),
        ("price", "ask", "'mid' or 'bid'"),
    ],
)
def test_a_text_of_another_type_or_out_of_range_is_refused(name: str, text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=f"^expected {expected}$"):
        parsed_value(Many, name, text)


@pytest.mark.parametrize(
    ("name", "value"),
    [("count", 4.0), ("count", True), ("count", "4"), ("factor", float("nan")), ("label", "a,b"), ("label", " a")],
)
def test_a_value_of_a_plan_has_the_declared_type(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected"):
        typed_value(Many, name, value)
    assert typed_value(Many, "factor", 2) == 2.0


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_equal_numbers_have_one_text_from_which_they_are_read(number: float) -> None:
    found = typed_value(Many, "factor", number)
    assert parsed_value(Many, "factor", value_text(found)) == number
    assert value_text(typed_value(Many, "factor", number + 0.0)) == value_text(found)


def test_only_values_that_differ_from_the_defaults_are_in_the_text() -> None:
    assert parameters_text(EmaCrossParameters()) == parameters_text(EmaCrossParameters(fast_ticks=50)) == ""
    assert parameters_text(EmaCrossParameters(slow_ticks=90, fast_ticks=20)) == "fast_ticks=20,slow_ticks=90"
    assert parameters_text(Many(factor=1.0)) == ""


def test_the_text_of_all_symbols_has_symbols_only_if_their_values_differ() -> None:
    one, other = EmaCrossParameters(fast_ticks=20), EmaCrossParameters()
    assert canonical_parameters({"EURUSD": one, "NZDUSD": one}) == "fast_ticks=20"
    assert canonical_parameters({"EURUSD": one, "NZDUSD": other}) == "EURUSD:fast_ticks=20"
    assert canonical_parameters({"EURUSD": None, "NZDUSD": one}) == "NZDUSD:fast_ticks=20"
    assert canonical_parameters({"EURUSD": None, "NZDUSD": other}) == ""


def a_struct(field: Any, default: Any, **options: Any) -> Any:
    return defstruct("Parameters", [("x", field, default)], **{"frozen": True, **options})


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (dict, "its Parameters is no frozen msgspec Struct"),
        (a_struct(int, 1, frozen=False), "its Parameters is no frozen msgspec Struct"),
        (defstruct("Parameters", [("x", int)], frozen=True), "its parameter x has no default"),
        (a_struct(list[int], ()), "its parameter x has a wrong type, expected int, float, bool, str or a StrEnum"),
        (a_struct(int | None, None), "its parameter x has a wrong type"),
        (a_struct(Size, Size.SMALL), "its parameter x has a wrong type"),
        (a_struct(Annotated[int, Meta(ge=1, le=9)], 0), "x has the default 0, expected a whole number from 1 to 9"),
        (a_struct(float, "a"), "x has the default a, expected a number"),
    ],
)
def test_a_declaration_that_cannot_be_used_is_refused(kind: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        declared_parameters(type("Wrong", (), {"Parameters": kind}))


def test_the_shipped_rule_declares_its_lengths() -> None:
    assert [info.name for info in parameter_infos(declared_parameters(EmaCross))] == ["fast_ticks", "slow_ticks"]
