"""Requests to notify's control socket from the event loop, each with a connection of its own in a thread."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from common.control_client import NotifyClient, RefusedError
from common.errors import StartError
from proto.notify import AcknowledgeAlerts, AcknowledgeReply

TIMEOUT_S: Final = 3.0

THREADS: Final = 2
"""Largest number of requests that wait for notify; further ones wait for a thread."""

WAITING_MAX: Final = 20
"""Largest number of requests that wait for a thread or for notify; further ones are refused at once."""


class NotifySilentError(Exception):
    """notify did not answer in time, so whether it has carried out the request is not known; the text is one line."""


class NotifyRefusedError(Exception):
    """notify refused the request, or its reply is not one of this version; the text is one line."""


class NotifyRequests:
    """Client of one notify; its methods belong to the thread of the event loop."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Prepare the client; nothing is sent yet."""
        self._url = url
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(THREADS, "notify")
        self._waiting = 0

    async def acknowledge(self, request: AcknowledgeAlerts) -> AcknowledgeReply:
        """Send an acknowledgement, and return notify's reply; a repeated one has no further effect.

        Raises:
            NotifySilentError: no reply came in time, or too many requests wait.
            NotifyRefusedError: notify refused the request.
        """
        if self._waiting >= WAITING_MAX:
            raise NotifySilentError(f"{WAITING_MAX} requests wait for notify, expected fewer; nothing was sent")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, request)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the threads after the requests that have begun."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _ask(self, request: AcknowledgeAlerts) -> AcknowledgeReply:
        try:
            with NotifyClient(self._url) as client:
                reply = client.request(request, AcknowledgeReply, timeout_s=self._timeout_s)
        except RefusedError as error:
            raise NotifyRefusedError(error.reason) from None
        except StartError as error:
            raise NotifyRefusedError(str(error)) from None
        if reply is None:
            raise NotifySilentError(
                f"notify did not answer within {self._timeout_s:g} s, so whether the alerts are acknowledged is not "
                "known; repeat the request, a repetition has no further effect"
            )
        return reply
