"""Conversion of a person's file into a struct; an error names the field, its value and the expectation.

The types of the struct's fields are the schema, and msgspec converts each value. This module passes msgspec one field
at a time, so that an error can name the field. The expectation is the `description` of the field's type, or is derived
from the type. For other types, such as a text or a number without an upper limit, the expectation is the text of
msgspec's error. Decimals must be exact (`is_exact`). They must be within the type's `Range`, or above 0 without one.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct, structs

from proto.trading.number_text import parse_decimal
from proto.trading.units import ABOVE_ZERO, Range, decimal_text, is_exact

S = TypeVar("S", bound=Struct)

_SHOWN_CHARS_MAX: Final = 60
_UNIONS: Final = (Union, UnionType)


class FieldError(ValueError):
    """A field of a file is invalid; the text has its path, its value and the expectation."""


def read_struct(values: Any, kind: type[S], *, path: str = "", example: str = "a table", none: str = "") -> S:
    """Convert the tables and values of a file.

    Args:
        values: a table of the file; not changed.
        kind: type of the result; unknown fields are refused at every level.
        path: path of the table in the file, for error texts; empty for the whole file.
        example: text of the expectation for an unknown or missing field.
        none: text that means None in the file; empty if no text does.

    Raises:
        FieldError: a value is invalid, a field is unknown or missing, or a struct refuses its fields.
    """
    if not isinstance(values, dict):
        raise FieldError(f"{path} is {shown(values)}, expected a table")
    hints = _hints(kind)
    before = f"{path}." if path else ""
    for name, value in values.items():
        if name not in hints:
            raise FieldError(f"unknown field {before}{name}, which is {shown(value)}; expected {example}")
    for field in structs.fields(kind):
        if field.required and field.name not in values:
            raise FieldError(f"{before}{field.name} is missing; expected {example}")
    tag = kind.__struct_config__.tag_field
    read = {
        name: read_value(value, hints[name], path=f"{before}{name}", example=example, none=none)
        for name, value in values.items()
        if name != tag
    }
    try:
        return kind(**read)
    except ValueError as error:
        raise FieldError(f"{path}: {error}" if path else str(error)) from None


def read_value(value: Any, kind: Any, *, path: str, example: str = "a table", none: str = "") -> Any:
    """Convert one value of a file; the arguments and errors are those of `read_struct`."""
    members = _members(kind)
    if none and value == none and NoneType in members:
        return None
    if isinstance(value, dict):
        if tables := [one for one in members if isinstance(one, type) and issubclass(one, Struct)]:
            return read_struct(value, _tagged(value, tables, path), path=path, example=example, none=none)
        for key_kind, value_kind in (get_args(one) for one in members if get_origin(one) is dict):
            return {
                _leaf(key, key_kind, f"{path}.{key}: the name", none): read_value(
                    item, value_kind, path=f"{path}.{key}", example=example, none=none
                )
                for key, item in value.items()
            }
    return _leaf(value, kind, path, none)


def shown(value: object) -> str:
    """Text of a value for an error: as in the file, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return decimal_text(value) if is_exact(value) else str(value)[:_SHOWN_CHARS_MAX]
    return repr(value)[:_SHOWN_CHARS_MAX]


def _leaf(value: Any, kind: Any, path: str, none: str) -> Any:
    try:
        if isinstance(value, str) and Decimal in _members(kind):
            value = parse_decimal(value)
        found = msgspec.convert(value, kind)
        if not isinstance(found, Decimal) or (is_exact(found) and found in _range(kind)):
            return found
        expected = str(_range(kind))
    except msgspec.ValidationError as error:
        expected = _expected(kind) or str(error).removeprefix("Expected ")
    except ValueError as error:
        raise FieldError(f"{path} is {error}") from None
    otherwise = f", or {none!r}" if none and NoneType in _members(kind) else ""
    raise FieldError(f"{path} is {shown(value)}, expected {expected}{otherwise}")


def _range(kind: Any) -> Range:
    return next((one for one in _metadata(kind) if isinstance(one, Range)), ABOVE_ZERO)


def _expected(kind: Any) -> str:
    """Text of the expectation, derived from the type; empty if only msgspec's error describes it."""
    described = (found.description for found in _metadata(kind) if isinstance(found, Meta) and found.description)
    return next(described, "") or type_text(kind)


def type_text(kind: Any) -> str:
    """The values of a type as text, such as `a whole number from 1 to 9`, without its own description.

    It is empty for a type that only msgspec's error describes.
    """
    members = [one for one in _members(kind) if one is not NoneType]
    for one in members:
        if isinstance(one, type) and issubclass(one, Struct):
            return "a table"
        if one is Decimal:
            return str(_range(kind))
        if isinstance(one, type) and issubclass(one, Enum):
            *others, last = (repr(str(member.value)) for member in one)
            return f"{', '.join(others)} or {last}" if others else last
        if one is bool:
            return "true or false"
        if one in (int, float) and len(members) == 1:
            return f"{'a whole number' if one is int else 'a number'}{_bounds(kind)}"
    return "a text" if members == [str] and not _metadata(kind) else ""


def _bounds(kind: Any) -> str:
    """The bounds of a number as text, such as ` from 1 to 9`; empty without bounds."""
    for found in _metadata(kind):
        if not isinstance(found, Meta):
            continue
        if found.ge is not None and found.le is not None:
            return f" from {found.ge} to {found.le}"
        low = f"above {found.gt}" if found.gt is not None else f"of at least {found.ge}" if found.ge is not None else ""
        high = f"below {found.lt}" if found.lt is not None else f"at most {found.le}" if found.le is not None else ""
        if low or high:
            return f" {' and '.join(filter(None, (low, high)))}"
    return ""


def _tagged(value: dict[str, Any], tables: list[type[Struct]], path: str) -> type[Struct]:
    """The struct of a union to which a table is converted: the only one, or the one that the table's tag names."""
    if len(tables) == 1:
        return tables[0]
    field = str(tables[0].__struct_config__.tag_field)
    by_tag = {one.__struct_config__.tag: one for one in tables}
    tag = value.get(field)
    if not isinstance(tag, str) or tag not in by_tag:
        *others, last = map(repr, by_tag)
        found = shown(tag) if field in value else "missing"
        raise FieldError(f"{path}.{field} is {found}, expected {', '.join(others)} or {last}")
    return by_tag[tag]


@lru_cache(maxsize=64)
def _hints(kind: type[Struct]) -> dict[str, Any]:
    tag = kind.__struct_config__.tag_field
    return get_type_hints(kind, include_extras=True) | ({tag: str} if tag else {})


def _members(kind: Any) -> list[Any]:
    """The member types of a union, without metadata; for any other type, the type itself."""
    if get_origin(kind) is Annotated:
        return _members(get_args(kind)[0])
    if get_origin(kind) in _UNIONS:
        return [member for one in get_args(kind) for member in _members(one)]
    return [kind]


def _metadata(kind: Any) -> list[Any]:
    if get_origin(kind) is Annotated:
        return [*get_args(kind)[1:], *_metadata(get_args(kind)[0])]
    return [found for one in get_args(kind) for found in _metadata(one)] if get_origin(kind) in _UNIONS else []
