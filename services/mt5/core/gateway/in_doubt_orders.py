"""Orders in doubt: how many looks without a trace, how far apart and how late, prove that there was no effect."""

from __future__ import annotations

from typing import Final

from proto.time import MS_NS, Now

SETTLING_MS: Final = 60_000
"""How late a broker's history may be."""

MISSES_MIN: Final = 3
MISS_INTERVAL_NS: Final = 500_000_000
"""Looks within one moment are one look."""


class _InDoubtOrder:
    """Empty looks for one id since this start of the gateway; `from_ns` is the venue time from which it must settle."""

    __slots__ = ("count", "from_ns", "last_mono_ns")

    def __init__(self, from_ns: int) -> None:
        self.from_ns = from_ns
        self.count = 0
        self.last_mono_ns = -MISS_INTERVAL_NS


class InDoubtOrders:
    """The looks for every id in doubt."""

    def __init__(self, *, settling_ms: int) -> None:
        """Nothing is in doubt yet."""
        self._settling_ns = settling_ms * MS_NS
        self._of: dict[str, _InDoubtOrder] = {}

    def add(self, order_id: str, *, from_ns: int) -> None:
        """The venue was called for an id and shows nothing; it must settle from `from_ns` on, in venue time."""
        self._of[order_id] = _InDoubtOrder(from_ns)

    def remove(self, order_id: str) -> None:
        """The id is not in doubt any more."""
        self._of.pop(order_id, None)

    def record_miss(self, order_id: str, now: Now, *, time_ns: int, deadline_ns: int, can_look: bool) -> bool:
        """Count one more look that showed nothing, and say whether that was often and late enough.

        A terminal that cannot be asked shows nothing either: with `can_look` False counting begins anew.
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
