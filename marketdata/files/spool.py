"""Columns that are moved to disk when they need too much memory.

All columns of a spool share one temporary file without a name. The system removes it when the process ends for any
reason. Columns are appended with `pwrite` and read with `preadv`, because the pages of a mapped file would count as
memory in use.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from bisect import bisect_right
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from marketdata.files.errors import TickFileError

MEMORY_BYTES: Final = 32 << 20
"""The columns of a spool stay in memory up to this sum of bytes, one million rows. Disk is slightly slower."""


class Spool:
    """A store of columns, in memory up to a limit for all columns together, then on disk."""

    def __init__(self, folder: Path | None = None, *, memory_bytes: int = MEMORY_BYTES) -> None:
        """Create an empty store.

        Args:
            folder: folder of the temporary file; None for the system's folder for temporary files.
            memory_bytes: sum of the bytes of all columns beyond which all columns are moved to disk.
        """
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._held = 0
        self._columns: weakref.WeakSet[SpooledColumn] = weakref.WeakSet()
        self._file: int | None = None
        self._end = 0

    def __call__(self, dtype: type[np.generic]) -> SpooledColumn:
        """Create an empty column."""
        column = SpooledColumn(self, np.dtype(dtype))
        self._columns.add(column)
        return column

    @property
    def is_on_disk(self) -> bool:
        """Whether the limit was exceeded and the columns were moved to disk."""
        return self._file is not None

    def hold(self, count: int) -> None:
        """Add `count` bytes to those held in memory, and move all columns to disk if the sum exceeds the limit."""
        self._held += count
        if self._held > self._memory_bytes and self._file is None:
            self._file = self._opened()
            for column in self._columns:
                column.spill()

    def write(self, values: NDArray[Any]) -> int:
        """Append `values` to the file and return their offset in bytes."""
        assert self._file is not None
        offset, left = self._end, values.data.cast("B")
        try:
            while left:
                written = os.pwrite(self._file, left, self._end)
                left = left[written:]
                self._end += written
        except OSError as error:
            raise self._failed(error) from None
        return offset

    def read(self, offset: int, values: NDArray[Any]) -> None:
        """Fill `values` from the file, beginning at `offset` in bytes."""
        assert self._file is not None
        left = values.data.cast("B")
        try:
            while left:
                got = os.preadv(self._file, [left], offset)
                assert got, "the spool ends before its columns"
                left = left[got:]
                offset += got
        except OSError as error:
            raise self._failed(error) from None

    def _opened(self) -> int:
        try:
            if self._folder is not None:
                self._folder.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(prefix="paperdesk-ticks-", dir=self._folder)
            Path(name).unlink()
        except OSError as error:
            raise self._failed(error) from None
        weakref.finalize(self, os.close, number)
        return number

    def _failed(self, error: OSError) -> TickFileError:
        folder = self._folder or tempfile.gettempdir()
        elsewhere = "" if self._folder else ", or another folder in TMPDIR"
        return TickFileError(
            f"ticks cannot be spooled to {folder}: {error.strerror}; "
            f"expected space for about 70 bytes per row there{elsewhere}"
        )


class SpooledColumn:
    """One column of a spool."""

    def __init__(self, spool: Spool, dtype: np.dtype[Any]) -> None:
        """Start empty."""
        self._spool = spool
        self._dtype = dtype
        self._parts: list[NDArray[Any]] = []
        self._starts: list[int] = []
        self._offsets: list[int] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, values: NDArray[Any]) -> None:
        """Append `values`, a 1-D array."""
        if not len(values):
            return
        # Copied, because a view would keep in memory the whole chunk from which it was taken.
        values = np.array(values, dtype=self._dtype, order="C")
        self._length += len(values)
        self._parts.append(values)
        if self._spool.is_on_disk:
            self.spill()
        else:
            self._spool.hold(values.nbytes)

    def spill(self) -> None:
        """Move the rows in memory to disk."""
        start = self._length - sum(len(part) for part in self._parts)
        for part in self._parts:
            self._starts.append(start)
            self._offsets.append(self._spool.write(part))
            start += len(part)
        self._parts = []

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """The values with indices `start` to `stop - 1`."""
        assert 0 <= start <= stop <= self._length, (start, stop, self._length)
        if not self._starts:
            if len(self._parts) != 1:
                self._parts = [np.concatenate([np.zeros(0, self._dtype), *self._parts])]
            return self._parts[0][start:stop]
        values = np.empty(stop - start, dtype=self._dtype)
        at = start
        index = bisect_right(self._starts, start) - 1
        while at < stop:
            end = self._starts[index + 1] if index + 1 < len(self._starts) else self._length
            until = min(stop, end)
            offset = self._offsets[index] + (at - self._starts[index]) * self._dtype.itemsize
            self._spool.read(offset, values[at - start : until - start])
            at = until
            index += 1
        return values
