"""The queue of signals that are not yet decided."""

from __future__ import annotations

from typing import Final

from proto.messages import Signal

QUEUED_SIGNALS_MAX: Final = 10_000
"""Highest number of queued signals. It exceeds the largest window, so that a lock-step stream never fills the queue."""

LIVE_DECISIONS_MAX: Final = 256
"""Highest number of signals that a live desk decides in one turn, so that a backlog does not delay other messages."""


class SignalQueue(dict[int, Signal]):
    """Queued signals by the ordinal of their tick."""

    def drop_oldest(self) -> None:
        """Drop the oldest signal, because it is the least useful."""
        del self[min(self)]

    def next_live(self) -> list[int]:
        """Return the ordinals of the oldest signals, at most `LIVE_DECISIONS_MAX`, in ascending order."""
        return sorted(self)[:LIVE_DECISIONS_MAX] if len(self) > 1 else list(self)
