"""Output files of commands: checked before anything runs, and never overwriting another file unless forced."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cli.json_output import json_text
from common.errors import StartError
from common.whole_files import whole_file


class OutputFile(NamedTuple):
    """The path, the option that names it, and whether an existing file may be replaced."""

    path: Path
    option: str
    force: bool

    @contextmanager
    def written(self) -> Iterator[Path]:
        """A temporary file to write to, moved to the path when it is complete.

        Raises:
            StartError: it cannot be written, or another file has appeared at the path.
        """
        try:
            with whole_file(self.path, replaces=self.force) as part:
                yield part
        except FileExistsError:
            raise _exists_error(self.path, self.option) from None
        except OSError as error:
            cause = error.strerror or error
            raise StartError(
                f"{self.option} {self.path} cannot be written: {cause}; expected a writable file"
            ) from None

    def write_text(self, text: str) -> None:
        """Write text as UTF-8.

        Raises:
            StartError: as `written`.
        """
        with self.written() as part:
            part.write_text(text, encoding="utf-8")

    def write_json(self, value: object) -> None:
        """Write JSON.

        Raises:
            StartError: as `written`.
        """
        self.write_text(json_text(value) + "\n")


def output_file(path: Path, option: str, *, force: bool) -> OutputFile:
    """Check before a run that its output can be written at the end.

    Raises:
        StartError: it exists and `force` is False; it is a folder, a device or a pipe; or its folder does not exist or
            cannot be written.
    """
    folder = path.resolve().parent
    if path.is_dir():
        raise StartError(f"{option} {path} is a folder, expected a file")
    if not folder.is_dir():
        raise StartError(f"{option} {path}: there is no folder {folder}, expected an existing one")
    if path.exists() and not path.is_file():
        raise StartError(f"{option} {path} is a device or a pipe, expected the name of a file")
    if path.exists() and not force:
        raise _exists_error(path, option)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StartError(f"{option} {path} cannot be written: {error.strerror}; expected a writable folder") from None
    return OutputFile(path.resolve(), option, force)


def _exists_error(path: Path, option: str) -> StartError:
    return StartError(f"{option} {path} already exists, expected a new name, or --force to replace it")
