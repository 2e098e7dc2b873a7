"""Detection of steps of the wall clock, while a process runs or between two runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Self

from common.clock import UNKNOWN_BOOT, boot_ns, host_boot, mono_ns, wall_ns

CLOCK_STEP_MAX_MS: Final = 500
"""Time synchronisation slews a clock by less than this; a larger distance is a step."""


class ClockStepDetector:
    """Compares the wall clock with the monotonic clock and reports each step once.

    Their distance changes only when the wall clock is set or the host was suspended: the kernel slews both alike. Small
    steps in one direction add up until they exceed the limit.
    """

    def __init__(
        self,
        step_max_ms: int = CLOCK_STEP_MAX_MS,
        *,
        wall: Callable[[], int] = wall_ns,
        mono: Callable[[], int] = mono_ns,
    ) -> None:
        """Measure the current distance."""
        self._step_max_ns = step_max_ms * 1_000_000
        self._wall = wall
        self._mono = mono
        self._distance_ns = self._distance()

    def step_ns(self) -> int:
        """Step since the last one reported: above 0 forward, below 0 back, 0 within the limit."""
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
    """The host's clocks at one moment, for comparison by a later process."""

    boot: str
    wall_ns: int
    boot_ns: int
    """Since the host started; unlike the monotonic clock it counts suspend."""

    @classmethod
    def now(cls) -> Self:
        """The current clocks."""
        return cls(host_boot(), *_together(wall_ns, boot_ns, CLOCK_STEP_MAX_MS * 500_000))

    def step_ns_since(self, earlier: ClockRecord) -> int:
        """Step of the wall clock since an earlier record; 0 within CLOCK_STEP_MAX_MS.

        Within one boot every step shows. After a reboot only a step back beyond the earlier record does, because the
        time that the host was off is unknown.
        """
        step = self.wall_ns - earlier.wall_ns
        if self.boot == earlier.boot != UNKNOWN_BOOT:
            step -= self.boot_ns - earlier.boot_ns
        elif step > 0:
            return 0
        return step if abs(step) > CLOCK_STEP_MAX_MS * 1_000_000 else 0

    def text(self) -> str:
        """One line, as stored."""
        return f"{self.boot} {self.wall_ns} {self.boot_ns}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Parse the line that `text` returned; None for any other text."""
        boot, *numbers = text.split(" ")
        try:
            wall, since_boot = map(int, numbers)
        except ValueError:
            return None
        return cls(boot, wall, since_boot)


def _together(wall: Callable[[], int], steady: Callable[[], int], pause_ns_max: int) -> tuple[int, int]:
    """Read both clocks so close together that a pause between the reads does not look like a step."""
    while True:
        before = steady()
        found = wall()
        if steady() - before <= pause_ns_max:
            return found, before
