"""Contact with notify: whether it sends queries, and why alerts do not reach a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proto.control import Condition, condition
from proto.time import SECOND_NS

NOTIFY_SILENT_NS: Final = 15_000_000_000
"""Time without a query after which NOTIFY_SILENT is set.

notify sends a query each second. After a crash it is running again in a few seconds.
"""

NOTIFY_START_NS: Final = 60_000_000_000
"""Time without a query after which NOTIFY_SILENT is set when a desk with NOTIFY_FILE has just started.

It is longer than NOTIFY_SILENT_NS because notify starts late, with a low priority, and loads a large library.
"""


class NotifyContact:
    """Contact of one portfolio process with notify."""

    def __init__(self) -> None:
        """Begin without a deadline for queries, as on a desk without NOTIFY_FILE; `expect` or a query sets it."""
        self._heard_ns = 0
        self._due_ns: int | None = None
        self._problem = ""

    def expect(self, mono_ns: int) -> None:
        """Expect queries of a notify that is started at monotonic time `mono_ns`."""
        self._heard_ns, self._due_ns = mono_ns, mono_ns + NOTIFY_START_NS

    def on_question(self, problem: str, mono_ns: int) -> None:
        """Record a query of notify.

        Args:
            problem: why alerts do not reach a person; empty if they do.
            mono_ns: monotonic time of the query.
        """
        self._heard_ns, self._due_ns = mono_ns, mono_ns + NOTIFY_SILENT_NS
        self._problem = problem

    def conditions(self, mono_ns: int) -> Iterator[Condition]:
        """Yield the condition of notify at monotonic time `mono_ns`, if there is one."""
        if self._due_ns is not None and mono_ns > self._due_ns:
            text = f"no query of notify for {(mono_ns - self._heard_ns) // SECOND_NS} s; see notify.log"
            yield condition("NOTIFY_SILENT", text)
        elif self._problem:
            yield condition("NOTIFY_FAILS", self._problem)
