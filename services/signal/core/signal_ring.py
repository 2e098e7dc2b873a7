"""Stores the last signals by ordinal, so that a tick that is published again gets the same signal."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from proto.messages import Signal

RING_SIGNALS_MIN: Final = 4_096
"""Smallest capacity, above every window in use, so that the ring contains every unconfirmed signal."""


class SignalRing:
    """Stores a signal in the slot `ordinal` modulo `capacity` until another signal replaces it in this slot."""

    def __init__(self, window: int = 0) -> None:
        """Start empty, with a capacity for `window`, the number of ticks published beyond the confirmed one."""
        self.capacity = max(RING_SIGNALS_MIN, window + 1)
        self.last_ordinal = 0
        self._slots: list[Signal | None] = [None] * self.capacity
        self._fresh: deque[Signal] = deque(maxlen=self.capacity)

    def put(self, signal: Signal) -> None:
        """Store a signal. Its ordinal may be lower than that of the signal before, as for a fetched tick."""
        self._slots[signal.ordinal % self.capacity] = signal
        self._fresh.append(signal)
        if signal.ordinal > self.last_ordinal:
            self.last_ordinal = signal.ordinal

    def take_unsaved(self) -> list[Signal]:
        """Return the signals stored since the last call, at most the latest `capacity`, in the order of storing.

        The caller adds them to the checkpoint.
        """
        fresh = list(self._fresh)
        self._fresh.clear()
        return fresh

    def return_unsaved(self, fresh: list[Signal]) -> None:
        """Undo `take_unsaved` for signals that could not be added to the checkpoint."""
        assert not self._fresh, "signals were stored between take_unsaved and return_unsaved"
        self._fresh.extend(fresh)

    def get(self, ordinal: int) -> Signal | None:
        """Return the signal of the tick with this ordinal; None if it is not stored, or not any more."""
        signal = self._slots[ordinal % self.capacity]
        return signal if signal is not None and signal.ordinal == ordinal else None

    def since(self, ordinal: int) -> Iterator[Signal]:
        """Yield the stored signals from `ordinal` on, in the order of ordinals."""
        for number in range(max(ordinal, self.last_ordinal - self.capacity + 1, 1), self.last_ordinal + 1):
            if (signal := self.get(number)) is not None:
                yield signal

    def widened(self, window: int) -> SignalRing:
        """Return this ring, or a larger ring with the same signals if `window` (in ticks) needs it."""
        if window < self.capacity:
            return self
        wider = SignalRing(window)
        wider.fill(self.since(1))
        wider._fresh = deque(self._fresh, maxlen=wider.capacity)
        return wider

    def fill(self, signals: Iterable[Signal]) -> None:
        """Store several signals."""
        for signal in signals:
            self.put(signal)
