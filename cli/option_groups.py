"""Options that several commands share, declared once as the fields of a dataclass."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_type_hints

from typer.models import OptionInfo


def with_option_groups(command: Callable[..., int]) -> Callable[..., int]:
    """Replace each parameter of `command` that is a dataclass by one keyword parameter for each field.

    Typer reads the keyword parameters as options and arguments. The original command is called with the dataclasses.
    """
    groups: dict[str, type[Any]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if is_dataclass(parameter.annotation) and isinstance(parameter.annotation, type):
            groups[parameter.name] = parameter.annotation
            parameters += _parameters_of(parameter.annotation)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def with_options(**given: Any) -> int:
        made = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group) if field.name in given})
            for name, group in groups.items()
        }
        return command(**made, **given)

    with_options.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    with_options.__annotations__ = {one.name: one.annotation for one in parameters}
    return with_options


def _parameters_of(group: type[Any]) -> Iterator[inspect.Parameter]:
    types = get_type_hints(group, include_extras=True)
    for field in fields(group):
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=types[field.name],
        )


def option_arguments(options: object, *, without: tuple[str, ...] = ()) -> list[str]:
    """The options of a dataclass as text for a command line, in the order of the fields.

    Options with their default value are omitted, and so are positional arguments.

    Args:
        options: the dataclass, as passed to the command.
        without: names of further fields to omit.
    """
    types = get_type_hints(type(options), include_extras=True)
    arguments: list[str] = []
    for field in _fields_of(options):
        declared, value = types[field.name].__metadata__[0], getattr(options, field.name)
        if isinstance(declared, OptionInfo) and field.name not in without and value != field.default:
            arguments += [
                str(declared.default),
                str(value),
            ]  # within Annotated, typer keeps the option's name in `default`
    return arguments


def _fields_of(options: object) -> tuple[Field[Any], ...]:
    assert is_dataclass(options)
    return fields(options)
