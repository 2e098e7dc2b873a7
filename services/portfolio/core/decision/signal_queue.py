"""Queued signals by the ordinal of their tick."""

from __future__ import annotations

from typing import Final

from proto.messages import Signal

QUEUED_SIGNALS_MAX: Final = 10_000
"""Most queued signals; far above the publication window, so that only a flood of signals reaches it."""

LIVE_DECISIONS_MAX: Final = 256
"""Most signals that a live desk decides in one turn, so that a backlog does not delay everything else."""


class SignalQueue(dict[int, Signal]):
    """Signals by ordinal."""

    def drop_oldest(self) -> None:
        """Drop the oldest signal, which is the least useful one."""
        del self[min(self)]

    def next_live(self) -> list[int]:
        """Ordinals of the oldest signals, as many as a live desk decides in one turn."""
        return sorted(self)[:LIVE_DECISIONS_MAX] if len(self) > 1 else list(self)
