"""The two clocks of the host, for shells and facades; cores are told the time.

Both are the C functions themselves: they are read on the path of every tick. Every duration is taken from the monotonic
clock. The wall clock is for people, and a `ClockStepDetector` tells when somebody has set it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from common.fault_injection import steppable_clock

mono_ns: Final = time.monotonic_ns
"""Nanoseconds of the monotonic clock: transport time, comparable between the processes of one host only."""

wall_ns: Final = steppable_clock(time.time_ns)
"""UTC nanoseconds since 1970; the C function, unless a test may step the clock."""

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
