"""A backtest under the order policy of a live desk, in simulated time that advances from one due time to the next.

As in `paperdesk run`, the venue does not wait for the desk. Orders have deadlines, and portfolio needs the lease to
open exposure. Portfolio polls open orders at the intervals of a live desk, and may fence them or treat them as in
doubt. It requests deals once a second. With `polls_at_each_tick` it polls every open order at each tick, before the
decision. Messages take no time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from marketdata.tick_stream import TickStream
from proto.control import DeskState, ReconcileCommand, ReconcileReply
from proto.messages import Call, Tick
from proto.time import Now
from research.in_process_desk import COMMIT_EVERY_TICKS, PROGRESS_EVERY_TICKS, BacktestProgress, InProcessDesk
from research.run_spec import RunSpec
from research.unstored_ledger import RunLedger
from services.mt5.core.gateway.journal import Journal
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.book_store import BookStore
from services.portfolio.core.account.events import Reconciled, StreamEnded
from services.portfolio.core.gateway_client.effects import PullDeals
from services.portfolio.core.portfolio import Output

START_NS: Final = 1_000_000_000
"""Monotonic time at the first tick; above 0, so that no code can rely on a clock that starts at 0."""

HELLO_EVERY_NS: Final = 500_000_000
"""Interval between the hellos of a signal process."""

FINAL_COMPARISON_NS_MAX: Final = 10_000_000_000
"""Longest duration of the final reconciliation, which is repeated after a second if it finds differences."""


class LiveBacktest(InProcessDesk):
    """One run of a live desk, in simulated time."""

    pace = Pace(window=0, factor=1.0)
    polls_at_each_tick = False
    """Whether every open order is polled at each tick, before the decision."""

    def __init__(
        self, spec: RunSpec, stream: TickStream, ledger: RunLedger, journal: Journal, store: BookStore
    ) -> None:
        """Compose the cores; see `InProcessDesk`."""
        super().__init__(spec, stream, ledger, journal, store)
        self._hello_due_ns = START_NS
        self._comparison: ReconcileReply | None = None

    def run(self, progress: Callable[[BacktestProgress], None] | None = None) -> None:
        """Process every tick, reconcile, and end the stream. Afterwards the desk is FINISHED, or FAILED."""
        self._set_clock(START_NS)
        self._settle(self._portfolio.start(self._now))
        stream, cursor = self._stream, self.state.stream.cursor
        for ordinal in range(1, cursor.ordinal + 1):
            # Portfolio processed this tick in an earlier, interrupted run; only the engines need it again.
            tick = stream.tick_at(ordinal)
            if tick.symbol in self._engines:
                self._signal(tick)
        while (due_ns := self._gateway.publisher.next_timer()) is not None:
            if self.state.stream.desk_state is DeskState.FAILED:
                break
            self._advance_to(due_ns)
            for published in self._gateway.on_timer(self._now):
                self._process(published)
                if published.ordinal % COMMIT_EVERY_TICKS == 0:
                    self._commit()
                if progress is not None and published.ordinal % PROGRESS_EVERY_TICKS == 0:
                    progress(self._progress())
        if self.state.stream.desk_state is not DeskState.FAILED:
            self._finish()
        self._commit()
        if progress is not None:
            progress(self._progress())

    def _process(self, tick: Tick) -> None:
        """Pass a tick and its signal to portfolio."""
        self._settle(self._portfolio.handle(tick, self._now))
        if self.polls_at_each_tick:
            self._poll_orders()
        if tick.symbol in self._engines:
            self._settle(self._portfolio.handle(self._signal(self._stream.tick_at(tick.ordinal)), self._now))

    def _poll_orders(self) -> None:
        """Poll every open order now, without waiting for its next poll, and request the new deals."""
        client = self._portfolio.client
        calls: list[Call] = []
        for order_id in list(self.state.account.book.open_orders):
            calls += client.tasks.resume(order_id, self._now.mono_ns)
        client.scheduler.on_effect(PullDeals())
        self._settle([*calls, *self._portfolio.on_idle(self._now)])

    def _advance_to(self, until_ns: int) -> None:
        """Advance the clock to `until_ns`, and run every timer at its due time."""
        while (due_ns := min(self._hello_due_ns, self._portfolio.next_timer())) < until_ns:
            self._set_clock(max(self._now.mono_ns, due_ns))
            if self._now.mono_ns >= self._hello_due_ns:
                self._hello_due_ns = self._now.mono_ns + HELLO_EVERY_NS
                self._settle(self._portfolio.handle(self._hello(), self._now))
            else:
                self._settle(self._portfolio.on_timer(self._now))
        self._set_clock(max(self._now.mono_ns, until_ns))

    def _set_clock(self, mono_ns: int) -> None:
        self._now = Now(self._gateway.domain_ns(mono_ns), mono_ns)

    def _finish(self) -> None:
        """Compare the ledger with the venue, and end the stream in the ledger."""
        stream, account = self.state.stream, self.state.account
        self._poll_orders()
        self._settle(self._portfolio.handle(ReconcileCommand(), self._now))
        end_ns = self._now.mono_ns + FINAL_COMPARISON_NS_MAX
        while self._comparison is None and self._now.mono_ns < end_ns:
            self._advance_to(self._now.mono_ns + HELLO_EVERY_NS)
        cursor, counts = stream.cursor, self._stream.counts
        account.emit(
            StreamEnded(stream_id=cursor.stream_id, ordinal=cursor.ordinal, time_ns=cursor.time_ns, counts=counts)
        )
        if self._comparison is not None:
            differences, balance = self._comparison.differences, account.book.balance
            account.emit(Reconciled(ordinal=cursor.ordinal, at_end=True, balance=balance, differences=differences))
        stream.set_desk_state(DeskState.FINISHED)

    def _settle(self, outputs: Sequence[Output]) -> None:
        """Answer every call to the gateway, and every call that results from an answer or from `on_idle`."""
        while outputs:
            for output in outputs:
                if isinstance(output, ReconcileReply):
                    self._comparison = output
            super()._settle([output for output in outputs if isinstance(output, Call)])
            outputs = self._portfolio.on_idle(self._now)
