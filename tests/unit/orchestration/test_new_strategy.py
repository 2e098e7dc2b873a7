"""A new strategy in a desk's folder works, passes its own tests, and replaces no file."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import StartError
from common.project_root import PROJECT_ROOT
from orchestration.desk_folder import make_desk
from orchestration.new_strategy import make_strategy


def test_a_new_strategy_passes_its_tests(tmp_path: Path) -> None:
    desk = make_desk(tmp_path / "desk")
    made = make_strategy("night_range", desk)
    assert made.name == "night_range:NightRange"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (made.module, made.tests)] == [0o600, 0o600]
    for path in (made.module, made.tests):
        assert "reakout" not in path.read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "-v", made.tests.stem],
        cwd=desk,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT), "PAPERDESK_DESK": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "(test_night_range.TestNightRange" in done.stderr
    assert done.stderr.rstrip().endswith("OK")


@pytest.mark.parametrize("name", ["Night", "9", "a-b", "", "import", "a" * 51, "a/b", "a.b"])
def test_a_name_that_is_no_name_of_a_module_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StartError, match=r"^NAME is .*, expected lower-case letters"):
        make_strategy(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["json", "numpy", "services", "proto"])
def test_the_name_of_another_module_is_refused(tmp_path: Path, name: str) -> None:
    """The desk's folder is searched last, so that the other module would be imported."""
    with pytest.raises(StartError, match=f"there is a module {name} that would be imported instead"):
        make_strategy(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("existing", ["night_x", "test_night_x"])
def test_an_existing_file_is_not_replaced(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).with_suffix(".py").write_text("mine")
    with pytest.raises(StartError, match=rf"{existing}\.py exists, expected another name"):
        make_strategy("night_x", tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
