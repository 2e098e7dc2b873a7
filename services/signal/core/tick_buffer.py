"""The last ticks of one symbol as numpy columns.

The arrays are twice as long as the capacity, and every value is written twice, one capacity apart. So the last ticks
are always contiguous, and each column of a window is a view, not a copy.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

BUFFER_TICKS: Final = 100
"""Number of ticks in a strategy's window."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class TickBuffer:
    """Columns of the last `capacity` ticks, oldest first. Each property is a view, which the next tick may change."""

    def __init__(self, capacity: int = BUFFER_TICKS) -> None:
        assert capacity > 0, capacity
        self.capacity = capacity
        self.count = 0
        self._end = capacity
        self._time_ns: Ints = np.zeros(2 * capacity, dtype=np.int64)
        self._bid: Floats = np.zeros(2 * capacity)
        self._ask: Floats = np.zeros(2 * capacity)
        self._volume: Floats = np.zeros(2 * capacity)

    def append(self, time_ns: int, bid: float, ask: float, volume: float) -> None:
        """Add a tick; a full buffer drops its oldest tick.

        Args:
            time_ns: event time, UTC nanoseconds.
            bid: best bid, > 0.
            ask: best ask, > 0.
            volume: volume in the source's unit; 0 if unknown.
        """
        high = self._end
        if high == 2 * self.capacity:
            high = self.capacity
        low = high - self.capacity
        self._time_ns[low] = self._time_ns[high] = time_ns
        self._bid[low] = self._bid[high] = bid
        self._ask[low] = self._ask[high] = ask
        self._volume[low] = self._volume[high] = volume
        self._end = high + 1
        if self.count < self.capacity:
            self.count += 1

    def extend(self, time_ns: Ints, bid: Floats, ask: Floats, volume: Floats) -> None:
        """Add ticks, given as arrays of equal length; see `append`."""
        capacity, count = self.capacity, min(self.count + len(bid), self.capacity)
        kept = slice(self._end - self.count, self._end)
        for own, added in ((self._time_ns, time_ns), (self._bid, bid), (self._ask, ask), (self._volume, volume)):
            latest = np.concatenate([own[kept], added])[-count:]
            own[:count] = own[capacity : capacity + count] = latest
        self.count, self._end = count, capacity + count

    def clear(self) -> None:
        """Forget every tick."""
        self.count = 0
        self._end = self.capacity

    @property
    def time_ns(self) -> Ints:
        """Event times, UTC nanoseconds."""
        return self._time_ns[self._end - self.count : self._end]

    @property
    def bid(self) -> Floats:
        """Best bids."""
        return self._bid[self._end - self.count : self._end]

    @property
    def ask(self) -> Floats:
        """Best asks."""
        return self._ask[self._end - self.count : self._end]

    @property
    def volume(self) -> Floats:
        """Volumes of the ticks, in the source's unit; 0 if unknown."""
        return self._volume[self._end - self.count : self._end]

    def snapshot(self) -> bytes:
        """Return the ticks of the buffer as bytes, without rounding."""
        columns = (self.time_ns.astype("<i8"), *(c.astype("<f8") for c in (self.bid, self.ask, self.volume)))
        return b"".join(column.tobytes() for column in columns)

    def restore(self, state: bytes) -> None:
        """Return to the state of `snapshot`.

        Raises:
            ValueError: `state` is no snapshot of a buffer of this capacity.
        """
        count, rest = divmod(len(state), 32)
        if rest or count > self.capacity:
            raise ValueError(f"buffer snapshot of {len(state)} bytes, expected up to {self.capacity} ticks of 32 bytes")
        self.clear()
        times = np.frombuffer(state, dtype="<i8", count=count)
        values = np.frombuffer(state, dtype="<f8", offset=8 * count).reshape(3, count)
        for time_ns, bid, ask, volume in zip(times, *values, strict=True):
            self.append(int(time_ns), bid, ask, volume)
