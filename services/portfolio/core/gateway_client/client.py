"""Client of one gateway: it opens the session and gives each reply to the task that waits for the reply.

The reply to HELLO states whether the stream is lock-step or live, and `_choose_scheduler` selects the scheduler for
this kind. Only the schedulers and their order policies differ between the two kinds.
"""

from __future__ import annotations

from collections.abc import Sequence

from proto.codec import MalformedMessageError, decode_reply
from proto.control import DeskState, ReconcileReply
from proto.gateway import HelloReply, OrderReply, Reply
from proto.messages import Answer, Call, CallOutcome
from proto.time import US_NS
from services.portfolio.core.gateway_client.effects import Effect, ReportComparison
from services.portfolio.core.gateway_client.live_scheduler import LiveScheduler
from services.portfolio.core.gateway_client.lock_step_scheduler import LockStepScheduler
from services.portfolio.core.gateway_client.reply_events import SETTLED_STATUSES
from services.portfolio.core.gateway_client.scheduler import Scheduler
from services.portfolio.core.gateway_client.session import open_session
from services.portfolio.core.gateway_client.task_runner import (
    EXCLUSIVE,
    RequestEncoder,
    RunningTask,
    TaskRunner,
    encode_request,
)
from services.portfolio.core.state.portfolio_state import PortfolioState


class GatewayClient:
    """Sends all requests to one gateway and handles the replies."""

    def __init__(
        self, state: PortfolioState, *, timeout_ms: int, encode_request: RequestEncoder = encode_request
    ) -> None:
        """Begin with the scheduler of live streams, until the reply to HELLO selects the scheduler of the stream.

        Args:
            state: the owners of the desk's state.
            timeout_ms: how long execution waits for a reply before it answers NO_ANSWER.
            encode_request: makes the bytes of each call.
        """
        self.tasks = TaskRunner(timeout_ms=timeout_ms, on_effect=self._on_effect, encode_request=encode_request)
        self._state = state
        self._gateway_boot = ""
        self._is_comparison_asked = False
        self._comparisons: list[ReconcileReply] = []
        self._live = LiveScheduler(state, self.tasks, self.reconnect)
        self._lock_step = LockStepScheduler(state, self.tasks)
        self.scheduler: Scheduler = self._live
        state.warnings.watch_gateway(self.tasks.silence_ns)

    @property
    def is_busy(self) -> bool:
        """Whether the exclusive task runs; no tick is decided while it runs."""
        return EXCLUSIVE in self.tasks.running

    def start(self) -> list[Call]:
        """Open the first session."""
        self.tasks.set_first_call_id(self._state.stream.now.mono_ns // US_NS + 1)
        return self._open_session()

    def reconnect(self, waiting_for: str) -> list[Call]:
        """Reopen the session; `waiting_for` names the awaited event in the status shown to people."""
        self._state.stream.set_desk_state(DeskState.CONNECTING, waiting_for)
        return self._open_session()

    def on_courier_restart(self) -> list[Call]:
        """Send all open requests again, because execution has restarted and lost them."""
        self.scheduler.hurry()
        return self.tasks.resend_all(self._state.stream.now.mono_ns)

    def request_reconciliation(self) -> None:
        """Request a comparison of ledger and venue for a person; before the first session, remember the request."""
        if self._gateway_boot:
            self.scheduler.request_reconciliation()
        else:
            self._is_comparison_asked = True

    def on_idle(self) -> Sequence[Call | ReconcileReply]:
        """Start due tasks, and return the results of reconciliations that a person requested."""
        calls = self.scheduler.on_idle()
        if not self._comparisons:
            return calls
        comparisons, self._comparisons = self._comparisons, []
        return [*calls, *comparisons]

    def on_timer(self) -> list[Call]:
        """Resume tasks after their pause, and repeat unanswered requests."""
        now_ns = self._state.stream.now.mono_ns
        return self.tasks.resume_due(now_ns) + self.tasks.resend_due(now_ns)

    def on_answer(self, answer: Answer) -> list[Call]:
        """Deliver an answer to the task that waits for it."""
        stream = self._state.stream
        running = self.tasks.find(answer.call_id)
        if running is None:
            stream.count_duplicate()
            return []
        if answer.outcome is CallOutcome.NO_ANSWER:
            stream.wait_for("the gateway, which does not answer")
            return self._deliver(running, None) if running.handles_failures else []
        try:
            reply = decode_reply(answer.reply)
        except MalformedMessageError as error:
            stream.count_malformed()
            stream.wait_for(f"a gateway whose replies can be read ({error})")
            return []
        return self._on_reply(running, reply)

    def on_reply(self, call_id: int, reply: Reply) -> list[Call]:
        """Deliver a reply that was not encoded to the task that waits for it."""
        running = self.tasks.find(call_id)
        assert running is not None, call_id
        return self._on_reply(running, reply)

    def _on_reply(self, running: RunningTask, reply: Reply) -> list[Call]:
        stream = self._state.stream
        opened = self._state.account.book.stream
        if opened is not None and reply.account != opened.account:
            stream.wait_for(f"account {opened.account}: the gateway is connected to account {reply.account}")
            return []
        if stream.waiting_for and stream.desk_state is DeskState.RUNNING:
            stream.wait_for("")
        if reply.boot_id != self._gateway_boot:
            if self._gateway_boot:
                self.scheduler.on_gateway_restart()
            self._gateway_boot = reply.boot_id
        if running.handles_failures:
            return self._deliver(running, reply)
        if not isinstance(reply, running.request.reply_type):
            return self._on_refusal(running, reply)
        if isinstance(reply, OrderReply) and reply.status not in SETTLED_STATUSES:
            return []  # the request stays open until a reply has the status of the order
        return self._deliver(running, reply)

    def _deliver(self, running: RunningTask, reply: Reply | None) -> list[Call]:
        calls = self.tasks.deliver_reply(running, reply, self._state.stream.now.mono_ns)
        if running.is_done:
            self.scheduler.on_task_done()
        return calls

    def _on_refusal(self, running: RunningTask, reply: Reply) -> list[Call]:
        """Handle a refusal for a task that does not handle failures; a transiently refused request is repeated."""
        refusal = f"{running.request.__struct_config__.tag}: {reply.error_code} {reply.error}"
        if reply.error_code in self.scheduler.policy.transient_errors:
            self._state.stream.wait_for(f"the gateway, which refused {refusal}")
            return []
        self.tasks.drop(running)
        self.scheduler.on_refusal(running, reply, f"the gateway refused {refusal}")
        return []

    def _open_session(self) -> list[Call]:
        session = open_session(self._state, self._choose_scheduler)
        return self.tasks.start(EXCLUSIVE, session, self._state.stream.now.mono_ns)

    def _choose_scheduler(self, hello: HelloReply) -> Scheduler:
        self._state.stream.set_window(hello.window)
        self.scheduler = self._lock_step if hello.window else self._live
        if self._is_comparison_asked:
            self._is_comparison_asked = False
            self.scheduler.request_reconciliation()
        return self.scheduler

    def _on_effect(self, effect: Effect) -> None:
        if isinstance(effect, ReportComparison):
            self._comparisons.append(effect.reply)
        else:
            self.scheduler.on_effect(effect)
