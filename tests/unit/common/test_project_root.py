"""Which folder is the desk: by PAPERDESK_DESK, else by the working directory, else the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.project_root import DESK_MARKER, PROJECT_ROOT

ASK = """
import json
from common.errors import StartError
from common.project_root import DEFAULT_DATA_DIR, DESK_ROOT, require_desk_root
refused = ""
try:
    require_desk_root()
except StartError as error:
    refused = str(error)
print(json.dumps([str(DESK_ROOT), str(DEFAULT_DATA_DIR), refused]))
"""


def desk_of(folder: Path, named: str = "") -> tuple[str, str, str]:
    """The desk, the data directory and the refusal of a process that is started in a folder."""
    environment = {**os.environ, "PAPERDESK_DESK": named}
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    root, data_dir, refused = json.loads(done.stdout)
    return root, data_dir, refused


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "desk" / "a" / "b").mkdir(parents=True)
    (tmp_path / "desk" / DESK_MARKER).write_text("version = 1\n")
    return tmp_path / "desk"


def test_a_folder_below_a_desk_belongs_to_it(desk: Path) -> None:
    assert desk_of(desk / "a" / "b") == (str(desk), f"{desk}/data", "")
    assert desk_of(desk) == (str(desk), f"{desk}/data", "")


def test_any_other_folder_belongs_to_the_checkout(tmp_path: Path) -> None:
    assert desk_of(tmp_path) == (str(PROJECT_ROOT), f"{PROJECT_ROOT}/var/data", "")
    assert desk_of(PROJECT_ROOT / "docs") == (str(PROJECT_ROOT), f"{PROJECT_ROOT}/var/data", "")


def test_the_nearest_desk_counts(desk: Path) -> None:
    (desk / "a" / DESK_MARKER).write_text("version = 1\n")
    assert desk_of(desk / "a" / "b")[0] == str(desk / "a")


def test_the_variable_takes_precedence_over_the_folder(desk: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / DESK_MARKER).write_text("version = 1\n")
    assert desk_of(desk, named=str(tmp_path / "other"))[0] == str(tmp_path / "other")
    assert desk_of(desk, named=".")[0] == str(desk)


def test_a_variable_without_a_desk_is_refused(tmp_path: Path) -> None:
    root, _, refused = desk_of(tmp_path, named="nowhere")
    assert root == f"{tmp_path}/nowhere"
    assert refused == "PAPERDESK_DESK: value 'nowhere', expected a folder that `paperdesk init` made"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_desk_of_another_user_is_used_only_if_it_is_named(desk: Path) -> None:
    os.chown(desk / DESK_MARKER, 12_345, 12_345)
    assert f"the desk in {desk} belongs to user 12345, expected a desk of this user, 0;" in desk_of(desk)[2]
    assert desk_of(desk, named=str(desk))[2] == ""
