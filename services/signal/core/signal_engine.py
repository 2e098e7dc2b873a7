"""Makes one signal for each tick of all symbols of one signal process, even if messages of ticks were lost.

A tick that is next in its symbol's sequence is processed at once. A tick further ahead shows a gap: the missing ticks
are fetched with GET_TICKS and processed first, so that no signal is computed from a window with a gap. The gateway
publishes a tick again if its signal did not arrive. Then the engine sends this and all later signals again from the
ring. Only the gateway's reply to HELLO determines the current stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from proto.core import Core
from proto.gateway import ErrorReply, GetTicks, Hello, HelloReply, TicksReply
from proto.messages import MarketHeartbeat, Signal, SignalHello, Tick
from proto.time import Now
from services.signal.core.backfill import Backfill, BackfillPace, problem_of, request_id
from services.signal.core.engine_checkpoint import Checkpoint, engine_states, fits
from services.signal.core.operator_notices import (
    Event,
    GapFound,
    GapLost,
    GapRefilled,
    GatewayConnected,
    GatewayUnresponsive,
    SignalNotRetained,
    StrategyStopped,
    StreamChanged,
)
from services.signal.core.signal_ring import SignalRing
from services.signal.core.strategy import Strategy, strategy_label
from services.signal.core.strategy_fault import StrategyError, StrategyFault
from services.signal.core.symbol_engine import FAULT_VALUE, WARMING_UP_VALUE, SignalValue, SymbolEngine, make_engine
from services.signal.core.symbol_reports import symbol_reports

HELLO_RETRY_NS: Final = 100_000_000
"""Pause before an unanswered HELLO is repeated; short, because a new socket connects quickly."""

HELLOS_UNTIL_SILENT: Final = 10
"""Number of unanswered HELLOs after which the missing reply is logged."""

HELLO_INTERVAL_NS: Final = 500_000_000
"""Interval of the HELLOs to portfolio, which show that this process is alive."""

RESEND_PAUSE_NS: Final = 100_000_000
"""Shortest time between two repetitions of signals; the gateway publishes a tick again after twice this time.

A tick that was fetched while its message waited in the socket is received twice. Many such ticks cause one repetition.
"""

NOTICE_PAUSE_NS: Final = 10_000_000_000
"""Shortest interval of log lines about repeated ticks without a stored signal; a restarted gateway may repeat many."""

SLICE_NS: Final = 50_000_000
"""How long strategies may be called for the ticks of one burst, half of the event loop's time for a burst.

Later ticks of the burst are not processed at once but fetched afterwards. So the socket is emptied in time, and the
number of ticks still to process is known.
"""


class ResendSignals(msgspec.Struct, frozen=True):
    """Portfolio is connected again, and did not receive the signals from `from_ordinal` on."""

    from_ordinal: int


Message = Tick | MarketHeartbeat | HelloReply | TicksReply | ErrorReply | ResendSignals
Output = Signal | SignalHello | Hello | GetTicks | Event


class SignalEngine(Core[Message, Output]):
    """The symbol engines, the signal ring and the backfills of one process."""

    def __init__(
        self,
        *,
        publisher: str,
        boot_id: str,
        make_strategies: Mapping[str, Callable[[], Strategy]],
        out_of_use: Mapping[str, StrategyFault] | None = None,
        mark_call: Callable[[str, int], object] | None = None,
    ) -> None:
        """Create the engines, before the first tick.

        Args:
            publisher: name of this signal process.
            boot_id: id of this start of the process.
            make_strategies: functions that create the strategy of a symbol, by symbol.
            out_of_use: faults of symbols whose strategy must not be called.
            mark_call: called with symbol and sequence before each call of a strategy.
        """
        self.publisher = publisher
        self.boot_id = boot_id
        self.stream_id = ""
        self.engines = {
            symbol: make_engine(symbol, make, fault=(out_of_use or {}).get(symbol), mark_call=mark_call)
            for symbol, make in make_strategies.items()
        }
        self.strategy = strategy_label({symbol: engine.label for symbol, engine in self.engines.items()})
        self.ring = SignalRing()
        self.gaps_refilled = 0
        self.gaps_lost = 0
        self._refills: dict[str, Backfill] = {}
        self._lost: dict[str, range] = {}
        self._confirmed = 0
        self._is_connected = False
        self._hello_mono_ns = 0
        self._next_hello_mono_ns = 0
        self._next_resend_mono_ns = 0
        self._notice_mono_ns = 0
        self._hellos = 0
        self._faults_noticed: dict[str, StrategyFault] = {}
        self._slice_end_ns = 0
        """Monotonic time until which strategies may be called in this burst; 0 before its first tick."""
        self._backfill_pace = BackfillPace()

    # ------------------------------------------------------------------------------------------- what the shell calls

    def start(self, now: Now) -> list[Output]:
        """Ask the gateway which stream it publishes. `restore`, if used, must be called before."""
        return [*self._new_faults(), self._ask_hello(now)]

    def handle(self, message: Message, now: Now) -> list[Output]:
        """Process one message; `now.domain_ns` is not used."""
        if isinstance(message, Tick):
            if not self._slice_end_ns:
                self._slice_end_ns = now.mono_ns + SLICE_NS
            elif now.mono_ns >= self._slice_end_ns:
                return self._defer(message, now)
            return self._on_tick(message, now)
        if isinstance(message, MarketHeartbeat):
            return self._on_heartbeat(message, now)
        if isinstance(message, HelloReply):
            return self._on_hello(message, now)
        if isinstance(message, TicksReply):
            return self._on_page(message, now)
        if isinstance(message, ResendSignals):
            return self._resend_from(message.from_ordinal, now)
        return self._on_error(message, now)

    def on_idle(self, now: Now) -> list[Output]:  # noqa: ARG002 - the first tick of a burst begins its slice
        """End the burst, so that strategies may be called again."""
        self._slice_end_ns = 0
        return []

    def next_timer(self) -> int:
        """Return the monotonic time of the next HELLO or request; 0 while fetched ticks wait to be processed."""
        due = self._next_hello_mono_ns if self._is_connected else self._hello_mono_ns
        for refill in self._refills.values():
            if refill.page is not None:
                return 0
            due = min(due, refill.retry_mono_ns)
        return due

    def on_timer(self, now: Now) -> list[Output]:
        """Process some fetched ticks, repeat unanswered requests, and send the due HELLO to portfolio."""
        outputs = self._process_fetched(now)
        if not self._is_connected and self._hello_mono_ns <= now.mono_ns:
            if self._hellos == HELLOS_UNTIL_SILENT:
                outputs.append(GatewayUnresponsive())
            outputs.append(self._ask_hello(now))
        if self._is_connected and self._next_hello_mono_ns <= now.mono_ns:
            outputs += self._new_faults()  # a checkpoint may have revealed a fault
            outputs.append(self._signal_hello(now))
        for refill in self._refills.values():
            if refill.retry_mono_ns <= now.mono_ns:
                outputs.append(refill.next_request(self.engines[refill.symbol].sequence + 1, now.mono_ns))
        return outputs

    def checkpoint(self) -> Checkpoint:
        """Return the current state; the signals that belong to it are in the ring."""
        return Checkpoint(self.stream_id, self.strategy, self.ring.last_ordinal, engine_states(self.engines.values()))

    def restore(self, checkpoint: Checkpoint, signals: Sequence[Signal]) -> None:
        """Continue from a checkpoint with the same labels. Symbols without a state in it start at their first tick.

        Args:
            checkpoint: the states of the engines.
            signals: the stored signals that belong to this state, sorted by ordinal.

        Raises:
            ValueError: the checkpoint is of other strategies, or damaged. If it is damaged, the engines are reset.
        """
        if checkpoint.strategy != self.strategy and not fits(checkpoint, self.engines):
            raise ValueError(f"checkpoint of strategy {checkpoint.strategy}, expected {self.strategy}")
        try:
            for state in checkpoint.engines:
                if state.symbol in self.engines:
                    self.engines[state.symbol].restore(state.snapshot, state.strategy)
        except ValueError:
            self._forget()
            raise
        self.stream_id = checkpoint.stream_id
        self.ring = self.ring.widened(len(signals))
        self.ring.fill(signals)
        self.ring.take_unsaved()

    # ---------------------------------------------------------------------------------------------------- market data

    def _on_tick(self, tick: Tick, now: Now) -> list[Output]:
        engine = self.engines.get(tick.symbol)
        if engine is None:
            return []
        if tick.stream_id != self.stream_id:
            return self._request_hello(now)
        expected = engine.sequence + 1
        if engine.fault is not None:
            return self._on_tick_after_fault(engine, tick, now)
        if tick.sequence == expected:
            try:
                value = engine.on_tick(tick)
            except StrategyError:
                return [*self._new_faults(), self._signal_hello(now), *self._on_tick_after_fault(engine, tick, now)]
            signal = self._signal(tick, value, now)
            outputs: list[Output] = [signal]
            if self._refills:
                outputs += self._finish_refill(engine)
            return outputs
        if tick.sequence < expected:
            return self._on_old_tick(tick, now)
        return self._on_gap(engine, tick.sequence, now)

    def _on_tick_after_fault(self, engine: SymbolEngine, tick: Tick, now: Now) -> list[Output]:
        """Make a HOLD for a tick without a call of the strategy, so that portfolio still manages positions."""
        if tick.sequence <= engine.sequence:
            return self._on_old_tick(tick, now)
        return [self._signal_of(tick, FAULT_VALUE, now)]

    def _new_faults(self) -> list[Output]:
        """Return notices of faults that were not reported yet, and end the backfills of their symbols.

        The caller must send a HELLO before any further signal. The HELLO ends a lock-step stream, in which portfolio
        must not process a HOLD that the strategy did not return.
        """
        faults = {symbol: engine.fault for symbol, engine in self.engines.items() if engine.fault is not None}
        new = [fault for symbol, fault in faults.items() if self._faults_noticed.get(symbol) is not fault]
        self._faults_noticed = faults
        for fault in new:
            self._refills.pop(fault.symbol, None)
        return [StrategyStopped(fault) for fault in new]

    def _on_old_tick(self, tick: Tick, now: Now) -> list[Output]:
        """Repeat the stored signals from this tick on, because later signals were probably lost, too."""
        if self.ring.get(tick.ordinal) is None:
            if tick.sequence not in self._lost.get(tick.symbol, ()):
                if now.mono_ns < self._notice_mono_ns:
                    return []
                self._notice_mono_ns = now.mono_ns + NOTICE_PAUSE_NS
                return [SignalNotRetained(tick.symbol, tick.ordinal)]
            # The tick is too late to be processed, but portfolio waits for a signal of every tick.
            return [self._signal(tick, WARMING_UP_VALUE, now)]
        if now.mono_ns < self._next_resend_mono_ns:
            return []
        self._next_resend_mono_ns = now.mono_ns + RESEND_PAUSE_NS
        return self._resend_from(tick.ordinal, now)

    def _resend_from(self, ordinal: int, now: Now) -> list[Output]:
        """Return the stored signals from `ordinal` on, with a new send time."""
        replace = msgspec.structs.replace
        return [replace(signal, sent_mono_ns=now.mono_ns) for signal in self.ring.since(ordinal)]

    def _on_heartbeat(self, heartbeat: MarketHeartbeat, now: Now) -> list[Output]:
        """Detect missed ticks that no later tick has revealed."""
        if heartbeat.stream_id != self.stream_id:
            return self._request_hello(now)
        outputs: list[Output] = []
        for symbol, engine in self.engines.items():
            published = heartbeat.sequences.get(symbol, 0)
            if published > engine.sequence and engine.fault is None:
                outputs += self._on_gap(engine, published, now)
        return outputs

    def _defer(self, tick: Tick, now: Now) -> list[Output]:
        """Leave a tick to be fetched and processed later, because ticks arrive faster than strategies process them."""
        engine = self.engines.get(tick.symbol)
        can_be_fetched = engine is not None and engine.fault is None and tick.stream_id == self.stream_id
        if engine is None or not can_be_fetched or tick.sequence <= engine.sequence:
            return self._on_tick(tick, now)
        return self._on_gap(engine, tick.sequence, now, is_gap=False)

    def _on_gap(self, engine: SymbolEngine, sequence: int, now: Now, *, is_gap: bool = True) -> list[Output]:
        """Fetch all ticks up to `sequence`. Ticks that arrive during the fetch are fetched, too."""
        refill = self._refills.get(engine.symbol)
        if refill is not None:
            refill.target = max(refill.target, sequence)
            return []
        refill = self._refills[engine.symbol] = Backfill(engine.symbol, sequence, is_gap=is_gap)
        expected = engine.sequence + 1
        request = refill.next_request(expected, now.mono_ns)
        return [GapFound(engine.symbol, expected, sequence), request] if is_gap else [request]

    # ------------------------------------------------------------------------------------------------- gateway replies

    def _on_hello(self, reply: HelloReply, now: Now) -> list[Output]:
        self._is_connected, self._hellos = True, 0
        missing = tuple(symbol for symbol in self.engines if symbol not in reply.sequences)
        outputs: list[Output] = [
            GatewayConnected(reply.stream_id, reply.boot_id, reply.published, reply.confirmed, missing),
        ]
        if reply.stream_id != self.stream_id:
            outputs.append(StreamChanged(reply.stream_id, before=self.stream_id))
            self._forget()
            self.stream_id = reply.stream_id
        self._confirmed = reply.confirmed
        self.ring = self.ring.widened(reply.window)
        outputs.append(self._signal_hello(now))
        outputs += self._resend_from(reply.confirmed + 1, now)
        for symbol, engine in self.engines.items():
            published = reply.sequences.get(symbol, 0)
            if published > engine.sequence and engine.fault is None and symbol not in self._refills:
                refill = self._refills[symbol] = Backfill(symbol, published, is_gap=False)
                outputs.append(refill.next_request(engine.sequence + 1, now.mono_ns))
        return outputs

    def _on_page(self, page: TicksReply, now: Now) -> list[Output]:
        """Keep a page of ticks, which `on_timer` processes in small steps so that messages need not wait for it."""
        if page.stream_id != self.stream_id:
            return self._request_hello(now)
        if (refill := self._refills.get(page.symbol)) is None:
            return []
        engine = self.engines[page.symbol]
        expected = engine.sequence + 1
        outputs: list[Output] = []
        if problem := problem_of(page):
            return self._lose(engine, refill.target, f"the gateway's answer has {problem}", now)
        if page.from_sequence > expected and page.request_id != request_id(page.symbol, expected):
            return []  # the reply to another request, such as one from before a restart
        if not page.ordinal:  # a restarted gateway has not published them again; the request is repeated until it has
            return []
        if page.from_sequence + len(page.ordinal) <= expected:
            return []  # a repeated page; the requested one has not arrived
        if page.from_sequence > expected:
            outputs += self._lose(engine, page.from_sequence - 1, "the gateway does not keep them", now)
            if engine.fault is not None:
                return outputs
        self._refills[page.symbol] = refill
        refill.hold(page)
        return outputs

    def _process_fetched(self, now: Now) -> list[Output]:
        """Process the next few ticks of a page; symbols with a page are served in turn."""
        refill = next((refill for refill in self._refills.values() if refill.page is not None), None)
        if refill is None:
            return []
        self._refills[refill.symbol] = self._refills.pop(refill.symbol)
        return self._process_page(refill, self._backfill_pace.next_ticks_max(now.mono_ns), now)

    def _on_error(self, reply: ErrorReply, now: Now) -> list[Output]:
        for symbol, refill in list(self._refills.items()):
            engine = self.engines[symbol]
            if reply.request_id == request_id(symbol, engine.sequence + 1):
                return self._lose(engine, refill.target, f"the gateway refused: {reply.error_code} {reply.error}", now)
        return []

    def _process_page(self, refill: Backfill, ticks_max: int, now: Now) -> list[Output]:
        """Process up to `ticks_max` ticks of a page. Signals of confirmed ticks are stored but not sent."""
        engine = self.engines[refill.symbol]
        outputs: list[Output] = []
        for tick in refill.next_ticks(engine.sequence + 1, ticks_max, now.mono_ns):
            try:
                signal = self._signal(tick, engine.on_tick(tick), now)
            except StrategyError:
                return [*outputs, *self._new_faults(), self._signal_hello(now)]
            if tick.ordinal > self._confirmed:
                outputs.append(signal)
        if refill.page is not None:
            return outputs
        if engine.sequence >= refill.target:
            return outputs + self._finish_refill(engine)
        return [*outputs, refill.next_request(engine.sequence + 1, now.mono_ns)]

    def _finish_refill(self, engine: SymbolEngine) -> list[Output]:
        if (refill := self._refills.get(engine.symbol)) is None or engine.sequence < refill.target:
            return []
        del self._refills[engine.symbol]
        if not refill.is_gap:
            return []
        self.gaps_refilled += 1
        return [GapRefilled(engine.symbol, engine.sequence)]

    def _lose(self, engine: SymbolEngine, last: int, why: str, now: Now) -> list[Output]:
        first = engine.sequence + 1
        self._refills.pop(engine.symbol, None)
        self._lost[engine.symbol] = range(first, last + 1)
        self.gaps_lost += 1
        engine.reset(last)
        lost = GapLost(engine.symbol, first, last, why)
        return [lost] if engine.fault is None else [lost, *self._new_faults(), self._signal_hello(now)]

    # -------------------------------------------------------------------------------------------------------- outputs

    def _signal(self, tick: Tick, value: SignalValue, now: Now) -> Signal:
        """Make the signal of a tick, and store it in the ring for a repetition."""
        signal = self._signal_of(tick, value, now)
        self.ring.put(signal)
        return signal

    def _signal_of(self, tick: Tick, value: SignalValue, now: Now) -> Signal:
        direction, confidence, reason = value
        return Signal(
            self.publisher,
            tick.stream_id,
            tick.symbol,
            tick.sequence,
            tick.ordinal,
            tick.time_ns,
            tick.bid,
            tick.ask,
            direction,
            confidence,
            reason,
            tick.published_mono_ns,
            now.mono_ns,
        )

    def _signal_hello(self, now: Now) -> SignalHello:
        self._next_hello_mono_ns = now.mono_ns + HELLO_INTERVAL_NS
        return SignalHello(
            self.publisher,
            self.boot_id,
            self.stream_id,
            self.strategy,
            list(self.engines),
            self.gaps_refilled,
            self.gaps_lost,
            symbol_reports(self.engines.values(), self._refills),
        )

    def _ask_hello(self, now: Now) -> Hello:
        self._hellos += 1
        self._hello_mono_ns = now.mono_ns + HELLO_RETRY_NS
        return Hello(client=self.publisher)

    def _request_hello(self, now: Now) -> list[Output]:
        """Ask the gateway for its stream after a message of another stream, unless a HELLO is already unanswered."""
        if not self._is_connected:
            return []
        self._is_connected = False
        return [self._ask_hello(now)]

    def _forget(self) -> None:
        for engine in self.engines.values():
            engine.reset()
        self.ring = SignalRing()
        self._refills.clear()
        self._lost.clear()
