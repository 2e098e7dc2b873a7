"""The last lines of a log."""

from __future__ import annotations

from pathlib import Path
from typing import Final

TAIL_BYTES: Final = 65_536


def last_lines(path: Path, count: int) -> list[str]:
    """At most `count` of the last lines that are not empty; none if the file cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()][-count:]
