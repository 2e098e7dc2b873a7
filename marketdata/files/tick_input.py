"""Inputs of tick files as the user gives them: path, symbol and clock.

The module imports no reader of files, so that settings can import it without polars.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, NamedTuple

from proto.trading.server_time import NEW_YORK_CLOSE

Crossed = Literal["reject", "accept"]
"""Whether ticks whose bid is above their ask are rejected or accepted."""

DEFAULT_CROSSED: Final = "reject"

ZONE_EXPECTED: Final = f"an offset such as +02:00, {NEW_YORK_CLOSE} or a zone such as Europe/Athens"


class TickInput(NamedTuple):
    """A file, or a folder of files in the order of their names, and the symbol of its ticks.

    `symbol` is the name of the symbol in the desk. `zone` is the time zone of the file's times, in a form of
    `ZONE_EXPECTED`. None means the time zone that the file or its layout determines.
    """

    path: Path
    symbol: str
    zone: str | None = None

    def __str__(self) -> str:
        """The text form of command lines and settings: PATH:SYMBOL."""
        return f"{self.path}:{self.symbol}"
