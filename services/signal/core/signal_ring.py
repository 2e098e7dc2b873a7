"""The last signals by ordinal, so that a tick published again gets the signal that it had."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from proto.messages import Signal

RING_SIGNALS_MIN: Final = 4_096
"""Smallest size: above every publication window in use, so that every unconfirmed signal is still here."""


class SignalRing:
    """Keeps a signal until another one arrives with an ordinal at least `capacity` higher."""

    def __init__(self, window: int = 0) -> None:
        """`window` is how many ticks may be published and not confirmed; the ring holds at least as many."""
        self.capacity = max(RING_SIGNALS_MIN, window + 1)
        self.last_ordinal = 0
        self._slots: list[Signal | None] = [None] * self.capacity
        self._fresh: deque[Signal] = deque(maxlen=self.capacity)

    def put(self, signal: Signal) -> None:
        """Keep a signal; ordinals need not come in order, as those of a refilled symbol do not."""
        self._slots[signal.ordinal % self.capacity] = signal
        self._fresh.append(signal)
        if signal.ordinal > self.last_ordinal:
            self.last_ordinal = signal.ordinal

    def take_unsaved(self) -> list[Signal]:
        """The signals put since the last call, in that order: those that a checkpoint has to add."""
        fresh = list(self._fresh)
        self._fresh.clear()
        return fresh

    def return_unsaved(self, fresh: list[Signal]) -> None:
        """Give back signals that could not be added to the checkpoint."""
        assert not self._fresh, "given back before anything else was put"
        self._fresh.extend(fresh)

    def get(self, ordinal: int) -> Signal | None:
        """The signal of a tick, or None when there was none or it is too long ago."""
        signal = self._slots[ordinal % self.capacity]
        return signal if signal is not None and signal.ordinal == ordinal else None

    def since(self, ordinal: int) -> Iterator[Signal]:
        """The signals from `ordinal` on, by ordinal."""
        for number in range(max(ordinal, self.last_ordinal - self.capacity + 1, 1), self.last_ordinal + 1):
            if (signal := self.get(number)) is not None:
                yield signal

    def widened(self, window: int) -> SignalRing:
        """This ring, or a larger one with the same signals where the window asks for it."""
        if window < self.capacity:
            return self
        wider = SignalRing(window)
        wider.fill(self.since(1))
        wider._fresh = deque(self._fresh, maxlen=wider.capacity)
        return wider

    def fill(self, signals: Iterable[Signal]) -> None:
        """Keep several."""
        for signal in signals:
            self.put(signal)
