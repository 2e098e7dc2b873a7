"""Portfolio's status, asked for once a second in a thread of its own, because an answer may take its time."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from common.control_client import ControlClient
from common.errors import StartError
from common.logs import get_logger
from common.wakeup import Wakeup
from proto.control import StatusQuery, StatusReply

EVERY_S: Final = 1.0
TIMEOUT_S: Final = 2.0

_log = get_logger()


class StatusSource:
    """Asks for the status until it is closed."""

    def __init__(self, url: str) -> None:
        """Prepare the thread; `start` begins."""
        self._url = url
        self._found: deque[StatusReply | None] = deque(maxlen=10)
        self._wakeup = Wakeup()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)
        self.query = StatusQuery(notify_problem="")
        """The query that is sent next."""

    def fileno(self) -> int:
        """The descriptor to poll: readable when `take` has something."""
        return self._wakeup.fileno()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def take(self) -> list[StatusReply | None]:
        """The answers since the last call; None for a query without an answer."""
        self._wakeup.clear()
        found = []
        while self._found:
            found.append(self._found.popleft())
        return found

    def close(self) -> None:
        """Send no further query; the thread ends with its current one."""
        self._end.set()

    def _run(self) -> None:
        problem = ""
        with ControlClient(self._url) as client:
            while not self._end.wait(EVERY_S):
                try:
                    reply = client.request(self.query, StatusReply, timeout_s=TIMEOUT_S)
                except StartError as error:  # of another version
                    reply = None
                    if str(error) != problem:
                        _log.warning("portfolio's status cannot be read", error=str(error))
                    problem = str(error)
                self._found.append(reply)
                self._wakeup.set()
