"""Reading of TOML files, and names derived from their contents.

Files with equal contents have equal names whatever their path, so that runs with equal files can be recognized.
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
"""Most characters of a text that is used as a name; for a longer text the name is its digest."""


def read_toml(
    path: Path, *, setting: str, value: str, expected: str, example: str, parse_float: Callable[[str], Any] = float
) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: path of the file.
        setting: name of the setting that names the file, for error texts.
        value: value of the setting, as given, for error texts.
        expected: expected value of the setting, for error texts.
        example: expected contents of the file, for error texts.
        parse_float: function that parses numbers with a decimal point.

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
    """Name for the contents that `text` describes: the text itself, or its digest if the text is long."""
    return text if len(text) <= NAME_CHARS_MAX else digest_of(text.encode())


def digest_of(contents: bytes) -> str:
    """Name with a digest of `contents`: the first 16 hexadecimal digits of its SHA-256."""
    return f"sha256-{hashlib.sha256(contents).hexdigest()[:16]}"
