"""Contact with the watchdog: its liveness, and its problems with alerts and supervisord."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proto.control import Condition, condition
from proto.time import SECOND_NS

WATCHDOG_SILENT_NS: Final = 10_000_000_000
"""The watchdog asks each second; its restart takes a few."""

WATCHDOG_START_NS: Final = 30_000_000_000
"""The watchdog starts last, after processes with large files."""


class WatchdogContact:
    """Contact of one portfolio process with the watchdog."""

    def __init__(self) -> None:
        """Expect no watchdog before `expect` or its first question: supervisord starts it."""
        self._heard_ns = 0
        self._due_ns: int | None = None
        self._alert_problem = ""
        self._supervisor_problem = ""

    def expect(self, mono_ns: int) -> None:
        """Expect a watchdog, which is being started."""
        self._heard_ns, self._due_ns = mono_ns, mono_ns + WATCHDOG_START_NS

    def on_question(self, alert_problem: str, supervisor_problem: str, mono_ns: int) -> None:
        """The watchdog has asked; each problem is a text for people, empty without one."""
        self._heard_ns, self._due_ns = mono_ns, mono_ns + WATCHDOG_SILENT_NS
        self._alert_problem, self._supervisor_problem = alert_problem, supervisor_problem

    def conditions(self, mono_ns: int) -> Iterator[Condition]:
        """Conditions of the watchdog at this monotonic time."""
        if self._due_ns is not None and mono_ns > self._due_ns:
            text = f"the watchdog has not asked for {(mono_ns - self._heard_ns) // SECOND_NS} s; see watchdog.log"
            yield condition("WATCHDOG_SILENT", text)
            return
        if self._alert_problem:
            yield condition("ALERTS_FAIL", self._alert_problem)
        if self._supervisor_problem:
            yield condition("SUPERVISOR_SILENT", self._supervisor_problem)
