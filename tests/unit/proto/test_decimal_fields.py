"""Text is parsed as a decimal in every decimal field of a type, and all other values are unchanged."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec import Struct

from proto.decimal_fields import decimal_names, has_decimals, read_decimals
from proto.gateway import Buy, Confirm, Modify

D = Decimal


class _Row(Struct, array_like=True):
    name: str
    amount: Decimal


class _Apple(Struct, tag="apple", tag_field="kind"):
    price: Decimal | None


class _Pear(Struct, tag="pear", tag_field="kind"):
    name: str


class _Basket(Struct):
    text: str
    rows: list[_Row]
    by_name: dict[str, Decimal]
    pair: tuple[str, Decimal]
    fruit: _Apple | _Pear
    inner: _Apple | None = None


def a_basket(**changed: Any) -> dict[str, Any]:
    return {
        "text": "0_1",
        "rows": [["0_2", "1.50"]],
        "by_name": {"a": "2"},
        "pair": ["0_3", "3"],
        "fruit": {"kind": "apple", "price": "4"},
        "inner": None,
        **changed,
    }


def test_text_becomes_a_decimal_only_where_the_type_has_one() -> None:
    assert read_decimals(a_basket(inner={"price": "5"}), _Basket) == {
        "text": "0_1",
        "rows": [["0_2", D("1.50")]],
        "by_name": {"a": D(2)},
        "pair": ["0_3", D(3)],
        "fruit": {"kind": "apple", "price": D(4)},
        "inner": {"price": D(5)},
    }


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rows": [["x", "1_0"]]}, "rows is '1_0'"),
        ({"by_name": {"EURUSD": "1_0"}}, "by_name.EURUSD is '1_0'"),
        ({"pair": ["x", "1_0"]}, "pair is '1_0'"),
        ({"fruit": {"kind": "apple", "price": "1_0"}}, "fruit.price is '1_0'"),
        ({"inner": {"price": "1_0"}}, "inner.price is '1_0'"),
    ],
)
def test_a_refusal_names_the_field(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}, expected a decimal of ASCII digits"):
        read_decimals(a_basket(**changed), _Basket)


@pytest.mark.parametrize(
    "values",
    [None, [], {"rows": 5, "by_name": [], "pair": "1", "fruit": [1]}, {"fruit": {"kind": ["apple"]}, "rows": [[], 7]}],
)
def test_values_of_another_shape_are_left_to_the_schema(values: Any) -> None:
    assert read_decimals(values, _Basket) == values


def test_exact_numbers_are_left_as_they_are() -> None:
    assert read_decimals({"price": 0.1}, _Apple) == {"price": 0.1}
    with pytest.raises(ValueError, match=r"^rows is 1E-13, expected a finite decimal"):
        read_decimals(a_basket(rows=[["x", 1e-13]]), _Basket)


def test_the_decimals_of_a_request_are_known_by_name() -> None:
    assert decimal_names(Buy) == {"volume", "price", "stop_loss", "take_profit"}
    assert decimal_names(Modify) == {"price", "stop_loss", "take_profit"}
    assert not has_decimals(Confirm)
