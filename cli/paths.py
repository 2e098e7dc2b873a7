"""Checks of data directories before a command runs."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from common.disk_faults import disk_faults_named
from common.errors import StartError

DESK_TRACES: Final = ("ledger.db", "logs")
"""Names that identify a desk's folder: the ledger, or the logs of a desk that was killed before it made a ledger."""


@contextlib.contextmanager
def data_directory(path: Path | None, *, go_on: bool) -> Iterator[Path]:
    """The data directory of a run: `path`, or a temporary directory that is removed at the end of the block.

    The text of a disk fault within the block has the name of the directory.

    Args:
        path: the directory; None for a temporary directory.
        go_on: whether the run continues with the desk in the directory.

    Raises:
        StartError: the directory cannot be written; it is not empty and `go_on` is False; or it has no desk and `go_on`
            is True.
    """
    if path is not None:
        folder = _prepared(path, go_on=go_on)
        with disk_faults_named(folder):
            yield folder
        return
    if go_on:
        raise StartError("--continue without --data-dir, expected --data-dir DIR with the desk to continue")
    try:
        temporary = Path(tempfile.mkdtemp(prefix="paperdesk-"))
    except OSError as error:
        raise StartError(f"cannot make a temporary data directory: {error.strerror}; expected --data-dir DIR") from None
    try:
        with disk_faults_named(temporary):
            yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _prepared(path: Path, *, go_on: bool) -> Path:
    if path.exists() and not path.is_dir():
        raise StartError(f"--data-dir {path} is a file, expected a folder")
    try:
        is_filled = any(path.iterdir()) if path.exists() else False
        if is_filled and not go_on:
            raise StartError(
                f"--data-dir {path} is not empty, expected an empty folder, or --continue to continue with its desk"
            )
        if go_on and not any((path / trace).exists() for trace in DESK_TRACES):
            raise StartError(
                f"--continue with --data-dir {path}, which has no desk, expected the folder of an earlier run"
            )
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise StartError(f"--data-dir {path} cannot be used: {error.strerror}; expected a writable folder") from None
    return path.resolve()


def existing_desk(path: Path) -> Path:
    """The absolute path of a folder with a ledger.

    Raises:
        StartError: the folder or its ledger does not exist.
    """
    if not path.is_dir():
        raise StartError(f"--data-dir {path} does not exist, expected the folder of a desk")
    if not (path / "ledger.db").is_file():
        raise StartError(f"--data-dir {path} has no ledger.db, expected the folder of a desk")
    return path.resolve()
