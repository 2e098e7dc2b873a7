"""The free space that the web process leaves to the desk.

Its index of the ledger and its history are on the disk of the ledger. A desk halts when the ledger cannot be written.
So the files of the page must not take the last space.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import apsw

from common.disk_faults import free_bytes

RESERVE_BYTES: Final = 64 * 1024 * 1024
"""Free space below which the web process writes no more rows; the ledger of a busy day fits into it."""


def keep_reserve(folder: Path, reserve_bytes: int = RESERVE_BYTES) -> None:
    """Check that the disk of a folder has more free space than the reserve.

    Raises:
        apsw.FullError: it has not; the text is the same as long as it has not.
    """
    free = free_bytes(folder)
    if free is not None and free < reserve_bytes:
        raise apsw.FullError(
            f"the disk of {folder} has less than {reserve_bytes >> 20} MiB free, which are left to the ledger"
        )
