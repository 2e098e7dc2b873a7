"""How far a run has come: its figures, its rate, and the interface of a display."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class RunProgress:
    """Progress of a run; `note` says why it stands still, or is empty."""

    ticks: int
    ticks_total: int
    ticks_per_s: float | None
    orders: int
    fills: int
    pnl: str
    note: str = ""

    def text(self) -> str:
        """All of it in one line."""
        rate = "" if self.ticks_per_s is None else f", {self.ticks_per_s:,.0f} ticks/s"
        note = f"; {self.note}" if self.note else ""
        return (
            f"SIMULATED {self.ticks:,} of {self.ticks_total:,} ticks{rate}, {self.orders} orders, {self.fills} fills, "
            f"P&L {self.pnl}{note}"
        )


class TickRate:
    """Ticks a second since the last time that none was done."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self.seconds = 0.0

    def update(self, ticks: int) -> float | None:
        """The rate so far; None while there is none."""
        now = time.monotonic()
        if not ticks:
            self._since = now
            return None
        self.seconds = now - self._since
        return ticks / self.seconds if self.seconds > 0 else None


class ProgressDisplay(Protocol):
    """Whoever shows how a run stands."""

    def __call__(self, standing: RunProgress) -> None:
        """Show it."""
