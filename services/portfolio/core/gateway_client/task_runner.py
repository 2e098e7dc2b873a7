"""Tasks that ask the gateway through execution: one question at a time each, answered whatever gets lost.

A task is a generator that yields gateway requests and is sent the replies, so that "ask, then ask about what was answered"
reads from top to bottom. A question stays open until it is answered: it is sent again, with the same call id and the same
bytes, after a while without an answer. Whether it may be asked twice is the request's affair; all of ours may. A task may
also yield a `Pause`. One that handles failures is sent None where no answer came, and refusals as they are; for the others
the runner asks again, and the portfolio deals with refusals.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from msgspec import Raw, Struct

from proto.codec import encode
from proto.gateway import (
    AccountReply,
    Buy,
    Cancel,
    Confirm,
    ConfirmReply,
    DealsReply,
    GetAccount,
    GetDeals,
    GetOrders,
    GetPositions,
    GetSymbolInfo,
    Hello,
    HelloReply,
    Modify,
    ModifyReply,
    OrderReply,
    OrdersReply,
    OrderStatusQuery,
    PositionsReply,
    Reply,
    Request,
    Sell,
    SymbolReply,
)
from proto.messages import Call


class Pause(Struct, frozen=True):
    """Go on after this long."""

    ns: int


GatewayTask = Generator[Request | Pause, Reply | None, None]

RESEND_NS_FIRST: Final = 250_000_000
RESEND_NS_MAX: Final = 2_000_000_000
SILENCE_GRACE_NS: Final = 1_000_000_000
"""How much longer than execution's own patience a task that handles failures waits, where execution itself is away."""


REPLY_TYPES: Final[dict[type, type]] = {
    Hello: HelloReply,
    GetSymbolInfo: SymbolReply,
    GetDeals: DealsReply,
    GetAccount: AccountReply,
    GetOrders: OrdersReply,
    GetPositions: PositionsReply,
    Confirm: ConfirmReply,
    Buy: OrderReply,
    Sell: OrderReply,
    Cancel: OrderReply,
    OrderStatusQuery: OrderReply,
    Modify: ModifyReply,
}
"""The kind of reply that each of our questions asks for; any other is a refusal."""


class RunningTask:
    """One generator and the question it waits for."""

    __slots__ = (
        "asked_mono_ns",
        "call",
        "handles_failures",
        "is_done",
        "pause_ns",
        "request",
        "resend_mono_ns",
        "task",
    )

    def __init__(self, task: GatewayTask, *, handles_failures: bool) -> None:
        """Nothing is asked before `TaskRunner.start`."""
        self.task = task
        self.handles_failures = handles_failures
        self.is_done = False
        self.call: Call
        self.request: Request
        self.asked_mono_ns = 0
        self.resend_mono_ns = 0
        self.pause_ns = RESEND_NS_FIRST


class TaskRunner:
    """All open questions, by call id."""

    def __init__(self, *, timeout_ms: int) -> None:
        """`timeout_ms` is what execution waits before it says NO_ANSWER."""
        self._timeout_ms = timeout_ms
        self._next_call_id = 1
        self._open: dict[int, RunningTask] = {}
        self._asleep: list[tuple[int, RunningTask]] = []
        self._unanswered_since_ns: int | None = None

    def silence_ns(self, mono_ns: int) -> int:
        """For how long no open question has been answered; 0 while none is open."""
        return 0 if self._unanswered_since_ns is None or not self._open else mono_ns - self._unanswered_since_ns

    def __len__(self) -> int:
        """How many questions wait for an answer."""
        return len(self._open)

    def set_first_call_id(self, first_call_id: int) -> None:
        """Count call ids from here.

        Each start of a process begins above every id of the one before, which the microseconds of the host's monotonic
        clock are: a late answer to the earlier process must not be taken for an answer to this one.
        """
        self._next_call_id = first_call_id

    def start(
        self, task: GatewayTask, mono_ns: int, *, handles_failures: bool = False
    ) -> tuple[RunningTask, Call | None]:
        """Begin a task; the call is its first question, None when it has nothing to ask (yet)."""
        running = RunningTask(task, handles_failures=handles_failures)
        return running, self._proceed(running, None, mono_ns)

    def find(self, call_id: int) -> RunningTask | None:
        """The task that waits for this call, None when nobody does (any more)."""
        return self._open.get(call_id)

    def deliver_reply(self, running: RunningTask, reply: Reply | None, mono_ns: int) -> Call | None:
        """Give a task its reply and return its next question, None when it is done or pauses."""
        del self._open[running.call.call_id]
        if reply is not None:
            self._unanswered_since_ns = mono_ns if self._open else None
        return self._proceed(running, reply, mono_ns)

    def resume_due(self, mono_ns: int) -> list[tuple[RunningTask, Call | None]]:
        """Go on with those whose pause is over, and with those that handle failures and were left without an answer."""
        rested = [running for due_ns, running in self._asleep if due_ns <= mono_ns]
        self._asleep = [(due_ns, running) for due_ns, running in self._asleep if due_ns > mono_ns]
        unheard = [
            running
            for running in self._open.values()
            if running.handles_failures and self._failure_deadline_ns(running) <= mono_ns
        ]
        for running in unheard:
            del self._open[running.call.call_id]
        return [(running, self._proceed(running, None, mono_ns)) for running in (*rested, *unheard)]

    def wake(self, running: RunningTask) -> None:
        """End its pause, if it has one."""
        self._asleep = [(0 if one is running else due_ns, one) for due_ns, one in self._asleep]

    def drop(self, running: RunningTask) -> None:
        """Stop waiting: a later question makes this one needless."""
        self._open.pop(running.call.call_id, None)
        if not self._open:
            self._unanswered_since_ns = None
        running.is_done = True

    def resend_all(self, mono_ns: int) -> list[Call]:
        """Every open question again: whoever carried them may have lost them."""
        return [self._again(running, mono_ns) for running in self._open.values()]

    def resend_due(self, mono_ns: int) -> list[Call]:
        """The questions that have waited long enough to be asked again."""
        return [self._again(running, mono_ns) for running in self._open.values() if running.resend_mono_ns <= mono_ns]

    def next_due_mono_ns(self) -> int | None:
        """When the next question would be asked again, or a pause ends; None when nothing is open."""
        dues = [due_ns for due_ns, _ in self._asleep]
        for running in self._open.values():
            dues.append(running.resend_mono_ns)
            if running.handles_failures:
                dues.append(self._failure_deadline_ns(running))
        return min(dues, default=None)

    def _failure_deadline_ns(self, running: RunningTask) -> int:
        return running.asked_mono_ns + self._timeout_ms * 1_000_000 + SILENCE_GRACE_NS

    def _proceed(self, running: RunningTask, reply: Reply | None, mono_ns: int) -> Call | None:
        try:
            request = running.task.send(reply)
        except StopIteration:
            running.is_done = True
            return None
        if isinstance(request, Pause):
            self._asleep.append((mono_ns + request.ns, running))
            return None
        ordered_mono_ns = mono_ns if isinstance(request, Buy | Sell) else 0
        call = Call(self._next_call_id, self._timeout_ms, ordered_mono_ns, Raw(encode(request)))
        self._next_call_id += 1
        running.request, running.call = request, call
        running.asked_mono_ns = mono_ns
        running.pause_ns = RESEND_NS_FIRST
        running.resend_mono_ns = mono_ns + RESEND_NS_FIRST
        self._open[call.call_id] = running
        if self._unanswered_since_ns is None:
            self._unanswered_since_ns = mono_ns
        return call

    @staticmethod
    def _again(running: RunningTask, mono_ns: int) -> Call:
        running.pause_ns = min(running.pause_ns * 2, RESEND_NS_MAX)
        running.resend_mono_ns = mono_ns + running.pause_ns
        return running.call
