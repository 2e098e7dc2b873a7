"""A strategy that buys and sells in turn, at every tick, and has a fault on demand.

`PAPERDESK_STRATEGY_FAULT_FILE` is the path of a file with the name of a fault. The strategy reads the file at each
tick. It works normally while the file is missing, empty or has an unknown name.
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
"""Delay of each tick by the fault `slow`; several ticks arrive in this time."""

_POLL_S: Final = 0.05


class Faulty(Restless):
    """Buys and sells in turn, and raises, blocks, exits or returns an invalid signal on demand."""

    def __init__(self) -> None:
        """Start without a fault."""
        super().__init__()
        self._path = Path(os.environ.get(FAULT_VARIABLE, os.devnull))

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:
        """The direction opposite to that at the last tick, +1 or -1, with a confidence; or the result of a fault.

        `bid`, `ask` and the other arguments have no effect.

        Raises:
            ZeroDivisionError: the fault is `raise`.
            SystemExit: the fault is `exit`.
        """
        direction, confidence = super().on_tick(window, bid, ask, time_ns)
        fault = self._fault()
        return MISBEHAVIOURS[fault](self, direction, confidence) if fault else (direction, confidence)

    def block(self, direction: int, confidence: float) -> tuple[int, float]:
        """Block while the file has this fault, then return `direction` (+1 or -1) and `confidence` (0 to 1)."""
        while self._fault() == "block":
            time.sleep(_POLL_S)
        return direction, confidence

    def _fault(self) -> str:
        try:
            found = self._path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""
        return found if found in MISBEHAVIOURS else ""


def _raise(_: Faulty, direction: int, confidence: float) -> tuple[int, float]:
    return direction // 0, confidence


def _exit(_: Faulty, direction: int, confidence: float) -> tuple[int, float]:
    raise SystemExit(f"exit on demand before signal {direction} with confidence {confidence}")


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
"""The faults by their names in the file."""

OVER_BY_THEMSELVES: Final = ("slow", "block")
"""Faults after which the strategy trades again without a restart of signal."""
