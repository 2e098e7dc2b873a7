"""Runs tasks that send requests to the gateway through execution; each task has at most one open request.

A task is a generator that yields requests and receives the replies, so that its code follows the order of the
messages. A task may also yield effects, which its scheduler carries out. An unanswered request is repeated after a
pause, with the same call id and the same bytes, and the repetition has no further effect. A task that handles failures
receives None if no answer arrives in time, and also receives refusals. For other tasks the request stays open until it
is answered, and `client.py` handles refusals.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final

from msgspec import Raw

from proto.codec import encode
from proto.gateway import Buy, Reply, Request, Sell
from proto.messages import Call
from services.portfolio.core.gateway_client.effects import Effect, Pause

GatewayTask = Generator[Request | Effect, Reply | None, None]

RequestEncoder = Callable[[Request], Raw]
"""Makes the bytes of a call from its request."""

_ORDERS: Final = (Buy, Sell)

EXCLUSIVE: Final = "exclusive"
"""Name of the task during which no tick is decided."""

RESEND_NS_FIRST: Final = 250_000_000
RESEND_NS_MAX: Final = 2_000_000_000
SILENCE_GRACE_NS: Final = 1_000_000_000
"""Time that a task that handles failures waits after execution's timeout before it continues without a reply."""


def encode_request(request: Request) -> Raw:
    """The request as it is sent to the gateway."""
    return Raw(encode(request))


class RunningTask:
    """One task and its open request."""

    __slots__ = (
        "asked_mono_ns",
        "call",
        "handles_failures",
        "is_done",
        "name",
        "pause_ns",
        "request",
        "resend_mono_ns",
        "task",
    )

    def __init__(self, name: str, task: GatewayTask, *, handles_failures: bool) -> None:
        """Start without a request; `TaskRunner.start` sends the first."""
        self.name = name
        self.task = task
        self.handles_failures = handles_failures
        self.is_done = False
        self.call: Call
        self.request: Request
        self.asked_mono_ns = 0
        self.resend_mono_ns = 0
        self.pause_ns = RESEND_NS_FIRST


class TaskRunner:
    """The running tasks by name, and the open requests by call id."""

    def __init__(
        self,
        *,
        timeout_ms: int,
        on_effect: Callable[[Effect], None],
        encode_request: RequestEncoder = encode_request,
    ) -> None:
        """Start without a task.

        Args:
            timeout_ms: how long execution waits for a reply before it answers NO_ANSWER.
            on_effect: called for each effect other than a pause.
            encode_request: makes the bytes of each call.
        """
        self.running: dict[str, RunningTask] = {}
        self._timeout_ms = timeout_ms
        self._on_effect = on_effect
        self._encode_request = encode_request
        self._next_call_id = 1
        self._open: dict[int, RunningTask] = {}
        self._paused_until_ns: dict[str, int] = {}
        """Monotonic time at which the pause of each paused task ends."""
        self._unanswered_since_ns: int | None = None

    def silence_ns(self, mono_ns: int) -> int:
        """Nanoseconds for which no open request has been answered; 0 while none is open."""
        return 0 if self._unanswered_since_ns is None or not self._open else mono_ns - self._unanswered_since_ns

    def __len__(self) -> int:
        """Number of requests that wait for an answer."""
        return len(self._open)

    def set_first_call_id(self, first_call_id: int) -> None:
        """Set the id of the first call.

        Args:
            first_call_id: above every id of an earlier process, so that a late answer to an earlier process matches no
                call of this process. The host's monotonic clock in microseconds satisfies this.
        """
        self._next_call_id = first_call_id

    def start(self, name: str, task: GatewayTask, mono_ns: int, *, handles_failures: bool = False) -> list[Call]:
        """Start a task under an unused name and return its first request, if it has one."""
        assert name not in self.running, name
        running = self.running[name] = RunningTask(name, task, handles_failures=handles_failures)
        return self._proceed(running, None, mono_ns)

    def find(self, call_id: int) -> RunningTask | None:
        """The task that waits for the answer to this call; None if no task does."""
        return self._open.get(call_id)

    def deliver_reply(self, running: RunningTask, reply: Reply | None, mono_ns: int) -> list[Call]:
        """Give a task its reply, or None for no answer, and return its next request, if it has one."""
        del self._open[running.call.call_id]
        if reply is not None:
            self._unanswered_since_ns = mono_ns if self._open else None
        return self._proceed(running, reply, mono_ns)

    def resume_due(self, mono_ns: int) -> list[Call]:
        """Resume the tasks whose pause is over, and the failure-handling tasks that got no answer in time."""
        paused = [self.running[name] for name, due_ns in self._paused_until_ns.items() if due_ns <= mono_ns]
        for running in paused:
            del self._paused_until_ns[running.name]
        unanswered = [
            running
            for running in self._open.values()
            if running.handles_failures and self._failure_deadline_ns(running) <= mono_ns
        ]
        for running in unanswered:
            del self._open[running.call.call_id]
        return [call for running in (*paused, *unanswered) for call in self._proceed(running, None, mono_ns)]

    def resume(self, name: str, mono_ns: int) -> list[Call]:
        """If the task is paused, resume it and return its next request, if it has one."""
        return [] if self._paused_until_ns.pop(name, None) is None else self._proceed(self.running[name], None, mono_ns)

    def drop(self, running: RunningTask) -> None:
        """End a task and its open request."""
        self._open.pop(running.call.call_id, None)
        if not self._open:
            self._unanswered_since_ns = None
        self._end(running)

    def resend_all(self, mono_ns: int) -> list[Call]:
        """Repeat every open request, because execution may have lost them."""
        return [self._repeat(running, mono_ns) for running in self._open.values()]

    def resend_due(self, mono_ns: int) -> list[Call]:
        """Repeat the open requests that are due for repetition."""
        return [self._repeat(running, mono_ns) for running in self._open.values() if running.resend_mono_ns <= mono_ns]

    def next_due_mono_ns(self, default_ns: int) -> int:
        """Monotonic time in nanoseconds of the next repetition, deadline or end of a pause; else `default_ns`."""
        dues = [*self._paused_until_ns.values()]
        for running in self._open.values():
            dues.append(running.resend_mono_ns)
            if running.handles_failures:
                dues.append(self._failure_deadline_ns(running))
        return min(dues, default=default_ns)

    def _failure_deadline_ns(self, running: RunningTask) -> int:
        return running.asked_mono_ns + self._timeout_ms * 1_000_000 + SILENCE_GRACE_NS

    def _proceed(self, running: RunningTask, reply: Reply | None, mono_ns: int) -> list[Call]:
        task = running.task
        try:
            request = task.send(reply)
            while isinstance(request, Effect):
                if isinstance(request, Pause):
                    self._paused_until_ns[running.name] = mono_ns + request.ns
                    return []
                self._on_effect(request)
                request = task.send(None)
        except StopIteration:
            self._end(running)
            return []
        ordered_mono_ns = mono_ns if isinstance(request, _ORDERS) else 0
        call = Call(self._next_call_id, self._timeout_ms, ordered_mono_ns, self._encode_request(request))
        self._next_call_id += 1
        running.request, running.call = request, call
        running.asked_mono_ns = mono_ns
        running.pause_ns = RESEND_NS_FIRST
        running.resend_mono_ns = mono_ns + RESEND_NS_FIRST
        self._open[call.call_id] = running
        if self._unanswered_since_ns is None:
            self._unanswered_since_ns = mono_ns
        return [call]

    def _end(self, running: RunningTask) -> None:
        running.is_done = True
        del self.running[running.name]

    @staticmethod
    def _repeat(running: RunningTask, mono_ns: int) -> Call:
        running.pause_ns = min(running.pause_ns * 2, RESEND_NS_MAX)
        running.resend_mono_ns = mono_ns + running.pause_ns
        return running.call
