"""The thread that calls the terminal. A call may block for seconds, while the gateway's thread answers its clients.

Jobs run in the order in which they were posted. The gateway's thread takes their results.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Final, Protocol

from services.mt5.terminal.mt5_types import Mt5Api

Job = Callable[[Mt5Api], object]

LEAVING_SECONDS: Final = 5.0
"""Longest wait for the posted jobs when the process ends."""


class TerminalWorker(Protocol):
    """The port of the terminal's thread."""

    def post(self, job: Job) -> None:
        """Queue a job."""

    def take_results(self) -> list[object]:
        """The results of jobs that have finished since the last call, in order.

        Raises:
            Exception: the error of a job.
        """


class TerminalThread:
    """A thread that calls the terminal; no other thread may call it."""

    def __init__(self, api: Mt5Api) -> None:
        """Start the thread."""
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(api,), name="terminal", daemon=True)
        self._thread.start()

    def post(self, job: Job) -> None:
        """Queue a job."""
        self._jobs.put(job)

    def take_results(self) -> list[object]:
        """The results of jobs that have finished since the last call, in order.

        Raises:
            Exception: the error of a job; it ends the process.
        """
        done: list[object] = []
        while True:
            try:
                result = self._done.get_nowait()
            except queue.Empty:
                return done
            if isinstance(result, BaseException):
                raise result
            done.append(result)

    def close(self) -> None:
        """Disconnect from the terminal after the posted jobs; return after at most `LEAVING_SECONDS`."""
        self._jobs.put(None)
        self._thread.join(timeout=LEAVING_SECONDS)

    def _run(self, api: Mt5Api) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                self._done.put(job(api))
            except Exception as error:  # the gateway's thread raises the error again, which ends the process
                self._done.put(error)
        api.shutdown()
