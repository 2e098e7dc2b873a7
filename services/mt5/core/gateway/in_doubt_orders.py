"""Orders in doubt: after enough searches of the venue without a trace, an order is presumed to have had no effect."""

from __future__ import annotations

from typing import Final

from proto.time import MS_NS, Now

SETTLING_MS: Final = 60_000
"""Default settling time: how late an order may appear in the broker's history."""

MISSES_MIN: Final = 3
"""Number of searches without a trace after which an order is presumed to have had no effect."""

MISS_INTERVAL_NS: Final = 500_000_000
"""Shortest time between two counted searches."""


class _InDoubtOrder:
    """Searches without a trace for one id since the gateway's start.

    The settling time starts at venue time `from_ns`.
    """

    __slots__ = ("count", "from_ns", "last_mono_ns")

    def __init__(self, from_ns: int) -> None:
        self.from_ns = from_ns
        self.count = 0
        self.last_mono_ns = -MISS_INTERVAL_NS


class InDoubtOrders:
    """Counts the searches without a trace for each id in doubt."""

    def __init__(self, *, settling_ms: int) -> None:
        """Begin without an id in doubt.

        `settling_ms` is the settling time: how late an order may appear in the venue's history.
        """
        self._settling_ns = settling_ms * MS_NS
        self._by_id: dict[str, _InDoubtOrder] = {}

    def add(self, order_id: str, *, from_ns: int) -> None:
        """Begin to count for an id that was sent to the venue; the settling time begins at venue time `from_ns`."""
        self._by_id[order_id] = _InDoubtOrder(from_ns)

    def remove(self, order_id: str) -> None:
        """Stop counting for an id that is no longer in doubt."""
        self._by_id.pop(order_id, None)

    def record_miss(self, order_id: str, now: Now, *, time_ns: int, deadline_ns: int, is_available: bool) -> bool:
        """Count a search without a trace; True once there are enough to presume that the order had no effect.

        Args:
            order_id: the id in doubt.
            now: the current time.
            time_ns: the current venue time, UTC.
            deadline_ns: the order's deadline in venue time, UTC; 0 for none.
            is_available: whether the terminal could be used; if not, the count restarts at 0.
        """
        misses = self._by_id.get(order_id)
        if misses is None:
            misses = self._by_id[order_id] = _InDoubtOrder(max(time_ns, deadline_ns))
        if not is_available:
            misses.count = 0
            return False
        if now.mono_ns - misses.last_mono_ns >= MISS_INTERVAL_NS and time_ns > misses.from_ns + self._settling_ns:
            misses.count += 1
            misses.last_mono_ns = now.mono_ns
        return misses.count >= MISSES_MIN
