"""Number options in the desk's number format; typer's own parser accepts `--ticks 1_000` and digits of any script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import typer
from typer.core import TyperArgument, TyperOption

from proto.trading.number_text import PARSERS

_NUMBERS: Final = (int, float)


def require_plain_numbers(command: Any) -> None:
    """Parse each number option and argument of a command and its subcommands in the desk's number format."""
    for below in getattr(command, "commands", {}).values():
        require_plain_numbers(below)
    for parameter in command.params:
        if isinstance(parameter, TyperOption | TyperArgument) and parameter.type_descriptor.annotation in _NUMBERS:
            parse = PARSERS[parameter.type_descriptor.annotation]
            parameter.process_value = _strict(parameter, parse)  # type: ignore[assignment, method-assign]


def _strict(parameter: TyperOption | TyperArgument, parse: Callable[[str], Any]) -> Callable[[Any, Any], Any]:
    process = parameter.process_value

    def process_value(context: Any, value: Any) -> Any:
        if isinstance(value, str):
            try:
                value = parse(value)
            except ValueError as error:
                raise typer.BadParameter(str(error), ctx=context, param=parameter) from None
        return process(context, value)

    return process_value
