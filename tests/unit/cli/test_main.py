"""The command as a whole: what it answers when it cannot do what was asked."""

import platform
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NoReturn

import pytest

from cli.main import COMMAND_GROUPS, run
from common.project_root import PROJECT_ROOT
from tests.support.commands import every_command


def test_a_folder_that_may_not_be_entered_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path) -> NoReturn:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", refuse)
    assert run(["orders", "--data-dir", "/closed/desk"]) == 2
    said = capsys.readouterr().err
    assert said == "paperdesk: /closed/desk: Permission denied; expected a file or folder that may be used\n"


def test_the_command_starts_without_the_libraries_that_single_commands_need() -> None:
    """Each of them costs every command a tenth of a second and more."""
    script = "import sys, cli.main; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"pydantic", "numpy", "numba", "polars", "apsw", "xgboost", "zmq"} & set(done.stdout.split())


def test_the_version_is_that_of_the_package_and_of_what_it_runs_on(capsys: pytest.CaptureFixture[str]) -> None:
    expected = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert run(["--version"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"paperdesk {expected}, Python {platform.python_version()}, ")
    assert len(said.splitlines()) == 1


def test_the_help_has_every_command_under_a_heading(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert re.findall(r"─ ([A-Z][a-z, ]+) ─", said) == ["Options", *COMMAND_GROUPS]
    names = {words[0] for words in every_command()}
    assert set(re.findall(r"^│ ([a-z][a-z-]*)  ", said, re.MULTILINE)) == names
