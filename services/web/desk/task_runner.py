"""Background work of the event loop: tasks that are started again after an error, with a pause.

An error in one task ends no other task. It is logged with its trace, and `problems` shows it until the task has run for
a while without an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from common.logs import get_logger

PAUSE_S: Final = 1.0
"""Seconds until a failed task is started again."""

HEALTHY_S: Final = 10.0
"""Seconds after which a restarted task counts as healthy."""

PROBLEM_CHARS_MAX: Final = 200

Work = Callable[[], Awaitable[None]]


class TaskRunner:
    """Runs tasks, each by a function that returns only when its work has ended for good."""

    def __init__(self, *, pause_s: float = PAUSE_S, healthy_s: float = HEALTHY_S) -> None:
        """Start without tasks. `pause_s` is the pause before a restart, `healthy_s` the time until it is healthy."""
        self._pause_s = pause_s
        self._healthy_s = healthy_s
        self._works: dict[str, Work] = {}
        self._problems: dict[str, str] = {}

    @property
    def problems(self) -> Mapping[str, str]:
        """The last error of each task that has failed lately, in one line, by the name of the task."""
        return self._problems

    def add(self, name: str, work: Work) -> None:
        """Add a task; call it before `run`."""
        assert name not in self._works, name
        self._works[name] = work

    async def run(self) -> None:
        """Run all tasks until canceled."""
        async with asyncio.TaskGroup() as group:
            for name, work in self._works.items():
                group.create_task(self._keep(name, work), name=name)

    async def _keep(self, name: str, work: Work) -> None:
        while True:
            recovery = asyncio.create_task(self._recover(name))
            try:
                await work()
                return
            except Exception as error:  # a bug in one task must not end the others: it is logged and shown
                get_logger().exception("background task failed, and is started again", task=name)
                text = f"{type(error).__name__}: {error}".partition("\n")[0]
                self._problems[name] = text[:PROBLEM_CHARS_MAX]
            finally:
                recovery.cancel()
                with suppress(asyncio.CancelledError):
                    await recovery
            await asyncio.sleep(self._pause_s)

    async def _recover(self, name: str) -> None:
        await asyncio.sleep(self._healthy_s)
        self._problems.pop(name, None)
