"""The portfolio of the desk: signals in, orders out, deals booked, and nothing forgotten.

`handle` takes one message and returns the calls to the gateway that follow from it; the events that led there wait in
`take_events` and must be durable, together with the cursor, before any of the calls is sent. `on_idle` is called when
no more input is at hand: it confirms many ticks at once. All work is decided in the order of the ordinals:

    signal n and the deals up to n are known -> book them, mark, judge, make the order -> (commit) -> send it, book its
    deals -> (commit) -> CONFIRM(n)

While the venue's book is quiet (nothing rests in it that a tick could set off) the deals up to n + 1 are the ones known
at n, and n + 1 is decided without waiting for the reply to CONFIRM(n).
"""

from __future__ import annotations

from typing import Final

from proto.codec import MalformedMessageError, decode_reply
from proto.control import (
    DeskCommand,
    DeskState,
    ReconcileReply,
    TradingState,
)
from proto.gateway import ErrorCode, ErrorReply, OrderReply, Reply
from proto.messages import (
    STRATEGY_FAULT,
    Answer,
    Call,
    CallOutcome,
    CourierHello,
    MarketHeartbeat,
    Signal,
    SignalHello,
    Tick,
)
from proto.time import Now
from services.portfolio.core.account.events import OrderCreated
from services.portfolio.core.decision.commands import CommandReply, apply_command
from services.portfolio.core.decision.escalation import escalate_drawdown, resume_after_day_end
from services.portfolio.core.decision.signal_decision import count_signal, update_risk_from_tick
from services.portfolio.core.decision.signal_queue import QUEUED_SIGNALS_MAX, SignalQueue
from services.portfolio.core.decision.sizing_inputs import half_lives_min
from services.portfolio.core.decision.tick_decision import decide_tick
from services.portfolio.core.gateway_client.lease import on_order_refused
from services.portfolio.core.gateway_client.live_orders import TRANSIENT_ERRORS
from services.portfolio.core.gateway_client.live_scheduler import LiveScheduler
from services.portfolio.core.gateway_client.reconciliation import find_differences
from services.portfolio.core.gateway_client.reply_events import SETTLED_STATUSES
from services.portfolio.core.gateway_client.session import open_session
from services.portfolio.core.gateway_client.stepped_orders import submit_requests
from services.portfolio.core.gateway_client.stepping import Stepping
from services.portfolio.core.gateway_client.task_runner import REPLY_TYPES, GatewayTask, RunningTask, TaskRunner
from services.portfolio.core.queries.denial_hints import with_hint
from services.portfolio.core.risk.rules.strategy_loss import has_loss_budget
from services.portfolio.core.sizing.volatility import update_volatility
from services.portfolio.core.state.portfolio_state import PortfolioState
from services.portfolio.core.state.signal_conditions import hears_every_symbol, show_signal_health, signal_from_market
from services.portfolio.core.state.signal_health import SignalHealth

CONFIRM_EVERY: Final = 256
"""Ticks decided in one go before they are confirmed, so that the publisher's window never runs dry."""

IDLE_CONFIRM_NS_FIRST: Final = 500_000_000
IDLE_CONFIRM_NS_MAX: Final = 2_000_000_000
_NS_PER_US: Final = 1_000


class Portfolio:
    """The one place that knows what the desk owns and what it has asked for."""

    def __init__(self, state: PortfolioState, *, timeout_ms: int) -> None:
        """Run `desk`; execution waits `timeout_ms` for each reply before it says NO_ANSWER."""
        self.state = state
        self._tasks = TaskRunner(timeout_ms=timeout_ms)
        state.stream.gateway_silence_ns = self._tasks.silence_ns
        self._held = SignalQueue()
        self._signals = SignalHealth()
        self._unattended: frozenset[str] = frozenset()
        self._gateway_boot = ""
        self._busy: RunningTask | None = None
        self._confirm: RunningTask | None = None
        self._stepping = Stepping()
        self._idle_due_ns = 0
        self._idle_pause_ns = IDLE_CONFIRM_NS_FIRST
        self._spread = state.config.limits.spread_factor_max is not None
        self._equity = state.config.limits.uses_equity() or has_loss_budget(state.config.plan)
        self._half_lives_min = half_lives_min(state.config.plan, state.config.symbols)
        self._live = LiveScheduler(state, self._tasks)
        self._wants_comparison = False
        self._answer: ReconcileReply | None = None

    # ------------------------------------------------------------------------------------------- what the shell calls

    def start(self, now: Now) -> list[Call]:
        """Begin: meet the gateway, settle what is open, reconcile. Called once, before any message."""
        self.state.stream.now = now
        self._tasks.set_first_call_id(now.mono_ns // _NS_PER_US + 1)
        return self._run_exclusive(open_session(self.state, self._live.reconciler))

    def handle(self, message: Signal | SignalHello | Answer | CourierHello, now: Now) -> list[Call]:
        """Take one message in and return the calls that follow from it."""
        self.state.stream.now = now
        match message:
            case Signal():
                return self._on_signal(message)
            case Answer():
                return self._on_answer(message)
            case SignalHello():
                self._signals.on_hello(message, now.mono_ns)
                self.check_signals(now)
                return []
            case CourierHello():
                self._idle_due_ns = now.mono_ns
                return self._tasks.resend_all(now.mono_ns)

    def on_market_data(self, message: Tick | MarketHeartbeat, now: Now) -> list[Call]:
        """Process market data; when a live market has changed to another stream, restart the session with the gateway.

        In a stepped stream only ticks of watched symbols arrive here.
        """
        state = self.state
        state.stream.now = now
        if not state.stream.window:
            state.stream.market.on_message(message, now.mono_ns)
        is_another = bool(state.stream.cursor.stream_id) and message.stream_id != state.stream.cursor.stream_id
        if is_another and self._busy is None and state.stream.desk_state is DeskState.RUNNING:
            self._held.clear()
            return self._reconnect("the gateway, which has another stream now")
        signal = signal_from_market(state, message, self._unattended)
        return [] if signal is None else self._take(signal)

    def check_signals(self, now: Now) -> None:
        """Set the conditions of the signal processes; call it a few times a second."""
        self.state.stream.now = now
        self._unattended = show_signal_health(self.state, self._signals)

    def on_idle(self, now: Now) -> list[Call]:
        """No more input is at hand: confirm what has been decided, and go on with what a live desk wants."""
        self.state.stream.now = now
        if self.state.stream.is_live and self._gateway_boot:
            return self._go_on_live()
        if self.state.stream.desk_state is DeskState.WAITING_FOR_SIGNALS and hears_every_symbol(
            self.state, self._signals
        ):
            self.state.stream.set_desk_state(DeskState.RUNNING)
            self._touch_idle()
        if self._wants_comparison and self._gateway_boot:
            if self._busy is None and self._confirm is None:
                self._wants_comparison = False
                return self._run_exclusive(self._compare())
            return []
        is_free = self.state.stream.desk_state is DeskState.RUNNING and self._busy is None
        if self.state.stream.window and is_free and self.state.stream.cursor.ordinal > self._stepping.confirmed:
            return self._send_confirm()
        return []

    def next_timer_mono_ns(self) -> int | None:
        """When `on_timer` wants to be called; None when nothing is waited for."""
        dues = [self._tasks.next_due_mono_ns()]
        if self.state.stream.desk_state is DeskState.RUNNING:
            dues.append(self._idle_due_ns if self.state.stream.window else self._live.next_due_ns)
            if self._held and not self.state.stream.window and self._busy is None:
                return 0
        return min((due for due in dues if due is not None), default=None)

    def on_timer(self, now: Now) -> list[Call]:
        """Ask again what was not answered; wake a stream in which nothing moves."""
        self.state.stream.now = now
        calls: list[Call] = []
        for running, call in self._tasks.resume_due(now.mono_ns):
            calls += self._follow(running, call)
        calls += self._tasks.resend_due(now.mono_ns)
        if self.state.stream.desk_state is not DeskState.RUNNING:
            return calls
        if self.state.stream.window == 0:
            calls += self._advance() + self._live.start_due_tasks()
        elif now.mono_ns >= self._idle_due_ns:
            self._idle_due_ns = now.mono_ns + self._idle_pause_ns
            self._idle_pause_ns = min(self._idle_pause_ns * 2, IDLE_CONFIRM_NS_MAX)
            if self._busy is None and self._confirm is None:
                calls += self._send_confirm()
        return calls

    def _go_on_live(self) -> list[Call]:
        """Start what a live desk wants; meet a gateway anew that is another than before."""
        if self.state.stream.desk_state is not DeskState.RUNNING or self._busy is not None:
            return []
        if self.state.lease.needs_hello:
            return self._reconnect("the gateway, which has started anew")
        return self._live.start_due_tasks()

    def _reconnect(self, waiting_for: str) -> list[Call]:
        self.state.lease.needs_hello = False
        self.state.stream.set_desk_state(DeskState.CONNECTING, waiting_for)
        return self._run_exclusive(open_session(self.state, self._live.reconciler))

    def handle_command(self, command: DeskCommand, now: Now) -> CommandReply:
        """Do what a person has said; the reply may go out when what came of it is durable."""
        self.state.stream.now = now
        return with_hint(apply_command(self.state, command), command)

    def request_reconciliation(self) -> None:
        """Compare with the venue at the next quiet moment; `take_reconcile_reply` has what came of it."""
        if self.state.stream.is_live:
            self._live.reconciler.request_full()
        else:
            self._wants_comparison = True

    def take_reconcile_reply(self) -> ReconcileReply | None:
        """What the last comparison that was asked for came to, once."""
        answer, self._answer = self._answer, None
        return answer or self._live.reconciler.take_reply()

    def _compare(self) -> GatewayTask:
        differences = yield from find_differences(self.state.account.book, self.state.stream.cursor)
        self._answer = ReconcileReply(complete=True, differences=differences, error="")

    @property
    def is_busy(self) -> bool:
        """True while an order or a reconciliation is on its way."""
        return self._busy is not None

    def drain(self) -> bool:
        """Stop deciding; True while market orders are on their way whose outcome is about to be shown."""
        return self._live.drain()

    @property
    def queued_signals(self) -> int:
        """Signals that wait for their turn."""
        return len(self._held)

    @property
    def in_flight(self) -> int:
        """Questions to the gateway that wait for an answer."""
        return len(self._tasks)

    # ------------------------------------------------------------------------------------------------------- signals

    def _on_signal(self, signal: Signal) -> list[Call]:
        if signal.stream_id != self.state.stream.cursor.stream_id or signal.symbol not in self.state.config.symbols:
            if self.state.stream.cursor.stream_id:
                self.state.stream.malformed += 1
            return []
        if signal.reason == STRATEGY_FAULT and self.state.stream.window:
            return []  # a recorded stream ends with the hello that reports the fault, and decides nothing until then
        self._signals.sequences[signal.symbol] = signal.sequence
        return self._take(signal)

    def _take(self, signal: Signal) -> list[Call]:
        # The decision (stream, symbol, sequence) is made once; live signals of several symbols overtake each other.
        if self.state.stream.window:
            is_decided = signal.ordinal <= self.state.stream.cursor.ordinal
        else:
            is_decided = signal.sequence <= self.state.stream.cursor.sequences.get(signal.symbol, 0)
        if is_decided or signal.ordinal in self._held:
            self.state.stream.duplicates += 1
            return []
        if len(self._held) >= QUEUED_SIGNALS_MAX:
            if self.state.stream.window:
                self.state.stream.malformed += 1
                return []
            self._held.drop_oldest()
        self.state.latencies.tick_to_signal.observe(signal.sent_mono_ns - signal.tick_published_mono_ns)
        self._held[signal.ordinal] = signal
        return self._advance()

    def _advance(self) -> list[Call]:
        """Decide, in order, every tick whose signal and deals are known."""
        if self.state.stream.desk_state is not DeskState.RUNNING or (
            self.state.stream.window and self.state.warnings.storage_problem
        ):
            return []
        held, cursor = self._held, self.state.stream.cursor
        calls: list[Call] = []
        if self.state.stream.is_stopping:
            held.clear()
        if self.state.stream.window == 0:
            for ordinal in held.next_live() if self._busy is None else ():
                calls += self._decide(held.pop(ordinal))
            return calls
        while held and self._busy is None:
            if not (self.state.stream.is_quiet or self._stepping.answered == cursor.ordinal):
                break
            signal = held.pop(cursor.ordinal + 1, None)
            if signal is None:
                break
            if calls := self._decide(signal):
                return calls
            if cursor.ordinal - self._stepping.confirmed >= CONFIRM_EVERY:
                return self._send_confirm() + self._advance()
        return calls

    def _decide(self, signal: Signal) -> list[Call]:
        self.state.account.is_dirty = True
        is_live = self.state.stream.window == 0
        count_signal(signal, self.state.stream.cursor, is_live=is_live)
        resume_after_day_end(self.state, signal.time_ns)
        if update_risk_from_tick(
            signal, self.state.account.book, self.state.stream, spread=self._spread, equity=self._equity
        ):
            escalate_drawdown(self.state)
        if half_life_min := self._half_lives_min.get(signal.symbol):
            mid = (signal.bid + signal.ask) / 2
            update_volatility(
                self.state.stream.volatility, signal.symbol, mid, signal.time_ns, half_life_min=half_life_min
            )
        self.state.stream.last_signals[signal.symbol] = signal
        if is_live:
            self.state.stream.market.advance_clock(signal.time_ns, self.state.stream.now.mono_ns)
        events = decide_tick(self.state, signal)
        if not events:
            return []
        published_mono_ns = signal.tick_published_mono_ns
        for event in events:
            if isinstance(event, OrderCreated):
                self.state.latencies.ticks_ordered_mono_ns.append(published_mono_ns)
                self.state.latencies.signals_ordered_mono_ns.append(signal.sent_mono_ns)
                if is_live:
                    self.state.latencies.published_mono_ns[event.order.order_id] = published_mono_ns
        if is_live:
            return self._live.start_due_tasks()
        return self._run_exclusive(submit_requests(self.state, events, tick_published_mono_ns=published_mono_ns))

    # --------------------------------------------------------------------------------------------------------- answers

    def _on_answer(self, answer: Answer) -> list[Call]:
        running = self._tasks.find(answer.call_id)
        if running is None:
            self.state.stream.duplicates += 1
            return []
        if answer.outcome is CallOutcome.NO_ANSWER:
            return self._on_silence(running)
        try:
            reply = decode_reply(answer.reply)
        except MalformedMessageError as error:
            self.state.stream.malformed += 1
            self.state.stream.waiting_for = f"a gateway whose replies can be read ({error})"
            return []
        stream = self.state.account.book.stream
        if self.state.stream.is_live and stream is not None and reply.account != stream.account:
            self.state.stream.waiting_for = f"account {stream.account}: the gateway speaks for {reply.account}"
            return []
        if self.state.stream.desk_state is DeskState.RUNNING:
            self.state.stream.waiting_for = ""
        if reply.boot_id != self._gateway_boot:
            self._on_gateway_restart(reply.boot_id)
        if running.handles_failures:
            return self._deliver(running, reply)
        if not isinstance(reply, REPLY_TYPES[type(running.request)]):
            return self._on_refusal(running, reply)
        if isinstance(reply, OrderReply) and reply.status not in SETTLED_STATUSES:
            return []
        return self._follow(running, self._tasks.deliver_reply(running, reply, self.state.stream.now.mono_ns))

    def _deliver(self, running: RunningTask, reply: Reply | None) -> list[Call]:
        return self._follow(running, self._tasks.deliver_reply(running, reply, self.state.stream.now.mono_ns))

    def _on_silence(self, running: RunningTask) -> list[Call]:
        """Nobody answered: nothing is known, and the question stays open."""
        self.state.stream.waiting_for = "the gateway, which does not answer"
        return self._deliver(running, None) if running.handles_failures else []

    def _on_refusal(self, running: RunningTask, reply: Reply) -> list[Call]:
        """The gateway would not do what the desk cannot do without; a live one may only be unable to, for now."""
        action = running.request.__struct_config__.tag
        words = f"the gateway refused {action}: {reply.error_code} {reply.error}"
        if reply.error_code is ErrorCode.STORAGE or (
            self.state.stream.is_live and reply.error_code in TRANSIENT_ERRORS
        ):
            self.state.stream.waiting_for = words
            return []
        self._tasks.drop(running)
        if running is self._confirm:
            self._confirm = None
        if self.state.stream.is_live and running is not self._busy:
            self._live.on_task_done(running)
            if not (isinstance(reply, ErrorReply) and on_order_refused(self.state, reply, running.request)):
                self.state.account.restrict_trading(TradingState.HALTED, "GATEWAY_REFUSED", words, by="gateway")
        else:
            self.state.stream.fail_until_restart(words)
        return []

    def _on_gateway_restart(self, boot_id: str) -> None:
        """The gateway has started anew: it may stand behind the last CONFIRM and waits for it."""
        if self._gateway_boot:
            self.state.lease.needs_hello = self.state.stream.is_live
            self._stepping.forget()
            self.state.stream.is_quiet = False
            self._idle_due_ns = self.state.stream.now.mono_ns
        self._gateway_boot = boot_id

    # ----------------------------------------------------------------------------------------------------------- tasks

    def _run_exclusive(self, task: GatewayTask) -> list[Call]:
        """Run a task during which no further tick is decided."""
        assert self._busy is None
        running, call = self._tasks.start(task, self.state.stream.now.mono_ns)
        if running.is_done:
            return self._advance()
        self._busy = running
        return [] if call is None else [call]

    def _follow(self, running: RunningTask, call: Call | None) -> list[Call]:
        if call is not None:
            return [call]
        if not running.is_done:
            return []
        if running is self._busy:
            self._busy = None
        elif running is self._confirm:
            self._confirm = None
        self._live.on_task_done(running)
        self._touch_idle()
        return self._advance()

    # --------------------------------------------------------------------------------------------------------- stepping

    def _send_confirm(self) -> list[Call]:
        if self._confirm is not None:
            self._tasks.drop(self._confirm)
        self._confirm, call = self._tasks.start(self._stepping.confirm(self.state), self.state.stream.now.mono_ns)
        assert call is not None
        self._touch_idle()
        return [call]

    # ---------------------------------------------------------------------------------------------------------- details

    def _touch_idle(self) -> None:
        self._idle_pause_ns = IDLE_CONFIRM_NS_FIRST
        self._idle_due_ns = self.state.stream.now.mono_ns + IDLE_CONFIRM_NS_FIRST
