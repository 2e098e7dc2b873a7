"""Steps of the wall clock that the desk has to know of: those while portfolio runs, and those while it was down.

The ledger keeps the host's clocks as they were when the last step was known, or the first portfolio started. A later
one that finds the wall clock elsewhere than the time since then puts it has missed a step.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from common.clock_step_detector import ClockRecord, ClockStepDetector
from common.storage import DISK_FAULTS
from services.portfolio.ledger.ledger import Ledger

CLOCKS: Final = "clocks"
"""Name in `meta`."""


class ClockStep(NamedTuple):
    """How far the wall clock was set, and whether portfolio was down then."""

    step_ns: int
    while_down: bool


class ClockGuard:
    """Finds each step once; `take` it when the desk can act on it, and `record` when what it did is durable."""

    def __init__(self, ledger: Ledger) -> None:
        """Look for a step since the last portfolio."""
        self._ledger = ledger
        self._detector = ClockStepDetector()
        earlier = ClockRecord.parse(ledger.meta(CLOCKS) or "")
        step_ns = 0 if earlier is None else ClockRecord.now().step_ns_since(earlier)
        self._step = ClockStep(step_ns, while_down=True)
        self._is_recorded = earlier is not None

    @property
    def has_found(self) -> bool:
        """Whether a step waits to be taken."""
        return self._step.step_ns != 0

    def look(self) -> None:
        """Look for a step now; about once a second."""
        if step_ns := self._detector.step_ns():
            self._step = ClockStep(self._step.step_ns + step_ns, while_down=self.has_found and self._step.while_down)

    def take(self) -> ClockStep:
        """The sum of all steps that were not taken before; the ledger keeps the clocks as before until `record`."""
        found, self._step = self._step, ClockStep(0, while_down=False)
        self._is_recorded = False
        return found

    def record(self) -> None:
        """Keep the clocks of now for a later portfolio, once the steps before are known to the ledger."""
        if self._is_recorded or self.has_found:
            return
        try:
            self._ledger.set_meta(CLOCKS, ClockRecord.now().text())
        except DISK_FAULTS:
            return  # tried again at the next call; until then the older record finds the same step once more
        self._is_recorded = True
