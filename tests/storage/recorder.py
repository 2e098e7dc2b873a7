"""A VFS of SQLite that executes file operations and records them, so that files can be rebuilt after a power cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import apsw

NAME = "recording"


class Write(NamedTuple):
    """Bytes written at an offset of a file."""

    file: str
    offset: int
    data: bytes


class Truncate(NamedTuple):
    """A file truncated to a size."""

    file: str
    size: int


class Sync(NamedTuple):
    """A sync: all earlier operations on the file are durable."""

    file: str


class Delete(NamedTuple):
    """A file removed; the removal is durable only if the folder was synced."""

    file: str
    is_synced: bool


Operation = Write | Truncate | Sync | Delete


class Recorder:
    """Records the operations on the databases in one folder and its subfolders, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.operations: list[Operation] = []

    def name(self, path: str) -> str | None:
        """The file's name within the folder; None for a file outside it, such as a temporary one."""
        return os.path.relpath(path, self.folder) if path.startswith(f"{self.folder}/") else None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Record the operations on all databases that are opened within the block."""
        vfs = _RecordingVfs(self)
        apsw.set_default_vfs(NAME)
        try:
            yield
        finally:
            apsw.set_default_vfs("unix")
            vfs.unregister()


class _RecordingVfs(apsw.VFS):
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        super().__init__(NAME, "unix")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - as apsw calls it
        return _RecordingFile(self._recorder, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - as apsw calls it
        super().xDelete(filename, syncdir)
        if (name := self._recorder.name(filename)) is not None:
            self._recorder.operations.append(Delete(name, syncdir))


class _RecordingFile(apsw.VFSFile):
    def __init__(self, recorder: Recorder, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._operations = recorder.operations
        self._name = recorder.name(path) if path else None

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - as apsw calls it
        super().xWrite(data, offset)
        if self._name is not None:
            self._operations.append(Write(self._name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - as apsw calls it
        super().xTruncate(newsize)
        if self._name is not None:
            self._operations.append(Truncate(self._name, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802 - as apsw calls it
        super().xSync(flags)
        if self._name is not None:
            self._operations.append(Sync(self._name))
