"""On a full disk orders are denied, no acknowledged data is lost, and trading resumes when space is freed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from common.project_root import PROJECT_ROOT


def on_small_disk(module: str, folder: Path) -> Any:
    """Run a module, which mounts a small disk in `folder`, and return its observations."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare, to mount a small tmpfs in a namespace of its own")
    done = subprocess.run(
        ["unshare", "-m", sys.executable, "-m", module, str(folder)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    if "permission denied" in done.stderr.lower():
        pytest.skip("needs permission to mount a tmpfs; a container without CAP_SYS_ADMIN does not have it")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_desk_on_a_full_disk_denies_orders_and_continues_when_space_is_freed(tmp_path: Path) -> None:
    found = on_small_disk("tests.system.full_disk", tmp_path)
    assert found["all processes run"]
    assert found["orders"][1] > found["orders"][0]
    assert found["problems"] == []
    assert found["differences"] == []


def test_records_of_alerts_wait_for_a_full_disk_and_none_is_lost(tmp_path: Path) -> None:
    found = on_small_disk("tests.system.full_alert_log", tmp_path)
    assert found["waiting"][0] > 0
    assert found["waiting"][1] == 1
    assert all(found["problems"])
    assert found["after"] == [0, 0]
    assert found["texts"] == [["before", *(f"during {number}" for number in range(300))], ["late"]]
