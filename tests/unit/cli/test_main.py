"""The command as a whole: what it answers when it cannot do what was asked."""

import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from cli.main import run


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
