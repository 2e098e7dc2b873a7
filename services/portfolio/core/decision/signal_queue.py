"""Signals that wait for their turn, by the ordinal of their tick."""

from __future__ import annotations

from typing import Final

from proto.messages import Signal

QUEUED_SIGNALS_MAX: Final = 10_000
"""Signals that may wait for their turn; above the publication window, so that only a flood reaches it."""

LIVE_DECISIONS_MAX: Final = 256
"""Signals of a live desk decided in one go, so that a backlog does not hold up everything else."""


class SignalQueue(dict[int, Signal]):
    """The signals themselves, each under its ordinal."""

    def drop_oldest(self) -> None:
        """Make room: whatever keeps a desk that long, the oldest signal is the one that is no use any more."""
        del self[min(self)]

    def next_live(self) -> list[int]:
        """The ordinals of the oldest signals, as many as a live desk decides in one go."""
        return sorted(self)[:LIVE_DECISIONS_MAX] if len(self) > 1 else list(self)
