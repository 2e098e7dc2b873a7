"""Whether somebody has set the wall clock: while a process runs, or between two runs of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Self

from common.clock import UNKNOWN_BOOT, boot_ns, host_boot, mono_ns, wall_ns

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
        wall, steady = _together(self._wall, self._mono, self._step_max_ns // 2)
        return wall - steady


class ClockRecord(NamedTuple):
    """The clocks of the host at one moment, to be compared with those of a later process."""

    boot: str
    wall_ns: int
    boot_ns: int
    """Since the host started: unlike the monotonic clock it goes on while the host sleeps."""

    @classmethod
    def now(cls) -> Self:
        """As they are now."""
        return cls(host_boot(), *_together(wall_ns, boot_ns, CLOCK_STEP_MAX_MS * 500_000))

    def step_ns_since(self, earlier: ClockRecord) -> int:
        """How far the wall clock was set since an earlier record, 0 within CLOCK_STEP_MAX_MS.

        Within one run of the host any step shows; after a restart of the host only one that leaves the clock before the
        earlier record, because nothing tells how long the host was off.
        """
        step = self.wall_ns - earlier.wall_ns
        if self.boot == earlier.boot != UNKNOWN_BOOT:
            step -= self.boot_ns - earlier.boot_ns
        elif step > 0:
            return 0
        return step if abs(step) > CLOCK_STEP_MAX_MS * 1_000_000 else 0

    def text(self) -> str:
        """As a line to keep."""
        return f"{self.boot} {self.wall_ns} {self.boot_ns}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """What `text` gave; None where it is no record."""
        boot, *numbers = text.split(" ")
        try:
            wall, since_boot = map(int, numbers)
        except ValueError:
            return None
        return cls(boot, wall, since_boot)


def _together(wall: Callable[[], int], steady: Callable[[], int], pause_ns_max: int) -> tuple[int, int]:
    """Both clocks, read so close together that a pause between the two is not taken for a step."""
    while True:
        before = steady()
        found = wall()
        if steady() - before <= pause_ns_max:
            return found, before
