"""Tables of a file are converted to structs, or refused in one line with the field, its value and the expectation."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from common.struct_files import FieldError, read_struct
from proto.trading.units import Range

Code = Annotated[str, Meta(pattern="^[A-Z]+$", description="capital letters")]


class Colour(StrEnum):
    """Two colours."""

    RED = "red"
    BLUE = "blue"


class Disc(Struct, tag="disc", tag_field="shape", forbid_unknown_fields=True):
    """A member of a union."""

    radius: Annotated[float, Meta(gt=0, le=9)]


class Square(Struct, tag="square", tag_field="shape", forbid_unknown_fields=True):
    """Another member of the union."""

    side: float

    def __post_init__(self) -> None:
        """Refuse a value that the type of the field allows."""
        if self.side == 7:
            raise ValueError("side is 7, expected another")


class Page(Struct, kw_only=True, forbid_unknown_fields=True):
    """A file."""

    count: Annotated[int, Meta(ge=1, le=9)]
    price: Decimal = Decimal(1)
    share: Annotated[Decimal, Range("percent", most=100, has_zero=True)] | None = None
    colour: Colour = Colour.RED
    is_open: bool = False
    drawn: Disc | Square | None = None
    parts: dict[Code, Disc] = {}


def test_tables_become_structs_and_text_becomes_exact_decimals() -> None:
    page = read_struct(
        {
            "count": 2,
            "price": "0.10",
            "share": "none",
            "colour": "blue",
            "drawn": {"shape": "square", "side": 3},
            "parts": {"A": {"shape": "disc", "radius": 1}},
        },
        Page,
        none="none",
    )
    assert page == Page(
        count=2, price=Decimal("0.10"), colour=Colour.BLUE, drawn=Square(3.0), parts={"A": Disc(radius=1.0)}
    )
    assert type(page.drawn.side) is float  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "count is missing; expected fields such as count = 1"),
        ({"size": True}, "unknown field size, which is true; expected fields such as count = 1"),
        ({"count": 1.5}, "count is 1.5, expected a whole number from 1 to 9"),
        ({"price": 0}, "price is 0, expected a number above 0"),
        ({"price": Decimal("NaN")}, "price is NaN, expected a number above 0"),
        ({"price": "none"}, "price is 'none', expected a decimal of ASCII digits such as 0.01 or 1e-2"),
        ({"share": 101}, "share is 101, expected percent of at least 0 and at most 100, or 'none'"),
        ({"colour": "green"}, "colour is 'green', expected 'red' or 'blue'"),
        ({"is_open": 1}, "is_open is 1, expected true or false"),
        ({"drawn": 3}, "drawn is 3, expected a table, or 'none'"),
        ({"drawn": {"side": 3}}, "drawn.shape is missing, expected 'disc' or 'square'"),
        ({"drawn": {"shape": "star"}}, "drawn.shape is 'star', expected 'disc' or 'square'"),
        ({"drawn": {"shape": "square", "side": 7}}, "drawn: side is 7, expected another"),
        ({"drawn": {"shape": "disc"}}, "drawn.radius is missing; expected fields such as count = 1"),
        ({"parts": {"A": {"radius": 10}}}, "parts.A.radius is 10, expected a number above 0 and at most 9"),
        ({"parts": {"a": {"radius": 1}}}, "parts.a: the name is 'a', expected capital letters"),
    ],
)
def test_a_wrong_field_is_refused_with_its_path_value_and_expectation(values: dict[str, Any], text: str) -> None:
    with pytest.raises(FieldError) as refusal:
        read_struct({"count": 1} | values if values else values, Page, example="fields such as count = 1", none="none")
    assert str(refusal.value) == text
