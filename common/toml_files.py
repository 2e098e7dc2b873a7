"""TOML files that are named by their contents.

Equal contents have equal names regardless of the path, so that runs with equal files can be recognised.
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
"""A longer name is replaced by a digest."""


def read_toml(
    path: Path, *, setting: str, value: str, expected: str, example: str, parse_float: Callable[[str], Any] = float
) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: of the file.
        setting: the variable that names it, for errors.
        value: of the variable, as given.
        expected: of the variable.
        example: expected contents of the file.
        parse_float: reads numbers with a decimal point.

    Raises:
        StartError: the file is missing or not TOML.
    """
    try:
        return tomllib.loads(read_text(path), parse_float=parse_float)
    except OSError as error:
        raise StartError(f"{setting}: value {value!r}, expected {expected} ({error.strerror})") from None
    except (ValueError, ArithmeticError) as error:  # not TOML, not text, or not a number
        raise StartError(f"{setting}: {path}: {error}; {example}") from None


def name_of_contents(text: str) -> str:
    """Name for contents described by `text`: the text itself, or its digest where long."""
    return text if len(text) <= NAME_CHARS_MAX else digest_of(text.encode())


def digest_of(contents: bytes) -> str:
    """Digest as a name."""
    return f"sha256-{hashlib.sha256(contents).hexdigest()[:16]}"
