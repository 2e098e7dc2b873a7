"""The protocol of strategies: a state updated by each tick of one symbol, with a signal after each of them.

A new one is a file beside `strategies/ema_cross.py`, or any class of yours, named as `package.module:Class`, that can
be made without arguments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, Protocol

from services.signal.core.tick_buffer import TickBuffer

_STRATEGY_CHARS_MAX: Final = 64


class Strategy(Protocol):
    """A strategy for one symbol. It depends on its ticks alone: no clock, no randomness, no files.

    An exception, SystemExit included, or an invalid return value is a fault: the symbol gets HOLD until a restart tries
    the strategy again, and other symbols are not affected. A call that ends or blocks the process at the same tick
    three times in a row is a fault as well.
    """

    @property
    def name(self) -> str:
        """The name in settings, signals and checkpoints; at most 64 characters."""

    @property
    def warm_up_ticks(self) -> int:
        """Ticks before the first signal other than HOLD, which is possible on tick `warm_up_ticks` + 1."""

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:
        """Process one tick and return the signal; called for every tick, also while warming up.

        Args:
            window: the last ticks, this one included as the last. Its columns are views: do not keep them.
            bid: best bid, > 0.
            ask: best ask, > 0; below the bid on a crossed quote.
            time_ns: event time, UTC.

        Returns:
            Direction +1, 0 or -1, and confidence from 0 to 1.
        """

    def snapshot(self) -> bytes:
        """The state in full, at most 1 MiB: after `restore` the same ticks give the same answers to the last bit."""

    def restore(self, state: bytes) -> None:
        """Return to the state of `snapshot`; raises ValueError for bytes that are not one of its own."""


def strategy_label(names: Mapping[str, str]) -> str:
    """The one strategy of all symbols, or `SYMBOL=NAME` for each; a digest where that is too long for a hello."""
    if len(set(names.values())) == 1:
        return next(iter(names.values()))
    label = ",".join(f"{symbol}={name}" for symbol, name in names.items())
    return label if len(label) <= _STRATEGY_CHARS_MAX else f"sha256-{hashlib.sha256(label.encode()).hexdigest()[:16]}"
