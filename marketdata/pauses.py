"""Detection of pauses of more than 31 days between ticks.

No market closes for so long. Therefore the times after the pause are probably wrong.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proto.time import DAY_NS, utc_text

LONG_PAUSE_NS: Final = 31 * DAY_NS


class Pause(NamedTuple):
    """The times of two successive ticks, in nanoseconds UTC."""

    after_ns: int
    before_ns: int

    @property
    def warning(self) -> str:
        """Text of the warning about this pause."""
        return f"no tick from {utc_text(self.after_ns)} to {utc_text(self.before_ns)}: the later times may be wrong"


class LongPause:
    """Finds the longest pause above `LONG_PAUSE_NS` in ascending times that are added block by block."""

    def __init__(self) -> None:
        """Start without times."""
        self.longest: Pause | None = None
        self._last_ns: int | None = None

    def add(self, time_ns: NDArray[np.int64]) -> None:
        """Add the next times, a 1-D array in ascending order. Of equally long pauses the first one is kept."""
        if not len(time_ns):
            return
        if self._last_ns is not None:
            self._note(self._last_ns, int(time_ns[0]))
        self._last_ns = int(time_ns[-1])
        # The times ascend, so a block that spans less than a long pause contains no long pause.
        if self._last_ns - int(time_ns[0]) > LONG_PAUSE_NS:
            place = int(np.argmax(np.diff(time_ns)))
            self._note(int(time_ns[place]), int(time_ns[place + 1]))

    def _note(self, after_ns: int, before_ns: int) -> None:
        least = LONG_PAUSE_NS if self.longest is None else self.longest.before_ns - self.longest.after_ns
        if before_ns - after_ns > least:
            self.longest = Pause(after_ns, before_ns)
