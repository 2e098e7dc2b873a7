"""Search for the processes of a desk under test, while processes start and end."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil


def process_below(pid: int, module: str) -> psutil.Process | None:
    """The running process of a module among all descendants of process `pid`; None if there is none."""
    with suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.Error):  # the process ended between two queries
                if module in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                    return process
    return None


def process_with_file(module: str, path: Path) -> psutil.Process | None:
    """The process of a module that has a file open; None if there is none."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if module in process.cmdline() and any(file.path == str(path) for file in process.open_files()):
                return process
    return None
