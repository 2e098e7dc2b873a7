"""The core of portfolio decides signals, makes orders and books deals.

`start`, `handle`, `on_idle` and `on_timer` return calls to the gateway and replies to people. The account's
`take_events` returns the events that caused these outputs. The caller must commit the events, together with the cursor,
before it sends an output. The signals of a lock-step stream are decided in the order of its ticks:

    signal n and the deals up to tick n are known -> book, mark, decide, make orders -> (commit) -> send them, book
    their deals -> (commit) -> CONFIRM(n)

The signals of a live stream are decided in the order in which they arrive. `gateway_client/client.py` opens the session
and selects the scheduler for the kind of stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from marketdata.tick_bounds import TickBounds
from proto.control import DeskCommand, DeskState, ReconcileCommand, ReconcileReply
from proto.core import Core
from proto.gateway import Reply, Request
from proto.messages import (
    STRATEGY_FAULT,
    WATCHED,
    Answer,
    Call,
    CourierHello,
    MarketHeartbeat,
    Signal,
    SignalHello,
    Tick,
)
from proto.time import Now
from services.portfolio.core.account.events import OrderCreated
from services.portfolio.core.accounting.equity_curve import equity_point
from services.portfolio.core.decision.bounds import add_desk_bounds
from services.portfolio.core.decision.commands import CommandReply, apply_command
from services.portfolio.core.decision.equity_scan import EquityScan
from services.portfolio.core.decision.escalation import resume_after_day_end, watch_equity
from services.portfolio.core.decision.signal_decision import point_size, update_risk_from_tick
from services.portfolio.core.decision.signal_queue import QUEUED_SIGNALS_MAX, SignalQueue
from services.portfolio.core.decision.sizing_inputs import half_lives_min
from services.portfolio.core.decision.standing_decision import StandingDecision, standing_decision
from services.portfolio.core.decision.tick_decision import decide_tick
from services.portfolio.core.gateway_client.client import GatewayClient
from services.portfolio.core.gateway_client.task_runner import RequestEncoder, encode_request
from services.portfolio.core.queries.denial_hints import with_hint
from services.portfolio.core.risk.registry import active_rules
from services.portfolio.core.state.passed_ticks import PassedTicks
from services.portfolio.core.state.portfolio_state import PortfolioState
from services.portfolio.core.state.signal_conditions import show_signal_health, signal_from_market
from services.portfolio.core.state.signal_health import SignalHealth

SIGNAL_CHECK_NS: Final = 250_000_000
"""Interval of the health checks of the signal processes: short enough to report changes within three seconds."""

Message = Signal | Answer | Tick | MarketHeartbeat | SignalHello | CourierHello | DeskCommand | ReconcileCommand
Output = Call | CommandReply | ReconcileReply


class Portfolio(Core[Message, Output]):
    """One desk: its state, its queue of signals, and its client of the gateway."""

    def __init__(
        self, state: PortfolioState, *, timeout_ms: int, encode_request: RequestEncoder = encode_request
    ) -> None:
        """Run a desk.

        Args:
            state: the owners of the desk's state.
            timeout_ms: how long execution waits for each reply before it reports NO_ANSWER.
            encode_request: makes the bytes of each call. A caller in the gateway's process needs none: it takes the
                request from `request_of` and returns the reply to `on_reply`.
        """
        self.state = state
        self._stream, self._account, self._latencies = state.stream, state.account, state.latencies
        self.client = GatewayClient(state, timeout_ms=timeout_ms, encode_request=encode_request)
        self._queue = SignalQueue()
        self._signals = SignalHealth()
        self._signals_due_ns = 0
        self._unattended: frozenset[str] = frozenset()
        rules = active_rules(state.config.limits, state.config.plan)
        self._spread, self._equity = rules.needs_spread, rules.needs_equity
        self._equity_watches = rules.equity_watches
        self.equity_scan = EquityScan(state, rules)
        """The equity of ticks that a backtest passes over."""
        self._half_lives_min = half_lives_min(state.config.plan, state.config.symbols)

    # ------------------------------------------------------------------------------------------- what the shell calls

    def start(self, now: Now) -> Sequence[Output]:
        """Open the session with the gateway, settle the open orders, and reconcile."""
        self._stream.begin_turn(now)
        self._latencies.start(now.mono_ns)
        return self.client.start()

    def handle(self, message: Message, now: Now) -> Sequence[Output]:
        """Handle one message. The reply to a command is the last output; the reply to RECONCILE follows later."""
        self._stream.begin_turn(now)
        match message:
            case Signal():
                return self._on_signal(message)
            case Answer():
                return self.client.on_answer(message) or self._advance()
            case Tick() | MarketHeartbeat():
                return self._on_market_data(message)
            case SignalHello():
                self._signals.on_hello(message, now.mono_ns)
                self._check_signals()
                return []
            case CourierHello():
                return self.client.on_courier_restart()
            case ReconcileCommand():
                self.client.request_reconciliation()
                return []
            case _:
                return self._on_command(message)

    def request_of(self, call: Call) -> Request:
        """The request of an open call."""
        running = self.client.tasks.find(call.call_id)
        assert running is not None, call
        return running.request

    def on_reply(self, call: Call, reply: Reply, now: Now) -> Sequence[Output]:
        """Handle the reply to an open call, as `handle` does with an `Answer`, whose reply is encoded."""
        self._stream.begin_turn(now)
        return self.client.on_reply(call.call_id, reply) or self._advance()

    def on_idle(self, now: Now) -> Sequence[Output]:
        """Confirm decided ticks and start due tasks; called when no more input is available."""
        self._stream.begin_turn(now)
        stream = self._stream
        if stream.desk_state is DeskState.WAITING_FOR_SIGNALS and self._signals.has_heard_of(
            self.state.config.symbols, stream.cursor.stream_id
        ):
            stream.set_desk_state(DeskState.RUNNING)
            self.client.scheduler.on_task_done()
        return self.client.on_idle()

    def next_timer(self) -> int:
        """Return the monotonic time at which `on_timer` is next due.

        It is due for a repeated request, the end of a pause, a periodic task, or a check of the signal processes.
        """
        due_ns = min(self._signals_due_ns, self.client.tasks.next_due_mono_ns(self._signals_due_ns))
        if self._stream.desk_state is not DeskState.RUNNING:
            return due_ns
        scheduled_ns = self.client.scheduler.next_due_ns(len(self._queue))
        return due_ns if scheduled_ns is None else min(due_ns, scheduled_ns)

    def on_timer(self, now: Now) -> Sequence[Output]:
        """Repeat unanswered requests and run due tasks."""
        self._stream.begin_turn(now)
        if now.mono_ns >= self._signals_due_ns:
            self._check_signals()
        calls = self.client.on_timer() + self._advance()
        return calls + self.client.scheduler.on_timer() if self._stream.desk_state is DeskState.RUNNING else calls

    def drain(self) -> bool:
        """Decide no further signals; return whether the process must still wait for the outcome of a market order."""
        return self.client.scheduler.drain()

    @property
    def is_busy(self) -> bool:
        """Whether a running task of the gateway client prevents decisions."""
        return self.client.is_busy

    @property
    def queued_signals(self) -> int:
        """Number of queued signals."""
        return len(self._queue)

    @property
    def in_flight(self) -> int:
        """Number of requests to the gateway that wait for an answer."""
        return len(self.client.tasks)

    # ---------------------------------------------------------------------------------------------------- passing over

    def add_bounds(self, bounds: TickBounds) -> None:
        """Narrow `bounds` to the ticks at which this desk, in a lock-step stream, does more than `pass_over`.

        The bounds hold until an event of the account, or until a tick outside them. Signals that the desk decides are
        not part of the bounds: `standing_decision` has them.
        """
        add_desk_bounds(
            self.state,
            bounds,
            needs_spread=self._spread,
            volatile_symbols=self._half_lives_min.keys(),
        )
        self.equity_scan.add_bounds(bounds)

    def standing_decision(self, symbol: str, direction: int, confidence: float) -> StandingDecision:
        """The decision of a symbol's further signals in a direction, +1 or -1, until the next event of the account.

        `confidence` is that of the latest such signal. A tick of the symbol must have been decided.
        """
        conditions = self.client.scheduler.policy.conditions(self._stream.last_signals[symbol])
        return standing_decision(self.state, symbol, direction, confidence, conditions)

    def pass_over(self, ticks: PassedTicks) -> None:
        """Record ticks of a symbol within the bounds whose signals `standing_decision` skips or denies.

        See `StreamState.pass_over`. `equity_scan` records their equity.
        """
        latest = ticks.latest
        if latest.reason != WATCHED:
            self._signals.sequences[latest.symbol] = latest.sequence
        self._stream.pass_over(ticks, half_life_min=self._half_lives_min.get(latest.symbol))
        self.client.scheduler.pass_over(latest.ordinal)

    def spread_point(self, symbol: str) -> float | None:
        """Size of a point of a symbol, in price units; None if no rule needs its median spread."""
        instrument = self._account.book.instruments.get(symbol)
        return point_size(instrument) if self._spread and instrument is not None else None

    def estimates_volatility(self, symbol: str) -> bool:
        """Whether the plan sizes the orders of a symbol by its volatility."""
        return symbol in self._half_lives_min

    # -------------------------------------------------------------------------------------------- commands and market

    def _on_command(self, command: DeskCommand) -> Sequence[Output]:
        before = self._account.event_count
        reply = with_hint(apply_command(self.state, command), command)
        return [*self.client.scheduler.send(self._account.events_from(before)), reply]

    def _on_market_data(self, message: Tick | MarketHeartbeat) -> Sequence[Output]:
        """Store the market's clock and quotes, and decide the ticks of symbols that have no signal process.

        If the market has changed to another stream, the session is reopened. In a lock-step stream only ticks of
        watched symbols arrive here.
        """
        stream = self._stream
        self.client.scheduler.on_market_data(message)
        is_another = bool(stream.cursor.stream_id) and message.stream_id != stream.cursor.stream_id
        if is_another and not self.client.is_busy and stream.desk_state is DeskState.RUNNING:
            self._queue.clear()
            return self.client.reconnect("the gateway, which has another stream now")
        signal = signal_from_market(self.state.config, stream, message, self._unattended)
        return [] if signal is None else self._take(signal)

    def _check_signals(self) -> None:
        """Set the conditions of the signal processes."""
        self._signals_due_ns = self._stream.now.mono_ns + SIGNAL_CHECK_NS
        outlives = self.client.scheduler.policy.outlives_strategies
        self._unattended = show_signal_health(self.state, self._signals, outlives_strategies=outlives)

    # ------------------------------------------------------------------------------------------------------- signals

    def _on_signal(self, signal: Signal) -> Sequence[Output]:
        stream = self._stream
        if signal.stream_id != stream.cursor.stream_id or signal.symbol not in self.state.config.symbols:
            if stream.cursor.stream_id:
                stream.count_malformed()
            return []
        if signal.reason == STRATEGY_FAULT and not self.client.scheduler.policy.outlives_strategies:
            return []  # the HELLO that reports the fault ends the stream, and this signal must not be decided before
        self._signals.sequences[signal.symbol] = signal.sequence
        return self._take(signal)

    def _take(self, signal: Signal) -> Sequence[Output]:
        """Queue a signal and decide the signals that are due. Each (stream, symbol, sequence) is decided only once."""
        queue, scheduler = self._queue, self.client.scheduler
        is_decided = signal.sequence <= self._stream.cursor.sequences.get(signal.symbol, 0)
        if is_decided or signal.ordinal in queue:
            self._stream.count_duplicate()
            return []
        if len(queue) >= QUEUED_SIGNALS_MAX and not scheduler.drop_queued_signal(queue):
            return []
        self._latencies.tick_to_signal.observe(signal.sent_mono_ns - signal.tick_published_mono_ns)
        queue[signal.ordinal] = signal
        return scheduler.advance(queue, self._decide)

    def _advance(self) -> list[Call]:
        return self.client.scheduler.advance(self._queue, self._decide)

    def _decide(self, signal: Signal) -> list[Call]:
        """Count a signal's tick, value the positions at its quote, decide the signal, and send the requests."""
        state, scheduler, stream = self.state, self.client.scheduler, self._stream
        stream.count(signal, joins_midstream=scheduler.policy.joins_midstream)
        if self._account.book.trading is not None:
            resume_after_day_end(self._account, state.config.limits, signal.time_ns)
        if update_risk_from_tick(signal, self._account.valuation, stream, spread=self._spread, equity=self._equity):
            watch_equity(state, self._equity_watches)
        if signal.time_ns >= stream.equity_curve.due_ns:
            self._record_equity()
        if half_life_min := self._half_lives_min.get(signal.symbol):
            mid = (signal.bid + signal.ask) / 2
            stream.on_mid(signal.symbol, mid, signal.time_ns, half_life_min)
        events = decide_tick(state, signal, scheduler.policy)
        if not events:
            return []
        for event in events:
            if isinstance(event, OrderCreated):
                self._latencies.on_order(event.order.order_id, signal)
        return scheduler.send(events)

    def _record_equity(self) -> None:
        """Add a point to the equity curve; while the equity is unknown, the next tick is tried."""
        cursor = self._stream.cursor
        point = equity_point(
            self._account.valuation, ordinal=cursor.ordinal, time_ns=cursor.time_ns, marks=cursor.marks
        )
        if point is not None:
            self._stream.on_equity_point(point)
