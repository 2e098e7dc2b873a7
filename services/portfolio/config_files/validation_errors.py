"""What is wrong with a file that people write, in words that have the field, its value and what was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

_UNKNOWN: Final = re.compile(r"contains unknown field `(?P<field>[^`]*)`")
_SHOWN_CHARS_MAX: Final = 60


def shown(value: object) -> str:
    """A value as the file has it, as far as it is short."""
    if isinstance(value, bool):
        return str(value).lower()
    return (str(value) if isinstance(value, Decimal) else repr(value))[:_SHOWN_CHARS_MAX]


def validation_message(
    error: msgspec.ValidationError,
    values: Any,
    *,
    where: str = "",
    example: str,
    expected: Mapping[str, str] | None = None,
) -> str:
    """The schema's complaint with the field and the value that it is about.

    Args:
        error: what converting `values` has raised.
        values: what was converted.
        where: the place of `values` in the file, empty for all of it.
        example: what is expected of a field that is unknown or missing.
        expected: better words than the schema's for what single fields may be.
    """
    text, _, path = str(error).partition(" - at `$")
    parts = [part for part in path.rstrip("`").replace("[...]", "").split(".") if part]
    value = values
    for part in parts:
        value = value.get(part) if isinstance(value, dict) else None
    field = ".".join([where, *parts] if where else parts)
    if (unknown := _UNKNOWN.search(text)) is not None and isinstance(value, dict):
        name = unknown["field"]
        return f"{field + ': ' if field else ''}{text}, which is {shown(value.get(name))}; {example}"
    if value is None or text.startswith("Object "):
        return f"{field + ': ' if field else ''}{text}; {example}"
    words = (expected or {}).get(field)
    return f"{field} is {shown(value)}: {text}" if words is None else f"{field} is {shown(value)}, expected {words}"
