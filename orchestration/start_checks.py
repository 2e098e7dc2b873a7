"""Checks of a data directory before the processes of a desk are started on it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from common.disk_faults import free_bytes, size_text
from common.errors import InUseError, StartError
from common.storage import writers_lock
from orchestration.stopped_desk_audit import VENUE_BOOK
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME

START_FREE_BYTES_MIN: Final = 2 * 1024 * 1024
"""Least free space in bytes: the size of the empty files and logs of four processes."""

LEAVING_S: Final = 2.5
"""Longest time for which the processes of a killed desk keep their files locked."""

RETRY_S: Final = 0.05


def require_startable(data_dir: Path) -> None:
    """Refuse a directory on which the processes of a desk could not start.

    Raises:
        StartError: the disk has too little space, or another desk runs on the directory.
    """
    free = free_bytes(data_dir)
    if free is not None and free < START_FREE_BYTES_MIN:
        raise StartError(
            f"{data_dir} has {size_text(free)} free on its disk, expected {size_text(START_FREE_BYTES_MIN)}"
        )
    for name in (Path(LEDGER_FILE_NAME), VENUE_BOOK):
        _require_free(data_dir / name)


def _require_free(path: Path) -> None:
    if not path.is_file():
        return
    deadline = time.monotonic() + LEAVING_S
    while True:
        try:
            with writers_lock(path):
                return
        except InUseError:
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_S)
