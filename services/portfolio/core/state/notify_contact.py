"""Contact with notify: whether it sends queries, and why its messages do not reach a target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proto.control import Condition, condition
from proto.time import SECOND_NS

NOTIFY_SILENT_NS: Final = 15_000_000_000
"""Time without a query after which NOTIFY_SILENT is set.

notify sends a query each second. After a crash it is running again in a few seconds.
"""


class NotifyContact:
    """Contact of one portfolio process with notify, which is expected only after its first query."""

    def __init__(self) -> None:
        """Begin without a query: a desk without NOTIFY_FILE has no notify."""
        self._heard_ns: int | None = None
        self._problem = ""

    def on_question(self, problem: str, mono_ns: int) -> None:
        """Record a query of notify.

        Args:
            problem: why messages do not reach a target; empty if they do.
            mono_ns: monotonic time of the query.
        """
        self._heard_ns, self._problem = mono_ns, problem

    def conditions(self, mono_ns: int) -> Iterator[Condition]:
        """Yield the condition of notify at monotonic time `mono_ns`, if there is one."""
        if self._heard_ns is None:
            return
        if mono_ns - self._heard_ns > NOTIFY_SILENT_NS:
            text = f"no query of notify for {(mono_ns - self._heard_ns) // SECOND_NS} s; see notify.log"
            yield condition("NOTIFY_SILENT", text)
        elif self._problem:
            yield condition("NOTIFY_FAILS", self._problem)
