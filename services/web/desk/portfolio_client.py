"""Requests to portfolio's control socket from the event loop, over a few threads with one connection each.

Commands, queries and explanations have threads of their own, so a command never waits behind queries that portfolio
does not answer. An explanation (WHY) reads the ledger in portfolio's thread. So only one is requested at a time, and
the next one waits for a multiple of its duration, so that readers of the page do not delay trading.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import Final, TypeVar, get_args

from common.control_client import ControlClient, RefusedError
from common.errors import StartError
from proto.control import ControlReply, ControlRequest, DeskCommand, WhyQuery

R = TypeVar("R", bound=ControlReply)

TIMEOUT_S: Final = 2.0

QUERY_THREADS: Final = 2
COMMAND_THREADS: Final = 4
"""Largest number of requests that wait for portfolio; further ones wait for a thread."""

WAITING_MAX: Final = 100
"""Largest number of requests of a kind that wait for a thread or for portfolio; further ones are refused at once."""

EXPLANATION_PAUSE: Final = 4
"""Pause after an explanation, as a multiple of its duration."""

PAUSE_S_MAX: Final = 1.0
"""Longest pause in seconds."""

_COMMANDS: Final = get_args(DeskCommand)


class DeskSilentError(Exception):
    """Portfolio did not answer in time. A command may have been carried out, unless it `was_sent` is False."""

    def __init__(self, text: str, *, was_sent: bool) -> None:
        """Create the error: `text` is one line, and `was_sent` whether portfolio may have received the request."""
        super().__init__(text)
        self.was_sent = was_sent


class DeskRefusedError(Exception):
    """Portfolio refused the request, or its reply is not one of this version; the text is one line."""


class _Lane:
    """The threads of one kind of requests, and the number of requests that wait for a thread or for portfolio."""

    def __init__(self, threads: int, name: str, *, pause: int = 0) -> None:
        """Start without a request; after each one the next waits for `pause` times its duration."""
        self.threads = ThreadPoolExecutor(threads, f"portfolio-{name}")
        self.waiting = 0
        self._pause = pause
        self._free_s = 0.0

    def wait(self, deadline_s: float) -> None:
        """Wait in a thread for the end of a pause, at most until `deadline_s` of the monotonic clock."""
        pause_s = min(self._free_s, deadline_s) - monotonic()
        if pause_s > 0:
            sleep(pause_s)

    def rest(self, begun_s: float) -> None:
        """Begin the pause after a request that was sent at `begun_s` of the monotonic clock."""
        now_s = monotonic()
        self._free_s = now_s + min(self._pause * (now_s - begun_s), PAUSE_S_MAX)


class PortfolioClient:
    """Client of one portfolio; its methods belong to the thread of the event loop."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Prepare the client; the first request connects. `timeout_s` is the default timeout of a request."""
        self._url = url
        self._timeout_s = timeout_s
        self._idle: SimpleQueue[ControlClient] = SimpleQueue()
        self._queries = _Lane(QUERY_THREADS, "query")
        self._commands = _Lane(COMMAND_THREADS, "command")
        self._explanations = _Lane(1, "why", pause=EXPLANATION_PAUSE)

    async def ask(self, request: ControlRequest, expected: type[R], *, timeout_s: float | None = None) -> R:
        """Send a request, and return its reply of type `expected`; a canceled call may still be sent.

        Raises:
            DeskSilentError: no reply within `timeout_s`, or within the default timeout if it is None.
            DeskRefusedError: portfolio refused the request.
        """
        lane = self._lane(request)
        if lane.waiting >= WAITING_MAX:
            raise DeskSilentError(f"{WAITING_MAX} requests wait for portfolio, expected fewer", was_sent=False)
        deadline_s = monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        lane.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(lane.threads, self._ask, lane, request, expected, deadline_s)
        finally:
            lane.waiting -= 1

    def close(self) -> None:
        """Close the connections after the requests that have begun."""
        for lane in (self._queries, self._commands, self._explanations):
            lane.threads.shutdown(wait=True, cancel_futures=True)
        with suppress(Empty):
            while True:
                self._idle.get_nowait().__exit__(None, None, None)

    def _lane(self, request: ControlRequest) -> _Lane:
        if isinstance(request, _COMMANDS):
            return self._commands
        return self._explanations if isinstance(request, WhyQuery) else self._queries

    def _ask(self, lane: _Lane, request: ControlRequest, expected: type[R], deadline_s: float) -> R:
        tag = request.__struct_config__.tag
        lane.wait(deadline_s)
        begun_s = monotonic()
        left_s = deadline_s - begun_s
        if left_s <= 0:
            raise DeskSilentError(f"portfolio is busy: {tag} waited for a thread and was not sent", was_sent=False)
        try:
            client = self._idle.get_nowait()
        except Empty:
            client = ControlClient(self._url)
        try:
            reply = client.request(request, expected, timeout_s=left_s)
        except RefusedError as error:
            raise DeskRefusedError(error.reason) from None
        except StartError as error:
            raise DeskRefusedError(str(error)) from None
        finally:
            lane.rest(begun_s)
            self._idle.put(client)
        if reply is None:
            raise DeskSilentError(f"portfolio did not answer {tag} in time", was_sent=True)
        return reply
