"""Names of the engines that run a backtest in lock-step."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class BacktestEngine(StrEnum):
    """How a backtest processes ticks. Both engines give the same ledger, byte for byte.

    `ticks` processes one tick after another. `events` processes only the ticks that may have a consequence, and counts
    the others.
    """

    TICKS = "ticks"
    EVENTS = "events"


DEFAULT_ENGINE: Final = BacktestEngine.EVENTS
