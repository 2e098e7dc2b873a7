"""JSON output of commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from proto.time import with_time_texts
from proto.trading.units import decimal_text


def print_json(value: object) -> None:
    """Print JSON; non-ASCII characters are escaped if stdout is not UTF-8."""
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json_text(value, is_ascii=not is_utf8))


def print_json_line(value: object) -> None:
    """Print JSON as one line, as it is: times have no second field with a text."""
    print(json.dumps(value, default=_plain))


def json_text(value: object, *, is_ascii: bool = False) -> str:
    """JSON with sorted keys. Decimals are strings.

    Each field `..._ns` has a second field with the time as text, because many programs round such large integers.
    """
    return json.dumps(_with_all_time_texts(value), sort_keys=True, indent=2, ensure_ascii=is_ascii, default=_plain)


def _with_all_time_texts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _with_all_time_texts(item) for name, item in with_time_texts(value).items()}
    if isinstance(value, list | tuple):
        return [_with_all_time_texts(item) for item in value]
    return value


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} in a report, expected numbers, strings, lists and maps")
