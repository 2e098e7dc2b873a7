"""On a full disk orders are denied, no acknowledged data is lost, and trading resumes when space is freed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common.project_root import PROJECT_ROOT


def test_a_desk_on_a_full_disk_denies_orders_and_continues_when_space_is_freed(tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare, to mount a small tmpfs in a namespace of its own")
    done = subprocess.run(
        ["unshare", "-m", sys.executable, "-m", "tests.system.full_disk", str(tmp_path)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    if "permission denied" in done.stderr.lower():
        pytest.skip("needs permission to mount a tmpfs; a container without CAP_SYS_ADMIN does not have it")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["all processes run"]
    assert found["orders"][1] > found["orders"][0]
    assert found["problems"] == []
    assert found["differences"] == []
