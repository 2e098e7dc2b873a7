"""Detects steps of the wall clock, those while portfolio runs and those while it was down.

The ledger stores the host's clocks as they were after the last known step, or at the first start. If the wall clock at
a later start differs from the stored wall clock plus the elapsed time, a step has happened in between. After a reboot
the elapsed time is unknown, and only a step to a time before the stored one is detected.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from common.clock_step_detector import ClockRecord, ClockStepDetector
from common.storage import DISK_FAULTS
from services.portfolio.ledger.ledger import Ledger

CLOCKS: Final = "clocks"
"""Name of the stored clocks in the table `meta`."""


class ClockStep(NamedTuple):
    """A step of the wall clock (positive: set forward), and whether portfolio was down at the time."""

    step_ns: int
    while_down: bool


class ClockGuard:
    """Detects each step once. `take` returns it to the desk; `record` stores that the desk has processed it."""

    def __init__(self, ledger: Ledger) -> None:
        """Check for a step since the clocks were last recorded."""
        self._ledger = ledger
        self._detector = ClockStepDetector()
        earlier = ClockRecord.parse(ledger.meta(CLOCKS) or "")
        step_ns = 0 if earlier is None else ClockRecord.now().step_ns_since(earlier)
        self._step = ClockStep(step_ns, while_down=True)
        self._is_recorded = earlier is not None

    @property
    def has_found(self) -> bool:
        """Whether a step was detected but not taken yet."""
        return self._step.step_ns != 0

    def look(self) -> None:
        """Check for a step; called about once a second."""
        if step_ns := self._detector.step_ns():
            self._step = ClockStep(self._step.step_ns + step_ns, while_down=self.has_found and self._step.while_down)

    def take(self) -> ClockStep:
        """Return the sum of all steps that were not taken yet. `record` then updates the clocks in the ledger."""
        found, self._step = self._step, ClockStep(0, while_down=False)
        self._is_recorded = False
        return found

    def record(self) -> None:
        """Store the current clocks, unless a step was not taken yet.

        The caller must first commit the events that a taken step has caused.
        """
        if self._is_recorded or self.has_found:
            return
        try:
            self._ledger.set_meta(CLOCKS, ClockRecord.now().text())
        except DISK_FAULTS:
            return  # the next call tries again; a start before the next call would detect the same step again
        self._is_recorded = True
