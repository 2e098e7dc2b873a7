"""Whether somebody has set the wall clock while the process ran."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from common.clock import mono_ns, wall_ns

CLOCK_STEP_MAX_MS: Final = 500
"""A wall clock that time synchronisation slews stays within this of the monotonic one; beyond it, it was set."""


class ClockStepDetector:
    """Compares the wall clock with the monotonic one, and tells each step of it once.

    The distance of the two moves only when the wall clock is set, or when the host slept: the kernel slews both alike.
    Small steps in one direction add up until they count as one.
    """

    def __init__(
        self,
        step_max_ms: int = CLOCK_STEP_MAX_MS,
        *,
        wall: Callable[[], int] = wall_ns,
        mono: Callable[[], int] = mono_ns,
    ) -> None:
        """Take the distance as it is now."""
        self._step_max_ns = step_max_ms * 1_000_000
        self._wall = wall
        self._mono = mono
        self._distance_ns = self._distance()

    def step_ns(self) -> int:
        """How far the wall clock was set since it was last told: forward above 0, back below, 0 within the limit."""
        distance = self._distance()
        step = distance - self._distance_ns
        if abs(step) <= self._step_max_ns:
            return 0
        self._distance_ns = distance
        return step

    def _distance(self) -> int:
        # Between two readings of the monotonic clock, so that a pause in the midst is not taken for a step.
        while True:
            before = self._mono()
            wall = self._wall()
            if self._mono() - before <= self._step_max_ns // 2:
                return wall - before
