"""Every number option of every command accepts only ASCII digits."""

from __future__ import annotations

import pytest
import typer
from typer.core import TyperArgument, TyperOption

from cli.main import run
from tests.support.commands import commands_by_words


def test_every_number_option_takes_ascii_digits_only() -> None:
    found = {
        f"{' '.join(words)} {parameter.opts[0]}": (command, parameter)
        for words, command in commands_by_words().items()
        for parameter in command.params
        if isinstance(parameter, TyperOption | TyperArgument) and parameter.type_descriptor.annotation in (int, float)
    }
    assert {
        "backtest --ticks",
        "replay --leverage",
        "train --horizon",
        "ticks generate --hours",
        "run --duration",
    } <= set(found)
    for command, parameter in found.values():
        for text in ("1_0", "\uff11\uff10", "\u0661", "nan", "1,0", ""):
            with pytest.raises(typer.BadParameter, match="ASCII digits"):
                parameter.process_value(typer.Context(command), text)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("backtest t.csv:EURUSD --ticks 1_000", "'--ticks': '1_000', expected a whole number of ASCII digits"),
        ("replay t.csv:EURUSD --leverage 1_00", "'--leverage': '1_00', expected a whole number of ASCII digits"),
        ("parity t.csv:EURUSD --seed \u0663", "'--seed': '\u0663', expected a whole number of ASCII digits"),
        ("ticks generate --hours 1_0 t.parquet", "'--hours': '1_0', expected a decimal of ASCII digits"),
        ("replay t.csv:EURUSD --speed 1_0", "--speed is '1_0', expected lockstep, max, or a factor"),
    ],
)
def test_a_malformed_number_is_refused_in_one_line_with_exit_code_2(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(line.split()) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
