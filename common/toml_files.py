"""Files of settings that are named by what they say: read alike, refused alike, and called by their contents.

The same contents have the same name whatever the path, so that runs by them can be told apart, and found to be the same.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from common.errors import StartError
from common.text_files import read_text

NAME_CHARS_MAX: Final = 120
"""Longer than this a name is a digest of what it would say."""


def read_toml(
    path: Path, *, setting: str, said: str, expected: str, example: str, parse_float: Callable[[str], Any] = float
) -> dict[str, Any]:
    """What a TOML file says.

    Args:
        path: of the file.
        setting: the variable that named it, for the refusal.
        said: its value, as it was given.
        expected: what the variable may be.
        example: what the file might say.
        parse_float: makes numbers with a point.

    Raises:
        StartError: it is not there, or no TOML.
    """
    try:
        return tomllib.loads(read_text(path), parse_float=parse_float)
    except OSError as error:
        raise StartError(f"{setting}: value {said!r}, expected {expected} ({error.strerror})") from None
    except (ValueError, ArithmeticError) as error:  # no TOML, no text at all, or a number that is none
        raise StartError(f"{setting}: {path}: {error}; {example}") from None


def name_of_contents(text: str) -> str:
    """What says `text` is called by: that itself, or a digest of it where it is long."""
    return text if len(text) <= NAME_CHARS_MAX else digest_of(text.encode())


def digest_of(contents: bytes) -> str:
    """A name for contents that are too long to be one."""
    return f"sha256-{hashlib.sha256(contents).hexdigest()[:16]}"
