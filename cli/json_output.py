"""What commands give to programs: JSON as text, and JSON files that are written whole."""

from __future__ import annotations

import json
import os
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from common.errors import StartError
from proto.trading.units import decimal_text


def json_text(value: object) -> str:
    """JSON with sorted keys; decimals are strings, so that no reader rounds them."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, default=_plain)


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
