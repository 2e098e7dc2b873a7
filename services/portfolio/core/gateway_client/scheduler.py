"""Interface of the schedulers for lock-step and live streams. The reply to HELLO determines which one is used."""

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
    """Determines when ticks are decided and which tasks run."""

    @property
    def policy(self) -> OrderPolicy:
        """The order policy of the stream."""

    # ------------------------------------------------------------------------------------ the session with the gateway

    def stream_problem(self, hello: HelloReply) -> str:
        """Why the desk cannot continue with the gateway's stream; empty if it can."""

    def incarnation(self, hello: HelloReply) -> str:
        """The incarnation that the stream's order ids begin with."""

    def on_hello(self, hello: HelloReply) -> None:
        """Apply the reply to HELLO after the desk has accepted the gateway's stream."""

    def settle(self) -> GatewayTask:
        """Finish the open work of an earlier process: book missed deals, reconcile, and set the next desk state."""

    def on_gateway_restart(self) -> None:
        """React to a restart of the gateway."""

    # ---------------------------------------------------------------------------------------------- ticks and decisions

    def on_market_data(self, message: Tick | MarketHeartbeat) -> None:
        """Record the venue time and the quotes of a message."""

    def drop_queued_signal(self, queue: SignalQueue) -> bool:
        """Drop a signal from a full queue; return False if the new signal is to be dropped instead."""

    def advance(self, queue: SignalQueue, decide: Decide) -> list[Call]:
        """Decide the signals that are due."""

    def pass_over(self, ordinal: int) -> None:
        """Note that the ticks up to `ordinal` were recorded without a decision, as a backtest does."""

    def send(self, events: Sequence[Event]) -> list[Call]:
        """Return the requests that the events require, to be sent at once."""

    # ------------------------------------------------------------------------------------------------- time and answers

    def on_idle(self) -> list[Call]:
        """Start the work that waits until no further input is available."""

    def next_due_ns(self, queued: int) -> int | None:
        """Return the monotonic time in nanoseconds at which `on_timer` is next due while the desk runs; None for never.

        Args:
            queued: number of waiting signals.
        """

    def on_timer(self) -> list[Call]:
        """Start the tasks that are due; called only while the desk runs."""

    def on_task_done(self) -> None:
        """React to the end of a task."""

    def hurry(self) -> None:
        """Make the next timer due at once, because execution has restarted."""

    def on_effect(self, effect: Effect) -> None:
        """Carry out an effect that a task requests."""

    def on_refusal(self, running: RunningTask, reply: Reply, text: str) -> None:
        """React to a refusal of a task that does not handle failures; the task has been dropped."""

    # --------------------------------------------------------------------------------------------------------- commands

    def request_reconciliation(self) -> None:
        """Compare ledger and venue for a person, as soon as no other task prevents it."""

    def drain(self) -> bool:
        """Decide no further signals; return whether the process must still wait for the outcome of a market order."""
