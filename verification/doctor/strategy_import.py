"""The import of the strategies that the settings name, in a process of its own, beside the other checks."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

from services.signal.settings import SignalSettings

IMPORT_S: Final = 30.0
"""Longest time of the import. On a quiet host half a second is usual, and on a busy one a fault must be found, too."""


class ImportOutcome(NamedTuple):
    """The exit code of the process, None if it did not end in time, and the last line that it wrote to stderr."""

    exit_code: int | None
    last_line: str


class StrategyImport:
    """A started import."""

    def __init__(self, settings: SignalSettings, *, home: Path, has_own_folder: bool) -> None:
        """Start the process in the folder `home`; `has_own_folder` says that the folder is not the installation."""
        own = ["-P"] if has_own_folder else []  # as in the `supervisord.conf` of a desk's folder
        line = [sys.executable, "-B", *own, "-m", "verification.doctor.strategy_probe"]
        line += [settings.strategy, ",".join(settings.trading_symbol), settings.strategy_params, settings.plan]
        self._deadline = time.monotonic() + IMPORT_S
        self._process = subprocess.Popen(
            line, cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def outcome(self) -> ImportOutcome:
        """Wait for the end of the process, which is killed if it takes too long."""
        try:
            _, written = self._process.communicate(timeout=max(0.1, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            if self._process.stderr is not None:
                self._process.stderr.close()
            return ImportOutcome(None, "")
        return ImportOutcome(self._process.returncode, written.decode("utf-8", "replace").strip().rpartition("\n")[2])
