"""Progress: figures, rate, estimated time left, and the interface of a display."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

ESTIMATE_AFTER_S: Final = 0.5
"""Time before the first estimate: an earlier rate shows the start-up."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Amounts done and in total, in the same unit; `facts` as text, the most important first.

    `total` is 0 where unknown. `note` is the reason of a standstill, or empty.
    """

    done: float
    total: float
    facts: tuple[str, ...] = ()
    note: str = ""


def run_progress(
    *, ticks: int, ticks_total: int, ticks_per_s: float | None, orders: int, fills: int, pnl: str, note: str = ""
) -> Progress:
    """The progress of a run over recorded ticks."""
    rate = () if ticks_per_s is None else (f"{ticks_per_s:,.0f} ticks/s",)
    facts = (f"{orders:,} orders", f"P&L {pnl}", f"{ticks:,} of {ticks_total:,} ticks", *rate, f"{fills:,} fills")
    return Progress(done=ticks, total=ticks_total, facts=facts, note=note)


class TickRate:
    """Ticks per second since the count was last 0."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self.seconds = 0.0

    def update(self, ticks: int) -> float | None:
        """Ticks per second; None before the first tick."""
        now = time.monotonic()
        if not ticks:
            self._since = now
            return None
        self.seconds = now - self._since
        return ticks / self.seconds if self.seconds > 0 else None


class TimeLeft:
    """Estimates the time left by the rate since the first progress seen."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, float] | None = None

    def update(self, progress: Progress) -> float | None:
        """Seconds left; None while there is no estimate."""
        now = self._clock()
        if not progress.done:
            self._first = None
            return None
        if self._first is None:
            self._first = (now, progress.done)
        since, done = now - self._first[0], progress.done - self._first[1]
        if since < ESTIMATE_AFTER_S or done <= 0 or not progress.total:
            return None
        return max(0.0, progress.total - progress.done) * since / done


class ProgressDisplay(Protocol):
    """A display of progress."""

    def __call__(self, progress: Progress) -> None:
        """Show the progress."""
