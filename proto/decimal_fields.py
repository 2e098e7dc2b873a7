"""Parsing of the decimal fields of messages and files by the grammar of `proto.trading.number_text`.

msgspec parses a decimal's text by Python's rules, which accept "0_1" and digits of any script, and takes any number.
Therefore `read_decimals` first parses the text of every decimal field in the maps and lists of a decoded frame or file,
and refuses inexact numbers. msgspec then validates all other fields and builds the message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import inspect

from proto.trading.number_text import parse_decimal
from proto.trading.units import require_exact

Reader = Callable[[Any, str], Any]
"""Function of a plain value and its path in the message; returns the value with its decimals parsed."""

_LISTS: Final = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)


def read_decimals(values: Any, kind: Any) -> Any:
    """Replace the text of each decimal field by an exact decimal; maps in `values` change in place.

    Args:
        values: maps, lists and plain values, as decoded.
        kind: the type that they will be converted to; it determines which fields are decimals.

    Returns:
        The values with their decimals parsed.

    Raises:
        ValueError: the text of a decimal field is not a decimal, or a number is not exact. The error names field, text
            or number, and expectation.
    """
    return values if (reader := _reader_of(kind)) is None else reader(values, "")


def has_decimals(kind: Any) -> bool:
    """Whether a type contains a decimal."""
    return _reader_of(kind) is not None


@lru_cache(maxsize=256)
def decimal_names(struct: type[msgspec.Struct]) -> frozenset[str]:
    """Names of the message's fields whose type is Decimal, or Decimal or None."""
    found = inspect.type_info(struct)
    assert isinstance(found, inspect.StructType), struct
    return frozenset(field.encode_name for field in found.fields if _is_decimal(field.type))


@lru_cache(maxsize=256)
def _reader_of(kind: Any) -> Reader | None:
    return _reader(inspect.type_info(kind))


def _is_decimal(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.UnionType):
        return any(map(_is_decimal, kind.types))
    return isinstance(kind, inspect.DecimalType)


def _reader(kind: inspect.Type) -> Reader | None:
    if isinstance(kind, inspect.Metadata):
        return _reader(kind.type)
    if _is_decimal(kind):
        return _read_decimal
    if isinstance(kind, inspect.StructType):
        return _struct_reader(kind)
    if isinstance(kind, inspect.UnionType):
        return _union_reader(kind.types)
    if isinstance(kind, _LISTS):
        return _each(_read_items, _reader(kind.item_type))
    if isinstance(kind, inspect.TupleType):
        return _row_reader(enumerate(map(_reader, kind.item_types)))
    if isinstance(kind, inspect.DictType):
        return _each(_read_values, _reader(kind.value_type))
    return None


def _each(read: Callable[[Any, str, Reader], Any], item: Reader | None) -> Reader | None:
    return None if item is None else lambda value, path: read(value, path, item)


def _read_decimal(value: Any, path: str) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        require_exact(path, Decimal(str(value)))  # msgspec takes the same decimal, the shortest one for a float
    if not isinstance(value, str):
        return value
    try:
        return parse_decimal(value)
    except ValueError as error:
        raise ValueError(f"{path} is {error}") from None


def _read_items(value: Any, path: str, item: Reader) -> Any:
    return [item(one, path) for one in value] if isinstance(value, list | tuple) else value


def _read_values(value: Any, path: str, item: Reader) -> Any:
    if isinstance(value, dict):
        for key, one in value.items():
            value[key] = item(one, _joined(path, str(key)))
    return value


def _struct_reader(kind: inspect.StructType) -> Reader | None:
    readers = [(field.encode_name, _reader(field.type)) for field in kind.fields]
    if kind.array_like:
        first = 0 if kind.tag is None else 1
        return _row_reader((first + place, reader) for place, (_, reader) in enumerate(readers))
    found = [(name, reader) for name, reader in readers if reader is not None]
    if not found:
        return None

    def read(value: Any, path: str) -> Any:
        if isinstance(value, dict):
            for name, reader in found:
                if name in value:
                    value[name] = reader(value[name], _joined(path, name))
        return value

    return read


def _row_reader(readers: Iterable[tuple[int, Reader | None]]) -> Reader | None:
    found = [(place, reader) for place, reader in readers if reader is not None]
    if not found:
        return None

    def read(value: Any, path: str) -> Any:
        if isinstance(value, list):
            for place, reader in found:
                if place < len(value):
                    value[place] = reader(value[place], path)
        return value

    return read


def _union_reader(kinds: Iterable[inspect.Type]) -> Reader | None:
    """The reader of a union: that of its only member with decimals, or of the struct that the map's tag names."""
    structs = [kind for kind in kinds if isinstance(kind, inspect.StructType)]
    others = [reader for kind in kinds if kind not in structs and (reader := _reader(kind)) is not None]
    if len(structs) < 2:
        readers = [*others, *(reader for kind in structs if (reader := _reader(kind)) is not None)]
        assert len(readers) < 2, kinds
        return readers[0] if readers else None
    tag_field, by_tag = structs[0].tag_field, {kind.tag: _struct_reader(kind) for kind in structs}
    if not any(by_tag.values()):
        return None

    def read(value: Any, path: str) -> Any:
        tag = value.get(tag_field) if isinstance(value, dict) else None
        reader = by_tag.get(tag) if isinstance(tag, str) else None
        return value if reader is None else reader(value, path)

    return read


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
