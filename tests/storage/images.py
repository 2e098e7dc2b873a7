"""Crash images: possible states of the files after a power cut at any of the recorded operations.

Synced data survives. Each 512-byte sector of later writes survives or not, independently of the others. So writes are
dropped, torn and reordered. A truncation or a removal after the last sync may be undone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.storage.recorder import Delete, Operation, Sync, Truncate, Write

SECTOR_BYTES = 512
SURVIVAL = (0.0, 0.1, 0.5, 0.9, 1.0)


class Disk:
    """The synced content of the disk, and the operations after the last sync."""

    def __init__(self) -> None:
        self.durable: dict[str, bytearray] = {}
        self.pending: dict[str, list[Operation]] = {}

    def do(self, operation: Operation) -> None:
        """Apply one operation."""
        if isinstance(operation, Delete) and operation.is_synced:
            self.durable.pop(operation.file, None)
            self.pending.pop(operation.file, None)
            return
        if not isinstance(operation, Sync):
            self.pending.setdefault(operation.file, []).append(operation)
            return
        self.durable.setdefault(operation.file, bytearray())
        for waiting in self.pending.pop(operation.file, ()):
            _apply(self.durable, waiting)

    def after_a_power_cut(self, dice: random.Random) -> dict[str, bytes]:
        """Possible contents of the files after a power cut at this point."""
        files = {name: bytearray(content) for name, content in self.durable.items()}
        survival = dice.choice(SURVIVAL)
        for name in sorted(self.pending):
            for operation in self.pending[name]:
                for part in _sectors(operation):
                    if dice.random() < survival:
                        _apply(files, part)
        return {name: bytes(content) for name, content in files.items()}


def crash_images(
    operations: Sequence[Operation], *, count: int, seed: int
) -> Iterator[tuple[int, int, dict[str, bytes]]]:
    """Yield `count` images as (number of operations done, number of the image, files), fewest operations first."""
    dice = random.Random(seed)
    cuts = sorted(dice.randint(1, len(operations)) for _ in range(count))
    disk, done = Disk(), 0
    for number, cut in enumerate(cuts):
        for operation in operations[done:cut]:
            disk.do(operation)
        done = cut
        yield cut, number, disk.after_a_power_cut(random.Random(f"{seed} {number}"))


def write_image(files: dict[str, bytes], folder: Path) -> None:
    """Write the files of an image into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _sectors(operation: Operation) -> Iterator[Operation]:
    if not isinstance(operation, Write):
        yield operation
        return
    start, end = operation.offset, operation.offset + len(operation.data)
    while start < end:
        stop = min(end, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
        yield Write(operation.file, start, operation.data[start - operation.offset : stop - operation.offset])
        start = stop


def _apply(files: dict[str, bytearray], operation: Operation) -> None:
    if isinstance(operation, Delete):
        files.pop(operation.file, None)
        return
    content = files.setdefault(operation.file, bytearray())
    if isinstance(operation, Write):
        end = operation.offset + len(operation.data)
        if len(content) < end:
            content.extend(bytes(end - len(content)))
        content[operation.offset : end] = operation.data
    elif isinstance(operation, Truncate):
        del content[operation.size :]
