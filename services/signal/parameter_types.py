"""Declared parameters of strategies: their types, ranges and defaults, and the text of their values.

A strategy class declares its parameters as a frozen msgspec struct in the attribute `Parameters`, with a default for
each, and its constructor takes the struct. A class without the attribute has no parameters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Final, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, Meta, Struct, structs

from common.errors import error_text
from common.struct_files import shown, type_text
from proto.trading.number_text import PARSERS

_BOOLS: Final = {"true": True, "false": False}
_FORBIDDEN: Final = ",\r\n"
"""Characters that a text cannot contain, because it is a value in a list on one line."""


class ParameterKey(NamedTuple):
    """A parameter of the strategy of one symbol; with an empty `symbol`, of all strategies that have the parameter."""

    symbol: str
    name: str

    def __str__(self) -> str:
        return f"{self.symbol}:{self.name}" if self.symbol else self.name


class ParameterInfo(Struct, frozen=True):
    """A declared parameter for people.

    `type` is int, float, bool, str or enum, `values` describes type and range, and `default` is as in an option.
    """

    name: str
    type: str
    values: str
    default: str
    description: str


def declared_parameters(strategy: object) -> type[Struct] | None:
    """The type of a strategy's parameters; None for a strategy without parameters.

    Args:
        strategy: the class of the strategy, or a function that makes it.

    Raises:
        ValueError: the declaration cannot be used; the text has the parameter.
    """
    kind = getattr(strategy, "Parameters", None)
    if kind is None:
        return None
    if not isinstance(kind, type) or not issubclass(kind, Struct) or not kind.__struct_config__.frozen:
        raise ValueError("its Parameters is no frozen msgspec Struct")
    for field in structs.fields(kind):
        if field.default is NODEFAULT:
            raise ValueError(f"its parameter {field.name} has no default, expected a value of its type")
        if not _is_usable(_without_range(_hint(kind, field.name))):
            raise ValueError(
                f"its parameter {field.name} has a wrong type, expected int, float, bool, str or a StrEnum"
            )
        try:
            typed_value(kind, field.name, field.default)
        except ValueError as error:
            raise ValueError(
                f"its parameter {field.name} has the default {value_text(field.default)}, {error}"
            ) from None
    try:
        kind()
    except ValueError as error:
        raise ValueError(f"its default parameters are refused: {error_text(error)}") from None
    return kind


def parameter_infos(kind: type[Struct] | None) -> list[ParameterInfo]:
    """The declared parameters in the order of their declaration; none without a type."""
    if kind is None:
        return []
    return [
        ParameterInfo(
            field.name,
            "enum" if issubclass(plain := _without_range(_hint(kind, field.name)), Enum) else plain.__name__,
            type_text(hint := _hint(kind, field.name)) or "a text",
            value_text(field.default),
            next((one.description for one in get_args(hint)[1:] if isinstance(one, Meta) and one.description), ""),
        )
        for field in structs.fields(kind)
    ]


def typed_value(kind: type[Struct], name: str, value: Any) -> Any:
    """A value as the type of its parameter.

    Raises:
        ValueError: the value is of another type or out of range; the text has the expectation.
    """
    hint = _hint(kind, name)
    try:
        found = msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        raise ValueError(f"expected {type_text(hint) or str(error).removeprefix('Expected ')}") from None
    if isinstance(found, float):
        if not math.isfinite(found):
            raise ValueError("expected a finite number")
        return found + 0.0  # -0.0 becomes 0.0: both are equal and need the same text
    if isinstance(found, str) and (found != found.strip() or not found or any(one in found for one in _FORBIDDEN)):
        raise ValueError("expected a text without commas, on one line, without blanks at its ends")
    return found


def parsed_value(kind: type[Struct], name: str, text: str) -> Any:
    """The value of a parameter in an option or a setting; the errors are those of `typed_value`."""
    plain = _without_range(_hint(kind, name))
    value: Any = _BOOLS.get(text, text) if plain is bool else text
    if plain in PARSERS:
        try:
            value = PARSERS[plain](text)
        except ValueError:
            value = text  # a text is no number, so the next line refuses it
    return typed_value(kind, name, value)


def parameters_text(parameters: Struct | None) -> str:
    """The values that differ from the defaults, sorted by name, such as `fast_ticks=20,slow_ticks=300`."""
    return ",".join(f"{name}={text}" for name, text in _changed(parameters).items())


def canonical_parameters(parameters: Mapping[str, Struct | None]) -> str:
    """The values by symbol that differ from the defaults, as text that a setting can have; empty for none.

    Equal values have equal texts. If all symbols have the same values, the text has no symbols.
    """
    texts = [parameters_text(found) for found in parameters.values()]
    if len(set(texts)) == 1:
        return texts[0]
    return ",".join(
        f"{ParameterKey(symbol, name)}={text}"
        for symbol, found in parameters.items()
        for name, text in _changed(found).items()
    )


def value_text(value: Any) -> str:
    """The text of a parameter's value, as in an option; equal values have equal texts."""
    if isinstance(value, bool):
        return shown(value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value.value) if isinstance(value, Enum) else str(value)


def _changed(parameters: Struct | None) -> dict[str, str]:
    if parameters is None:
        return {}
    values = {
        field.name: (getattr(parameters, field.name), field.default) for field in structs.fields(type(parameters))
    }
    return {name: value_text(value) for name, (value, default) in sorted(values.items()) if value != default}


def _hint(kind: type[Struct], name: str) -> Any:
    return get_type_hints(kind, include_extras=True)[name]


def _without_range(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _is_usable(kind: Any) -> bool:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return all(isinstance(member.value, str) for member in kind)
    return kind in (int, float, bool, str)
