"""The folder of a desk that an earlier version made is still a desk: its files load, and it can be renewed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from common.project_root import DESK_MARKER
from orchestration.desk_folder import COPIED, ENV_FILE, FOLDERS, folder_problems
from orchestration.supervisord_configuration import CONFIGURATION
from services.notify.rules_file import load_notify_file
from tests.old_files.desks import HERE
from tests.support.command_line import PAPERDESK, TIMEOUT_S
from tests.support.short_folders import place

__all__ = ["place"]

VERSIONS: Final = ("desk_folder_1",)
"""The folders that earlier versions made. Hidden files and the module have other names here."""

RENAMED: Final = {"settings.env": ENV_FILE, "marker": DESK_MARKER, "strategy.txt": "strategy.py"}


@pytest.fixture(params=VERSIONS)
def desk(request: pytest.FixtureRequest, place: Path) -> Path:
    """A desk with the files of an earlier version."""
    folder = place / "desk"
    for name in ("", *FOLDERS):
        (folder / name).mkdir(mode=0o700)
    for path in (HERE / str(request.param)).iterdir():
        shutil.copyfile(path, folder / RENAMED.get(path.name, path.name))
    (folder / ENV_FILE).chmod(0o600)
    return folder


def run_in(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [PAPERDESK, *map(str, arguments)],
        cwd=folder,
        env=plain,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_its_settings_strategy_plan_limits_and_rules_load(desk: Path) -> None:
    done = run_in(desk, "config")
    assert done.returncode == 0, done
    assert f"{desk}/data" in done.stdout
    assert run_in(desk, "ticks", "generate", "--symbols", "EURUSD", "--hours", 1, "e.parquet").returncode == 0
    files = ("--strategy", "strategy:Breakout", "--plan", "plan.toml", "--risk", "limits.toml")
    done = run_in(desk, "backtest", "e.parquet:EURUSD", *files)
    assert done.returncode == 0, done
    assert load_notify_file(desk / "notify.toml").targets


def test_its_outdated_configuration_is_named_and_renewed(desk: Path) -> None:
    assert [problem.partition(": paperdesk init")[0] for problem in folder_problems(desk)] == [
        f"the interpreter /opt/paperdesk/.venv/bin/python of {desk / CONFIGURATION} is gone, the checkout was moved"
    ]
    assert run_in(desk, "init", "--renew", ".").returncode == 0
    assert folder_problems(desk) == []


def test_the_newest_of_these_folders_has_each_file_that_a_new_desk_has() -> None:
    """A file that is added to new desks needs a new folder here, and code that does without the file."""
    names = {RENAMED.get(path.name, path.name) for path in (HERE / VERSIONS[-1]).iterdir()}
    assert names == {*COPIED, ENV_FILE, DESK_MARKER, CONFIGURATION} - {"README.md"}
