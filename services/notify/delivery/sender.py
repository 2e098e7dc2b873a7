"""Sending in the background: one thread for each target, so that a target that hangs delays no other one.

A service that answers byte by byte can hold a thread for as long as it likes. After `SEND_S_MAX` the message counts as
not accepted, and the thread is left behind; its message may still arrive, and has the key of the next try.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from common.clock import mono_ns
from common.logs import get_logger
from common.wakeup import Wakeup
from proto.control import Severity
from proto.time import SECOND_NS

SEND_S_MAX: Final = 60
"""Seconds after which a message counts as not accepted."""

LEFT_BEHIND_MAX: Final = 4
"""Threads of one target that may still be busy with messages of earlier tries."""

_log = get_logger()


class Target(Protocol):
    """What a message can be sent to."""

    def send(self, title: str, body: str, severity: Severity) -> str:
        """Send a message and wait; return why it was not accepted, empty if it was."""


class OutgoingMessage(NamedTuple):
    """A message for a target; `number` identifies it in the result."""

    number: int
    target: str
    title: str
    body: str
    severity: Severity


class DeliveryResult(NamedTuple):
    """The result of one message; `error` is why it was not accepted, without secrets, and empty if it was."""

    number: int
    target: str
    error: str


class _Try:
    """One message on its way."""

    def __init__(self, message: OutgoingMessage) -> None:
        self.message = message
        self.deadline_ns = mono_ns() + SEND_S_MAX * SECOND_NS
        self.is_given_up = False


class Sender:
    """Sends messages to targets, at most one at a time to each; used by the thread of an event loop."""

    def __init__(self, targets: Mapping[str, Target]) -> None:
        """Begin without threads; each starts with a target's first message."""
        self._targets = dict(targets)
        self._lock = threading.Lock()
        self._underway: dict[str, _Try] = {}
        self._left_behind: dict[str, int] = dict.fromkeys(targets, 0)
        self._results: deque[DeliveryResult] = deque()
        self._wakeup = Wakeup()

    def fileno(self) -> int:
        """The descriptor to poll: readable when `results` has something."""
        return self._wakeup.fileno()

    def is_busy(self, target: str) -> bool:
        """Whether a message to the target is on its way."""
        with self._lock:
            return target in self._underway

    def send(self, message: OutgoingMessage) -> None:
        """Send a message in the background; its result comes by `results`.

        The target must not be busy.
        """
        with self._lock:
            assert message.target in self._targets, message.target
            assert message.target not in self._underway, message.target
            if self._left_behind[message.target] >= LEFT_BEHIND_MAX:
                error = f"{LEFT_BEHIND_MAX} earlier tries have not ended: the service does not end its answers"
                self._results.append(DeliveryResult(message.number, message.target, error))
                self._wakeup.set()
                return
            attempt = self._underway[message.target] = _Try(message)
        threading.Thread(target=self._run, args=(attempt,), name=f"send-{message.target}", daemon=True).start()

    def results(self) -> list[DeliveryResult]:
        """The results since the last call; call it when `fileno` is readable, and about once a second."""
        self._wakeup.clear()
        with self._lock:
            for target, attempt in list(self._underway.items()):
                if mono_ns() >= attempt.deadline_ns:
                    attempt.is_given_up = True
                    self._left_behind[target] += 1
                    del self._underway[target]
                    error = f"no complete answer within {SEND_S_MAX} s"
                    self._results.append(DeliveryResult(attempt.message.number, target, error))
            found = list(self._results)
            self._results.clear()
        return found

    def close(self) -> None:
        """Forget the messages that are on their way; their threads end with the process."""
        with self._lock:
            for attempt in self._underway.values():
                attempt.is_given_up = True
            self._underway.clear()
            self._results.clear()
        self._wakeup.close()

    def _run(self, attempt: _Try) -> None:
        message = attempt.message
        error = self._targets[message.target].send(message.title, message.body, message.severity)
        with self._lock:
            if attempt.is_given_up:
                self._left_behind[message.target] = max(0, self._left_behind[message.target] - 1)
                return
            del self._underway[message.target]
            self._results.append(DeliveryResult(message.number, message.target, error))
            self._wakeup.set()
