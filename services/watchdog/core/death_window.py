"""Detection of crash loops: many deaths of a program within a sliding window, no matter how long each process ran."""

from __future__ import annotations

from collections import deque
from typing import Final

DEATHS_MAX: Final = 5
WINDOW_NS: Final = 300_000_000_000
"""Five deaths within five minutes are a crash loop; supervisord itself counts only deaths right after a start."""


class DeathWindow:
    """Counts the deaths of every program."""

    def __init__(self) -> None:
        """Start without deaths."""
        self._deaths: dict[str, deque[int]] = {}
        self._since_alert: dict[str, int] = {}

    def on_death(self, program: str, now_ns: int) -> int:
        """Count a death.

        Args:
            program: program whose process ended although supervisord did not stop it.
            now_ns: monotonic time.

        Returns:
            The number of deaths within the window if an alert is due, else 0. After an alert, the next alert is due
            after `DEATHS_MAX` further deaths at the earliest.
        """
        deaths = self._deaths.setdefault(program, deque())
        deaths.append(now_ns)
        while now_ns - deaths[0] > WINDOW_NS:
            deaths.popleft()
        self._since_alert[program] = self._since_alert.get(program, DEATHS_MAX) + 1
        if len(deaths) < DEATHS_MAX or self._since_alert[program] < DEATHS_MAX:
            return 0
        self._since_alert[program] = 0
        return len(deaths)
