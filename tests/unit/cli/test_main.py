"""The command as a whole: what it answers when it cannot do what was asked."""

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
