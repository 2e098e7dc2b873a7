"""What a strategy is: a fold over the ticks of one symbol that has an opinion after each of them.

A new one is a file beside `strategies/ema_cross.py`, or any class of yours, named as `package.module:Class`, that can be
made without arguments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, Protocol

from services.signal.core.tick_buffer import TickBuffer

_STRATEGY_CHARS_MAX: Final = 64


class Strategy(Protocol):
    """Depends on the ticks it was given and nothing else: no clock, no randomness, no files.

    Whatever it raises, SystemExit included, and whatever it returns that is no opinion, is its fault: its symbol gets
    no signals any more until a restart tries it again, and other symbols go on. So does a call that ends the process or
    blocks it, three times at the same tick.
    """

    @property
    def name(self) -> str:
        """How it is called in settings, signals and checkpoints; at most 64 characters."""

    @property
    def warm_up_ticks(self) -> int:
        """Ticks it has to have seen before it may speak: the first word is on tick `warm_up_ticks` + 1."""

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:
        """Fold one tick in and say what is thought of it; called on every tick, also while warming up.

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
        """Become what `snapshot` saw; raises ValueError for bytes that are none of its own."""


def strategy_label(names: Mapping[str, str]) -> str:
    """The one strategy of all symbols, or which one each has; a digest of that where it is too long for a hello."""
    if len(set(names.values())) == 1:
        return next(iter(names.values()))
    label = ",".join(f"{symbol}={name}" for symbol, name in names.items())
    return label if len(label) <= _STRATEGY_CHARS_MAX else f"sha256-{hashlib.sha256(label.encode()).hexdigest()[:16]}"
