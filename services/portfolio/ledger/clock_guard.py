"""Steps of the wall clock while portfolio runs and while it was down.

The ledger keeps the host's clocks as of the last known step, or of the first start. A later start whose wall clock
differs from that record plus the time since has missed a step.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from common.clock_step_detector import ClockRecord, ClockStepDetector
from common.storage import DISK_FAULTS
from services.portfolio.ledger.ledger import Ledger

CLOCKS: Final = "clocks"
"""Name in `meta`."""


class ClockStep(NamedTuple):
    """A step of the wall clock, and whether portfolio was down at the time."""

    step_ns: int
    while_down: bool


class ClockGuard:
    """Finds each step once; `take` it when the desk can act on it, `record` it when the result is durable."""

    def __init__(self, ledger: Ledger) -> None:
        """Check for a step since the last run."""
        self._ledger = ledger
        self._detector = ClockStepDetector()
        earlier = ClockRecord.parse(ledger.meta(CLOCKS) or "")
        step_ns = 0 if earlier is None else ClockRecord.now().step_ns_since(earlier)
        self._step = ClockStep(step_ns, while_down=True)
        self._is_recorded = earlier is not None

    @property
    def has_found(self) -> bool:
        """Whether a step is waiting."""
        return self._step.step_ns != 0

    def look(self) -> None:
        """Check for a step; called about once a second."""
        if step_ns := self._detector.step_ns():
            self._step = ClockStep(self._step.step_ns + step_ns, while_down=self.has_found and self._step.while_down)

    def take(self) -> ClockStep:
        """Sum of all steps not taken yet; the ledger's record of the clocks stays until `record`."""
        found, self._step = self._step, ClockStep(0, while_down=False)
        self._is_recorded = False
        return found

    def record(self) -> None:
        """Record the current clocks once the ledger has the steps before."""
        if self._is_recorded or self.has_found:
            return
        try:
            self._ledger.set_meta(CLOCKS, ClockRecord.now().text())
        except DISK_FAULTS:
            return  # retried at the next call; until then the older record shows the same step again
        self._is_recorded = True
