"""Changes of a symbol's terms, and which of them make the figures of an open position or order wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec import Struct
from msgspec.structs import astuple

from proto.trading.instrument import Instrument
from proto.trading.units import decimal_text

VOLATILE_FIELDS: Final = frozenset({"tick_value", "untold"})
"""Fields whose changes are not reported: `tick_value` moves with the market, `untold` lists fields without a value."""

BREAKING_FIELDS: Final = frozenset(
    {
        "contract_size",
        "tick_size",
        "tick_price",
        "base_currency",
        "profit_currency",
        "margin_currency",
        "volume_step",
        "digits",
    }
)
"""Units of profit, prices and volumes: a change makes the figures of an open position or order wrong."""


def instrument_changes(before: Instrument, after: Instrument) -> list[str]:
    """Describe each changed field with its values before and after; empty if no reported field has changed."""
    return [_change_text(before, after, field) for field in _changed_fields(before, after)]


def breaking_changes(before: Instrument, after: Instrument) -> list[str]:
    """Describe the changes that halt a desk with a position or an open order in the symbol."""
    return [_change_text(before, after, field) for field in _changed_fields(before, after) if field in BREAKING_FIELDS]


def _changed_fields(before: Instrument, after: Instrument) -> list[str]:
    assert before.symbol == after.symbol, (before.symbol, after.symbol)
    return [
        field
        for field in Instrument.__struct_fields__
        if field not in VOLATILE_FIELDS and getattr(before, field) != getattr(after, field)
    ]


def _change_text(before: Instrument, after: Instrument, field: str) -> str:
    return (
        f"{field} of {before.symbol} was {_value_text(getattr(before, field))}, is {_value_text(getattr(after, field))}"
    )


def _value_text(value: object) -> str:
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, Struct):
        return " ".join(_value_text(part) for part in astuple(value) if part not in (None, ""))
    if isinstance(value, tuple) and value:
        return f"({', '.join(_value_text(part) for part in value)})"
    return "none" if value in ("", (), None) else str(value)
