"""Output files of commands. They are checked before the command runs, and replace a file only with `--force`."""

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
    """An output file.

    `path` is the file, `option` the option that gave it, and `force` is whether an existing file may be replaced.
    """

    path: Path
    option: str
    force: bool

    @contextmanager
    def written(self) -> Iterator[Path]:
        """A temporary file to write to, which is moved to `path` at the end of the block.

        Raises:
            StartError: the file cannot be written; or `force` is False and `path` exists at the end of the block.
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
            StartError: as for `written`.
        """
        with self.written() as part:
            part.write_text(text, encoding="utf-8")

    def write_json(self, value: object) -> None:
        """Write a value as JSON.

        Raises:
            StartError: as for `written`.
        """
        self.write_text(json_text(value) + "\n")


def output_file(path: Path, option: str, *, force: bool) -> OutputFile:
    """Check, before a run, that its output file can be written at the end.

    Raises:
        StartError: the file exists and `force` is False; `path` is a folder, a device or a pipe; or the folder of the
            file does not exist or cannot be written.
    """
    folder = path.resolve().parent
    if path.is_dir():
        raise StartError(f"{option} {path} is a folder, expected a file")
    if not folder.is_dir():
        raise StartError(f"{option} {path}: there is no folder {folder}, expected an existing folder")
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
