"""Contact with the watchdog: whether it sends queries, and the problems that they report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proto.control import Condition, condition
from proto.time import SECOND_NS

WATCHDOG_SILENT_NS: Final = 10_000_000_000
"""Time without a query after which WATCHDOG_SILENT is set.

The watchdog sends a query each second. After a crash it is running again in a few seconds.
"""

WATCHDOG_START_NS: Final = 30_000_000_000
"""Time without a query after which WATCHDOG_SILENT is set when the desk has just started.

It is longer than WATCHDOG_SILENT_NS because the watchdog starts last, after processes that load large files.
"""


class WatchdogContact:
    """Contact of one portfolio process with the watchdog."""

    def __init__(self) -> None:
        """Begin without a deadline for queries; `expect` or the first query sets it."""
        self._heard_ns = 0
        self._due_ns: int | None = None
        self._alert_problem = ""
        self._supervisor_problem = ""

    def expect(self, mono_ns: int) -> None:
        """Expect queries of a watchdog that is started at monotonic time `mono_ns`."""
        self._heard_ns, self._due_ns = mono_ns, mono_ns + WATCHDOG_START_NS

    def on_question(self, alert_problem: str, supervisor_problem: str, mono_ns: int) -> None:
        """Record a query of the watchdog.

        Args:
            alert_problem: why alerts cannot be sent; empty if they can.
            supervisor_problem: why supervisord does not answer; empty if it does.
            mono_ns: monotonic time of the query.
        """
        self._heard_ns, self._due_ns = mono_ns, mono_ns + WATCHDOG_SILENT_NS
        self._alert_problem, self._supervisor_problem = alert_problem, supervisor_problem

    def conditions(self, mono_ns: int) -> Iterator[Condition]:
        """Yield the conditions of the watchdog at monotonic time `mono_ns`."""
        if self._due_ns is not None and mono_ns > self._due_ns:
            text = f"no query of the watchdog for {(mono_ns - self._heard_ns) // SECOND_NS} s; see watchdog.log"
            yield condition("WATCHDOG_SILENT", text)
            return
        if self._alert_problem:
            yield condition("ALERTS_FAIL", self._alert_problem)
        if self._supervisor_problem:
            yield condition("SUPERVISOR_SILENT", self._supervisor_problem)
