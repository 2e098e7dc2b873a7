"""Detection of steps of the wall clock, during a run of a process and between two runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Self

from common.clock import UNKNOWN_BOOT, boot_ns, host_boot, mono_ns, wall_ns

CLOCK_STEP_MAX_MS: Final = 500
"""Threshold of a step in milliseconds. Time synchronization changes a clock gradually by less than this."""


class ClockStepDetector:
    """Compares the wall clock with the monotonic clock and reports each step once.

    The difference between the two clocks changes only when the wall clock is set or the host was suspended, because the
    kernel's gradual corrections apply to both. Small steps in one direction add up until they exceed the limit.
    """

    def __init__(
        self,
        step_max_ms: int = CLOCK_STEP_MAX_MS,
        *,
        wall: Callable[[], int] = wall_ns,
        mono: Callable[[], int] = mono_ns,
    ) -> None:
        """Measure the current difference between the clocks.

        A change of the difference by more than `step_max_ms` is a step. `wall` and `mono` read the clocks in
        nanoseconds.
        """
        self._step_max_ns = step_max_ms * 1_000_000
        self._wall = wall
        self._mono = mono
        self._difference_ns = self._difference()

    def step_ns(self) -> int:
        """Step in nanoseconds since the last reported one: positive forward, negative backward, 0 within the limit."""
        difference = self._difference()
        step = difference - self._difference_ns
        if abs(step) <= self._step_max_ns:
            return 0
        self._difference_ns = difference
        return step

    def _difference(self) -> int:
        """The wall clock minus the monotonic clock, in nanoseconds."""
        wall, steady = _read_together(self._wall, self._mono, self._step_max_ns // 2)
        return wall - steady


class ClockRecord(NamedTuple):
    """The host's clocks read at one time, for comparison by a later process."""

    boot: str
    wall_ns: int
    boot_ns: int
    """Nanoseconds since the host started; includes time in suspend, unlike the monotonic clock."""

    @classmethod
    def now(cls) -> Self:
        """Read the current clocks."""
        return cls(host_boot(), *_read_together(wall_ns, boot_ns, CLOCK_STEP_MAX_MS * 500_000))

    def step_ns_since(self, earlier: ClockRecord) -> int:
        """Step of the wall clock in nanoseconds since an earlier record; 0 within CLOCK_STEP_MAX_MS.

        Within one boot every step is detected. After a reboot only a step to a time before the earlier record is
        detected, because it is unknown how long the host was off.
        """
        step = self.wall_ns - earlier.wall_ns
        if self.boot == earlier.boot != UNKNOWN_BOOT:
            step -= self.boot_ns - earlier.boot_ns
        elif step > 0:
            return 0
        return step if abs(step) > CLOCK_STEP_MAX_MS * 1_000_000 else 0

    def text(self) -> str:
        """The record as one line, for storage."""
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


def _read_together(wall: Callable[[], int], steady: Callable[[], int], pause_ns_max: int) -> tuple[int, int]:
    """Read both clocks; repeat until a pause between the two reads is too short to look like a step.

    Returns:
        Nanoseconds of the wall clock and of the steady clock.
    """
    while True:
        before = steady()
        found = wall()
        if steady() - before <= pause_ns_max:
            return found, before
