"""The `paperdesk` command: errors, version, help and the list of commands."""

import platform
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import pytest
import typer.main

from cli.command_group import ENTRIES, load_command
from cli.commands import COMMANDS, CommandEntry
from cli.main import run
from common.project_root import PROJECT_ROOT


def test_a_folder_without_access_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path) -> NoReturn:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", refuse)
    assert run(["orders", "--data-dir", "/closed/desk"]) == 2
    error = capsys.readouterr().err
    assert error == "paperdesk: /closed/desk: Permission denied; expected a file or folder that the user may access\n"


HEAVY = {"pydantic", "numpy", "numba", "polars", "apsw", "xgboost", "zmq"}
"""Libraries that only some commands need; loading one takes about 0.1 s."""


def test_the_help_loads_no_library_that_only_some_commands_need() -> None:
    """`--help` loads none of the libraries in `HEAVY`."""
    script = (
        "import sys, cli.main; cli.main.run(['--help'] if len(sys.argv) < 2 else []); "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    helped = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "Backtest recorded ticks" in helped.stdout
    assert not HEAVY & set(helped.stderr.split())


def test_the_version_has_the_package_python_and_the_platform(capsys: pytest.CaptureFixture[str]) -> None:
    expected = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert run(["--version"]) == 0
    output = capsys.readouterr().out
    assert output.startswith(f"paperdesk {expected}, Python {platform.python_version()}, ")
    assert len(output.splitlines()) == 1


def test_the_help_has_every_command_under_a_heading(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    output = capsys.readouterr().out
    assert re.findall(r"─ ([A-Z][a-z, ]+) ─", output) == ["Options", *COMMANDS]
    assert re.findall(r"^│ ([a-z][a-z-]*)  ", output, re.MULTILINE) == list(ENTRIES)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.name)
def test_each_entry_of_the_list_fits_on_a_line_and_loads_its_command(entry: CommandEntry) -> None:
    assert len(max(ENTRIES, key=len)) + 2 + len(entry.summary) <= 76
    assert load_command(entry).name == entry.name


def test_every_command_of_every_module_is_in_the_list() -> None:
    modules = {path.stem for path in (PROJECT_ROOT / "cli" / "commands").glob("[a-z]*.py")}
    assert {entry.module for entry in ENTRIES.values()} == modules - {"ticks_generate"}  # a part of `ticks`
    for module in {entry.module for entry in ENTRIES.values()}:
        app = import_module(f"cli.commands.{module}").app
        named = {name for name, entry in ENTRIES.items() if entry.module == module}
        assert set(typer.main.get_group(app).commands) == named
