"""Strict reading of query parameters, path parameters and JSON bodies into structs.

A value is either exactly what the struct's type describes, or refused with one line that gives the name, the value and
the expectation. Nothing is converted from another type, clipped or ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NoReturn, TypeVar, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct, inspect

from proto.codec import JSON_BRACKETS_MAX, MalformedMessageError, map_of_pairs
from proto.trading.number_text import INTEGER_EXPECTED, parse_decimal, parse_integer
from services.web.api.errors import RequestError

S = TypeVar("S", bound=Struct)

PARAMETERS_MAX: Final = 32
SECRETS: Final = ("password", "once")
"""Fields whose values no text shows."""

_SHOWN_CHARS_MAX: Final = 60
_DECIMAL_EXPECTED: Final = 'a decimal as text such as "0.01"'


def query_values(query: bytes, shape: type[S] | None) -> S | None:
    """Read the query of an address; `shape` is None for an operation without parameters, which refuses any.

    Raises:
        RequestError: 400, the query has an unknown, repeated or wrong parameter, or lacks one.
    """
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=PARAMETERS_MAX,
        )
    except ValueError:
        raise RequestError(
            400, f"query is {_shown(query.decode('latin-1'))}, expected name=value pairs in UTF-8"
        ) from None
    texts: dict[str, str] = {}
    for name, text in pairs:
        if name in texts:
            raise RequestError(400, f"{_name(name)} is {_shown(text)} and {_shown(texts[name])}, expected one value")
        texts[name] = text
    if shape is None:
        _refuse_unknown(texts, ())
        return None
    return _build(texts, shape, _read_text)


def path_value(name: str, text: str, kind: Any) -> str:
    """Check a parameter of the path against its type, which is a text.

    Raises:
        RequestError: 400, the text has the wrong length.
    """
    value: str = _converted(name, text, text, kind)
    return value


def body_values(payload: bytes, shape: type[S]) -> S:
    """Read a JSON object.

    Raises:
        RequestError: 400, the body is not a JSON object, or has an unknown, repeated or wrong field, or lacks one.
    """
    if payload.count(b"{") + payload.count(b"[") > JSON_BRACKETS_MAX:
        raise RequestError(400, "body has too many opening brackets, expected one flat JSON object")
    try:
        msgspec.json.decode(payload)  # refuses text that is not valid Unicode, and the numbers NaN and Infinity
        fields = json.loads(payload.decode(), object_pairs_hook=map_of_pairs)
    except MalformedMessageError as error:
        raise RequestError(400, f"body: {error}, expected each field once") from None
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise RequestError(400, _line(f"body of {len(payload)} bytes is not a JSON object: {error}")) from None
    if not isinstance(fields, dict):
        raise RequestError(400, f"body is a JSON {type(fields).__name__}, expected an object")
    return _build(fields, shape, _read_json)


def _build(values: Mapping[str, Any], shape: type[S], read: Any) -> S:
    """Build the struct from one value a field, and check it as a whole."""
    kinds = _kinds(shape)
    _refuse_unknown(values, tuple(kinds))
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(shape):
        kind = kinds[field.name]
        if field.name in values:
            found[field.name] = _converted(
                field.name, read(field.name, values[field.name], kind), values[field.name], kind
            )
        elif field.required:
            raise RequestError(400, f"{field.name} is missing, expected {expectation(kind)}")
    try:
        return shape(**found)
    except ValueError as error:
        raise RequestError(400, _line(str(error))) from None


@lru_cache(maxsize=64)
def _kinds(shape: type[Struct]) -> dict[str, Any]:
    return {
        name: kind
        for name, kind in get_type_hints(shape, include_extras=True).items()
        if name in shape.__struct_fields__
    }


def _refuse_unknown(values: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in values:
        if name not in names:
            raise RequestError(400, f"{_name(name)} is unknown, expected {', '.join(names) or 'no parameter or field'}")


def _read_text(name: str, text: str, kind: Any) -> Any:
    """The value of a query parameter, whose text becomes a number if its type is one."""
    described = _described(kind)
    is_number = isinstance(described, inspect.IntType) or (
        isinstance(described, inspect.LiteralType) and all(isinstance(value, int) for value in described.values)
    )
    if not is_number:
        return text
    try:
        if text != text.strip() or text.startswith("+"):
            raise ValueError(INTEGER_EXPECTED)
        return parse_integer(text)
    except ValueError:
        _refuse(name, text, kind)


def _read_json(name: str, value: Any, kind: Any) -> Any:
    """The value of a field, whose text becomes a decimal if its type is one."""
    if not isinstance(_described(kind), inspect.DecimalType) or value is None:
        return value
    if not isinstance(value, str) or value != value.strip():
        _refuse(name, value, kind)
    try:
        return parse_decimal(value)
    except ValueError as error:
        raise RequestError(400, f"{name} is {error}") from None


def _converted(name: str, value: Any, given: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind, strict=True)
    except (ValueError, OverflowError):
        _refuse(name, given, kind)


def _refuse(name: str, value: Any, kind: Any) -> NoReturn:
    shown = "wrong" if name in SECRETS else _shown(value)
    raise RequestError(400, f"{name} is {shown}, expected {expectation(kind)}")


def _described(kind: Any) -> inspect.Type:
    """Description of a type without `None`."""
    described = inspect.type_info(kind)
    while isinstance(described, inspect.UnionType | inspect.Metadata):
        if isinstance(described, inspect.Metadata):
            described = described.type
            continue
        [described] = (one for one in described.types if not isinstance(one, inspect.NoneType))
    return described


def expectation(kind: Any) -> str:
    """Text of what a value of a type is, such as `an integer from 1 to 500`."""
    match described := _described(kind):
        case inspect.IntType(ge=least, le=most):
            text = "an integer" + (f" from {least} to {most}" if least is not None else "")
        case inspect.StrType(min_length=least, max_length=most, pattern=pattern):
            text = f"a text of {least or 0} to {most} characters" + (", not only blanks" if pattern else "")
        case inspect.DecimalType():
            text = _DECIMAL_EXPECTED
        case inspect.EnumType(cls=cls):
            text = " or ".join(str(member.value) for member in cls)
        case inspect.LiteralType(values=values):
            text = " or ".join(map(str, values))
        case inspect.ListType(item_type=item, max_length=most):
            text = f"a list of at most {most} texts" if isinstance(item, inspect.StrType) else "a list"
        case _:
            text = type(described).__name__
    return text


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str | float | int) else json.dumps(value, default=str)
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[: _SHOWN_CHARS_MAX - 3]}..."


def _name(name: str) -> str:
    return name if name.isidentifier() and len(name) <= _SHOWN_CHARS_MAX else _shown(name)


def _line(text: str) -> str:
    return " ".join(text.split())[:500]
