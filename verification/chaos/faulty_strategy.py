"""A strategy that changes sides with every tick, until a file says how it is to misbehave.

`PAPERDESK_STRATEGY_FAULT_FILE` names a file with the name of a misbehaviour, read at each tick; no file, or an empty
one, is a strategy that does what it should.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from services.signal.core.tick_buffer import TickBuffer
from verification.chaos.alternating_strategy import Restless

FAULT_VARIABLE: Final = "PAPERDESK_STRATEGY_FAULT_FILE"
SLOW_S: Final = 0.25
"""A tick, where several come in that time."""

_POLL_S: Final = 0.05


class Faulty(Restless):
    """Buys and sells by turns, and raises, blocks, leaves or talks nonsense when it is asked to."""

    def __init__(self) -> None:
        """Well until the file says otherwise."""
        super().__init__()
        self._path = Path(os.environ.get(FAULT_VARIABLE, os.devnull))

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:
        """The other side than at the last tick, or the misbehaviour that the file names.

        Raises:
            ZeroDivisionError: it is to raise.
            SystemExit: it is to leave.
        """
        direction, confidence = super().on_tick(window, bid, ask, time_ns)
        wanted = self._wanted()
        return MISBEHAVIOURS[wanted](self, direction, confidence) if wanted else (direction, confidence)

    def block(self, direction: int, confidence: float) -> tuple[int, float]:
        """Do not return while the file asks for it."""
        while self._wanted() == "block":
            time.sleep(_POLL_S)
        return direction, confidence

    def _wanted(self) -> str:
        try:
            found = self._path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""
        return found if found in MISBEHAVIOURS else ""


def _raise(_: Faulty, direction: int, confidence: float) -> tuple[int, float]:
    return direction // 0, confidence


def _exit(_: Faulty, direction: int, confidence: float) -> tuple[int, float]:
    raise SystemExit(f"asked to leave before saying {direction} with {confidence}")


def _slow(_: Faulty, direction: int, confidence: float) -> tuple[int, float]:
    time.sleep(SLOW_S)
    return direction, confidence


MISBEHAVIOURS: Final[dict[str, Callable[[Faulty, int, float], Any]]] = {
    "raise": _raise,
    "nan": lambda _, direction, __: (direction, math.nan),
    "none": lambda *_: None,
    "nonsense": lambda *_: ("up", 7),
    "slow": _slow,
    "block": Faulty.block,
    "exit": _exit,
}
"""What it can be asked to do, by the word in the file."""

OVER_BY_THEMSELVES: Final = ("slow", "block")
"""What a strategy needs no person for, once it is over."""
