"""Runs the installed `paperdesk` command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

PAPERDESK: Final = Path(sys.executable).parent / "paperdesk"
TIMEOUT_S: Final = 120.0
"""Longest run of a command in seconds; far more than any command needs, except a long replay."""


def paperdesk(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end; `environment` is added to the environment of the tests."""
    return run_within(TIMEOUT_S, arguments, environment)


def status_of(data_dir: Path) -> dict[str, Any]:
    """The fields that `paperdesk status --json` prints; none if it prints nothing."""
    done = paperdesk("status", "--data-dir", data_dir, "--json")
    fields: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    return fields


def run_within(
    timeout_s: float, arguments: Iterable[object], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end within `timeout_s` seconds."""
    return subprocess.run(
        [PAPERDESK, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env={**os.environ, **environment},
        check=False,
    )
