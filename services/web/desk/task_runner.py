"""Background work of the event loop: tasks that are started again after an error, with a pause.

An error in one task ends no other task. It is logged with its trace, and is in `problems` for `SHOWN_S`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, ParamSpec

from common import clock
from common.logs import get_logger
from proto.time import SECOND_NS

PAUSE_S: Final = 1.0
"""Seconds until a failed task is started again."""

SHOWN_S: Final = 30.0
"""Seconds for which an error stays in `problems`."""

PROBLEM_CHARS_MAX: Final = 200

Work = Callable[[], Awaitable[None]]
P = ParamSpec("P")


class TaskRunner:
    """Runs tasks. A task's function returns only when the task is finished."""

    def __init__(
        self, *, pause_s: float = PAUSE_S, shown_s: float = SHOWN_S, mono_ns: Callable[[], int] = clock.mono_ns
    ) -> None:
        """Start without tasks.

        Args:
            pause_s: seconds before a failed task is started again.
            shown_s: seconds for which an error stays in `problems`.
            mono_ns: returns monotonic nanoseconds.
        """
        self._pause_s = pause_s
        self._shown_ns = int(shown_s * SECOND_NS)
        self._mono_ns = mono_ns
        self._works: dict[str, Work] = {}
        self._problems: dict[str, tuple[str, int]] = {}

    @property
    def problems(self) -> dict[str, str]:
        """The last error of each task that failed in the last `shown_s` seconds, in one line, by the task's name."""
        oldest_ns = self._mono_ns() - self._shown_ns
        return {name: text for name, (text, at_ns) in self._problems.items() if at_ns >= oldest_ns}

    def add(self, name: str, work: Work) -> None:
        """Add a task; call it before `run`."""
        assert name not in self._works, name
        self._works[name] = work

    def guarded(self, name: str, function: Callable[P, None]) -> Callable[P, None]:
        """A function that calls `function` for another task, and notes its errors under `name` instead of raising."""

        def call(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                function(*args, **kwargs)
            except Exception as error:  # a bug in one part must not end the task that calls it: logged and noted
                self._note(name, error)

        return call

    async def run(self) -> None:
        """Run all tasks until canceled."""
        async with asyncio.TaskGroup() as group:
            for name, work in self._works.items():
                group.create_task(self._keep(name, work), name=name)

    async def _keep(self, name: str, work: Work) -> None:
        while True:
            try:
                await work()
                return
            except Exception as error:  # a bug in one task must not end the others: logged and noted
                self._note(name, error)
            await asyncio.sleep(self._pause_s)

    def _note(self, name: str, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}".partition("\n")[0][:PROBLEM_CHARS_MAX]
        if self.problems.get(name) != text:
            get_logger().error("background task failed, and continues after a pause", task=name, exc_info=error)
        self._problems[name] = text, self._mono_ns()
