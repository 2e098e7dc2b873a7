"""What commands give to programs: JSON on standard output, and JSON files that are written whole."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from common.errors import StartError
from proto.time import with_time_texts
from proto.trading.units import decimal_text


def print_json(value: object) -> None:
    """Print JSON; characters beyond ASCII are escapes where standard output is not UTF-8."""
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json_text(value, is_ascii=not is_utf8))


def json_text(value: object, *, is_ascii: bool = False) -> str:
    """JSON with sorted keys; no reader has to round: decimals are strings, and each `..._ns` has a text beside it."""
    return json.dumps(_timed(value), sort_keys=True, indent=2, ensure_ascii=is_ascii, default=_plain)


def _timed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _timed(item) for name, item in with_time_texts(value).items()}
    if isinstance(value, list | tuple):
        return [_timed(item) for item in value]
    return value


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} in a report, expected numbers, strings, lists and maps")


def write_json(path: Path, value: object) -> None:
    """Write JSON so that the file is the old one or the new one, whole, whatever happens meanwhile.

    Raises:
        StartError: it cannot be written.
    """
    text = json_text(value) + "\n"
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                temporary.chmod(0o666 & ~_umask())
                temporary.replace(path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise StartError(f"--report {path} cannot be written: {error.strerror}") from None


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
