"""Progress of a run: its figures, rate and estimated time left, and the interface of a display."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

ESTIMATE_AFTER_S: Final = 0.5
"""Time before the first estimate, because the rate of the start-up is not representative."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of a run.

    `done` and `total` are amounts in the same unit; `total` is 0 when unknown. `facts` are texts, the most important
    first. `note` is the reason why there is no progress, or empty.
    """

    done: float
    total: float
    facts: tuple[str, ...] = ()
    note: str = ""


def run_progress(
    *, ticks: int, ticks_total: int, ticks_per_s: float | None, orders: int, fills: int, pnl: str, note: str = ""
) -> Progress:
    """The progress of a run over recorded ticks.

    Args:
        ticks: number of processed ticks.
        ticks_total: number of ticks in the recording.
        ticks_per_s: ticks per second; None when unknown.
        orders: number of orders.
        fills: number of fills.
        pnl: profit as text with its currency.
        note: reason why there is no progress, or empty.
    """
    rate = () if ticks_per_s is None else (f"{ticks_per_s:,.0f} ticks/s",)
    facts = (f"{orders:,} orders", f"P&L {pnl}", f"{ticks:,} of {ticks_total:,} ticks", *rate, f"{fills:,} fills")
    return Progress(done=ticks, total=ticks_total, facts=facts, note=note)


class TickRate:
    """Ticks per second since the count was last 0."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self.seconds = 0.0

    def update(self, ticks: int) -> float | None:
        """Ticks per second, from `ticks`, the number processed so far; None before the first tick."""
        now = time.monotonic()
        if not ticks:
            self._since = now
            return None
        self.seconds = now - self._since
        return ticks / self.seconds if self.seconds > 0 else None


class TimeLeft:
    """Estimates the time left from the rate since the first progress."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, float] | None = None

    def update(self, progress: Progress) -> float | None:
        """The estimate in seconds; None when there is no estimate yet."""
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
