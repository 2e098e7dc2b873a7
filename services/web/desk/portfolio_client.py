"""Requests to portfolio's control socket from the event loop, over a few threads with one connection each.

Queries and commands have threads of their own, so a command never waits behind queries that portfolio does not answer.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final, TypeVar, get_args

from common.control_client import ControlClient
from common.errors import StartError
from proto.control import ControlReply, ControlRequest, DeskCommand

R = TypeVar("R", bound=ControlReply)

TIMEOUT_S: Final = 2.0

QUERY_THREADS: Final = 2
COMMAND_THREADS: Final = 4
"""Largest number of requests that wait for portfolio; further ones wait for a thread."""

WAITING_MAX: Final = 100
"""Largest number of requests that wait for a thread or for portfolio; further ones are refused at once."""

_COMMANDS: Final = get_args(DeskCommand)


class DeskSilentError(Exception):
    """Portfolio did not answer in time. A command may have been carried out, unless it `was_sent` is False."""

    def __init__(self, text: str, *, was_sent: bool) -> None:
        """Create the error: `text` is one line, and `was_sent` whether portfolio may have received the request."""
        super().__init__(text)
        self.was_sent = was_sent


class DeskRefusedError(Exception):
    """Portfolio refused the request, or its reply is not one of this version; the text is one line."""


class PortfolioClient:
    """Client of one portfolio; its methods belong to the thread of the event loop."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Prepare the client; the first request connects. `timeout_s` is the default timeout of a request."""
        self._url = url
        self._timeout_s = timeout_s
        self._idle: SimpleQueue[ControlClient] = SimpleQueue()
        self._queries = ThreadPoolExecutor(QUERY_THREADS, "portfolio-query")
        self._commands = ThreadPoolExecutor(COMMAND_THREADS, "portfolio-command")
        self._waiting = 0

    async def ask(self, request: ControlRequest, expected: type[R], *, timeout_s: float | None = None) -> R:
        """Send a request, and return its reply of type `expected`; a canceled call may still be sent.

        Raises:
            DeskSilentError: no reply within `timeout_s`, or within the default timeout if it is None.
            DeskRefusedError: portfolio refused the request.
        """
        if self._waiting >= WAITING_MAX:
            raise DeskSilentError(f"{WAITING_MAX} requests wait for portfolio, expected fewer", was_sent=False)
        threads = self._commands if isinstance(request, _COMMANDS) else self._queries
        deadline_s = monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        self._waiting += 1
        try:
            work = asyncio.get_running_loop().run_in_executor(threads, self._ask, request, expected, deadline_s)
            return await work
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Close the connections after the requests that have begun."""
        for threads in (self._queries, self._commands):
            threads.shutdown(wait=True, cancel_futures=True)
        with suppress(Empty):
            while True:
                self._idle.get_nowait().__exit__(None, None, None)

    def _ask(self, request: ControlRequest, expected: type[R], deadline_s: float) -> R:
        tag = request.__struct_config__.tag
        left_s = deadline_s - monotonic()
        if left_s <= 0:
            raise DeskSilentError(f"portfolio is busy: {tag} waited for a thread and was not sent", was_sent=False)
        try:
            client = self._idle.get_nowait()
        except Empty:
            client = ControlClient(self._url)
        try:
            reply = client.request(request, expected, timeout_s=left_s)
        except StartError as error:
            raise DeskRefusedError(str(error)) from None
        finally:
            self._idle.put(client)
        if reply is None:
            raise DeskSilentError(f"portfolio did not answer {tag} in time", was_sent=True)
        return reply
