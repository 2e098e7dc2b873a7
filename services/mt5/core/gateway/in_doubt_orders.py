"""Orders in doubt: repeated looks at the venue that find no trace, until an order is presumed to have had no effect."""

from __future__ import annotations

from typing import Final

from proto.time import MS_NS, Now

SETTLING_MS: Final = 60_000
"""Default for how late a broker's history may be."""

MISSES_MIN: Final = 3
MISS_INTERVAL_NS: Final = 500_000_000
"""Shortest time between two looks that count as two."""


class _InDoubtOrder:
    """Looks without a trace for one id since this start; the settling time begins at venue time `from_ns`."""

    __slots__ = ("count", "from_ns", "last_mono_ns")

    def __init__(self, from_ns: int) -> None:
        self.from_ns = from_ns
        self.count = 0
        self.last_mono_ns = -MISS_INTERVAL_NS


class InDoubtOrders:
    """The looks for each id in doubt."""

    def __init__(self, *, settling_ms: int) -> None:
        """Know no id in doubt; `settling_ms` is how late the venue's history may be."""
        self._settling_ns = settling_ms * MS_NS
        self._of: dict[str, _InDoubtOrder] = {}

    def add(self, order_id: str, *, from_ns: int) -> None:
        """Begin to look for an id that the venue was called for; its settling time begins at venue time `from_ns`."""
        self._of[order_id] = _InDoubtOrder(from_ns)

    def remove(self, order_id: str) -> None:
        """Note that an id is not in doubt any more."""
        self._of.pop(order_id, None)

    def record_miss(self, order_id: str, now: Now, *, time_ns: int, deadline_ns: int, can_look: bool) -> bool:
        """Count a look without a trace, and return whether the looks suffice to presume that there was no effect.

        With `can_look` False the terminal could not be used: the count begins again.
        """
        looks = self._of.get(order_id)
        if looks is None:
            looks = self._of[order_id] = _InDoubtOrder(max(time_ns, deadline_ns))
        if not can_look:
            looks.count = 0
            return False
        if now.mono_ns - looks.last_mono_ns >= MISS_INTERVAL_NS and time_ns > looks.from_ns + self._settling_ns:
            looks.count += 1
            looks.last_mono_ns = now.mono_ns
        return looks.count >= MISSES_MIN
