"""Folders that a command writes to: checked before anything runs."""

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
"""What tells a desk's folder from any other: its ledger, or the logs of one that was killed before it had any."""


@contextlib.contextmanager
def data_directory(path: Path | None, *, go_on: bool) -> Iterator[Path]:
    """The data directory of a run: the one given, or a temporary one that goes with the block; disk faults name it.

    Raises:
        StartError: it cannot be written, or holds a desk already and `go_on` is False, or holds none and it is True.
    """
    if path is not None:
        folder = _prepared(path, go_on=go_on)
        with disk_faults_named(folder):
            yield folder
        return
    if go_on:
        raise StartError("--continue without --data-dir; expected --data-dir DIR with the desk to go on with")
    try:
        temporary = Path(tempfile.mkdtemp(prefix="paperdesk-"))
    except OSError as error:
        raise StartError(f"cannot make a temporary data directory: {error.strerror}; give --data-dir DIR") from None
    try:
        with disk_faults_named(temporary):
            yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _prepared(path: Path, *, go_on: bool) -> Path:
    if path.exists() and not path.is_dir():
        raise StartError(f"--data-dir {path} is a file, expected a folder")
    try:
        held = any(path.iterdir()) if path.exists() else False
        if held and not go_on:
            raise StartError(
                f"--data-dir {path} is not empty; expected an empty folder, or --continue to go on with it"
            )
        if go_on and not any((path / trace).exists() for trace in DESK_TRACES):
            raise StartError(f"--continue, but there is no desk in {path}; expected the --data-dir of an earlier run")
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise StartError(f"--data-dir {path} cannot be used: {error.strerror}; expected a writable folder") from None
    return path.resolve()


def existing_desk(path: Path) -> Path:
    """A folder with a ledger in it.

    Raises:
        StartError: there is none.
    """
    if not path.is_dir():
        raise StartError(f"--data-dir {path} is not there, expected the folder of a desk")
    if not (path / "ledger.db").is_file():
        raise StartError(f"--data-dir {path} has no ledger.db, expected the folder of a desk")
    return path.resolve()
