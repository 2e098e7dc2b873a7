"""Check of disks and memory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from common.disk_faults import size_text
from orchestration.start_checks import START_FREE_BYTES_MIN
from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.findings import Check, Findings, check, fine, found

DISK_LOW_BYTES: Final = 500 * 1024 * 1024
INODES_MIN: Final = 1_000
MEMORY_LOW_BYTES: Final = 200 * 1024 * 1024

_AVAILABLE: Final = re.compile(r"^MemAvailable:\s+(\d+) kB$", re.MULTILINE)


@check("disk")
def disk(desk: ExaminedDesk) -> Findings:
    """Free space and inodes of the disks with data, sockets and logs; free memory of the host."""
    results, least = [], None
    for folder in _places(desk):
        facts = os.statvfs(folder)
        free = facts.f_bavail * facts.f_frsize
        least = free if least is None else min(least, free)
        if facts.f_flag & os.ST_RDONLY:
            results.append(found("DISK_READ_ONLY", f"the disk of {folder}"))
        elif free < START_FREE_BYTES_MIN:
            text = f"{folder} has {size_text(free)} free, expected {size_text(START_FREE_BYTES_MIN)}"
            results.append(found("DISK_FULL", text))
        elif free < DISK_LOW_BYTES:
            results.append(found("DISK_LOW", f"{folder} has {size_text(free)} free"))
        if facts.f_files and facts.f_favail < INODES_MIN:
            results.append(found("INODES_LOW", f"{folder} has room for {facts.f_favail} files"))
    memory = _available_memory()
    if memory is not None and memory < MEMORY_LOW_BYTES:
        results.append(found("MEMORY_LOW", f"{size_text(memory)} are free"))
    yield from results
    if not results:
        shown = "" if memory is None else f", memory {size_text(memory)}"
        yield fine(f"{size_text(least or 0)} free{shown}")


def _places(desk: ExaminedDesk) -> Iterator[Path]:
    """One folder on each disk of the desk."""
    disks = set()
    for folder in (desk.data_dir, desk.data_dir / "venue", desk.runtime, desk.log_dir):
        while folder is not None and not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if folder is not None and (device := folder.stat().st_dev) not in disks:
            disks.add(device)
            yield folder


def _available_memory() -> int | None:
    """Bytes of memory that programs can get; None if the kernel does not tell."""
    try:
        shown = _AVAILABLE.search(Path("/proc/meminfo").read_text(encoding="ascii"))
    except OSError:
        return None
    return None if shown is None else int(shown[1]) * 1024


CHECKS: Final[tuple[Check, ...]] = (disk,)
