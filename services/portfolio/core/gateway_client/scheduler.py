"""Interface of both schedulers; the gateway's HELLO decides which of them is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from proto.gateway import HelloReply, Reply
from proto.messages import Call, MarketHeartbeat, Signal, Tick
from services.portfolio.core.account.events import Event
from services.portfolio.core.decision.signal_queue import SignalQueue
from services.portfolio.core.gateway_client.effects import Effect
from services.portfolio.core.gateway_client.order_policy import OrderPolicy
from services.portfolio.core.gateway_client.task_runner import GatewayTask, RunningTask

Decide = Callable[[Signal], list[Call]]


class Scheduler(Protocol):
    """When ticks are decided, and which tasks run beside the decisions."""

    @property
    def policy(self) -> OrderPolicy:
        """The order policy of the stream."""

    # ------------------------------------------------------------------------------------ the session with the gateway

    def stream_problem(self, hello: HelloReply) -> str:
        """Why the desk cannot take up the gateway's stream; empty where it can."""

    def incarnation(self, hello: HelloReply) -> str:
        """First characters of the stream's order ids."""

    def on_hello(self, hello: HelloReply) -> None:
        """Apply HELLO; the desk has taken up the gateway's stream."""

    def settle(self) -> GatewayTask:
        """Settle what an earlier process left open, book missed deals, reconcile, and enter the desk's next state."""

    def on_gateway_restart(self) -> None:
        """The gateway has restarted."""

    # ---------------------------------------------------------------------------------------------- ticks and decisions

    def on_market_data(self, message: Tick | MarketHeartbeat) -> None:
        """Note the market's clock and quotes."""

    def make_room(self, queue: SignalQueue) -> bool:
        """Make room in a full queue; False where the new signal is to be dropped."""

    def advance(self, queue: SignalQueue, decide: Decide) -> list[Call]:
        """Decide the signals that are due."""

    def send(self, events: Sequence[Event]) -> list[Call]:
        """Send the requests that events imply, at once."""

    # ------------------------------------------------------------------------------------------------- time and answers

    def on_idle(self) -> list[Call]:
        """Continue when no input is waiting."""

    def next_due_ns(self, queued: int) -> int | None:
        """When `on_timer` is next due while the desk runs and `queued` signals wait; None for never."""

    def on_timer(self) -> list[Call]:
        """Start due tasks while the desk runs."""

    def on_task_done(self) -> None:
        """A task has ended with an answer."""

    def hurry(self) -> None:
        """Let the next timer be due at once: execution has restarted."""

    def on_effect(self, effect: Effect) -> None:
        """Carry out what a task asks for."""

    def on_refusal(self, running: RunningTask, reply: Reply, text: str) -> None:
        """A task that cannot do without an answer was refused; it has been dropped."""

    # --------------------------------------------------------------------------------------------------------- commands

    def request_reconciliation(self) -> None:
        """Compare ledger and venue at the next quiet moment, for a person."""

    def drain(self) -> bool:
        """Stop deciding; True while market orders await their outcome."""
