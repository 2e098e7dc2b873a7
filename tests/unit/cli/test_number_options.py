"""Every option that is a number is ASCII digits, whichever command it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.core import TyperArgument, TyperOption

from cli.main import application, run
from cli.number_options import require_plain_numbers


def numbers_of(command: Any, path: str = "") -> Iterator[tuple[str, TyperOption | TyperArgument]]:
    for name, below in getattr(command, "commands", {}).items():
        yield from numbers_of(below, f"{path} {name}")
    for parameter in command.params:
        if isinstance(parameter, TyperOption | TyperArgument) and parameter.type_descriptor.annotation in (int, float):
            yield f"{path} {parameter.opts[0]}".strip(), parameter


def test_no_option_of_any_command_takes_what_only_python_reads_as_a_number() -> None:
    command = typer.main.get_command(application("help"))
    require_plain_numbers(command)
    found = dict(numbers_of(command))
    assert {
        "backtest --ticks",
        "replay --leverage",
        "train --horizon",
        "ticks generate --hours",
        "run --duration",
    } <= set(found)
    for parameter in found.values():
        for text in ("1_0", "\uff11\uff10", "\u0661", "nan", "1,0", ""):
            with pytest.raises(typer.BadParameter, match="ASCII digits"):
                parameter.process_value(typer.Context(command), text)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("backtest t.csv:EURUSD --ticks 1_000", "'--ticks': '1_000', expected a whole number of ASCII digits"),
        ("replay t.csv:EURUSD --leverage 1_00", "'--leverage': '1_00', expected a whole number of ASCII digits"),
        ("parity t.csv:EURUSD --seed \u0663", "'--seed': '\u0663', expected a whole number of ASCII digits"),
        ("ticks generate --hours 1_0 t.parquet", "'--hours': '1_0', expected a decimal of ASCII digits"),
        ("replay t.csv:EURUSD --speed 1_0", "--speed is '1_0', expected lockstep, max, or a factor"),
    ],
)
def test_a_slip_in_a_number_is_one_line_and_exit_code_2(
    line: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(line.split()) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
