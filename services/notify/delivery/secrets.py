"""The secret address of a target: from a file that only its owner can read, or from the environment or `.env`.

The address of a target contains passwords or tokens. It is never part of a rules file, an error text or a log.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Final, NamedTuple

from common.errors import StartError
from common.settings import SECRET_PREFIX, secret_value

ADDRESS_CHARS_MAX: Final = 4_096
"""Longest address; those of services with long tokens have about 300 characters."""


class SecretSource(NamedTuple):
    """Where an address is stored: exactly one of a file and a variable."""

    file: Path | None = None
    variable: str = ""

    def __str__(self) -> str:
        """The name of the file or variable, for people; never its content."""
        return str(self.file) if self.file is not None else self.variable


def read_secret(source: SecretSource) -> str:
    """The address in a file or variable.

    Raises:
        StartError: it is missing, empty, has several lines or blanks, or others than its owner can read the file; the
            text names the file or variable, never its content.
    """
    text = _file_text(source.file) if source.file is not None else _variable_text(source.variable)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) != 1 or len(lines[0]) > ADDRESS_CHARS_MAX or not lines[0].isprintable() or " " in lines[0]:
        raise StartError(
            f"{source} has {len(lines)} lines of text, expected one line with one address of at most "
            f"{ADDRESS_CHARS_MAX} characters and no blanks"
        )
    return lines[0]


def _variable_text(name: str) -> str:
    if not name.startswith(SECRET_PREFIX) or name == SECRET_PREFIX:
        raise StartError(f"url_env is '{name}', expected a variable whose name begins with {SECRET_PREFIX}")
    value = secret_value(name)
    if not value:
        raise StartError(f"{name} is not set, expected an address in this variable of the environment or of .env")
    return value


def _file_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if sys.platform != "win32" and mode & 0o077:
                raise StartError(
                    f"{path} has mode {mode:04o}, expected a file that only its owner can read: chmod 600 {path}"
                )
            return file.read(4 * ADDRESS_CHARS_MAX).decode()
    except OSError as error:
        raise StartError(f"{path} cannot be read: {error.strerror}; expected a file with one address") from None
    except UnicodeDecodeError:
        raise StartError(f"{path} is not UTF-8 text, expected a file with one address") from None
