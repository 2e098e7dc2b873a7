"""Files of ticks as a person names them: path, symbol and clock. Imports no reader, so that settings may use it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, NamedTuple

from proto.trading.server_time import NEW_YORK_CLOSE

Crossed = Literal["reject", "accept"]
"""Treatment of ticks whose bid is above their ask."""

DEFAULT_CROSSED: Final = "reject"

ZONE_EXPECTED: Final = f"an offset such as +02:00, {NEW_YORK_CLOSE} or a zone such as Europe/Athens"


class TickInput(NamedTuple):
    """A file, or a folder of files in the order of their names, and the symbol of its ticks.

    `symbol` is the desk's name; `zone` is the clock of the times where the file does not have one.
    """

    path: Path
    symbol: str
    zone: str | None = None

    def __str__(self) -> str:
        """The form used on command lines and in settings."""
        return f"{self.path}:{self.symbol}"
