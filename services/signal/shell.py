"""The sockets of the signal process, which receive ticks, send signals, and send HELLO and GET_TICKS to the gateway.

The engine stores recent signals in a ring. A signal that cannot be sent because portfolio is disconnected is counted as
dropped, and sent from the ring when portfolio is connected again. If a sent signal is lost, its tick stays unconfirmed.
So the gateway publishes the tick again, and the signal is sent again from the ring.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle
from typing import Final

import zmq

from common.clock import mono_ns
from common.dead_letters import drop_malformed
from common.event_loop import EventLoop
from common.fault_injection import crash_point
from common.logs import get_logger
from common.message_tap import offer_tap
from common.sockets import Sockets, send
from common.storage import DISK_FAULTS
from proto.codec import MalformedMessageError, decode_reply, decode_tick_message, encode
from proto.gateway import ErrorReply, GetTicks, Hello, HelloReply, TicksReply
from proto.messages import Signal, SignalHello, Tick
from proto.routes import HEARTBEAT_TOPIC, tick_topic
from proto.time import Now
from services.signal import metrics
from services.signal.checkpoint import CheckpointStore
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
from services.signal.core.signal_engine import SLICE_NS, Output, ResendSignals, SignalEngine
from services.signal.core.strategy_report import DIRECTION_NAMES, strategy_report
from services.signal.settings import SignalSettings

METRICS_MS: Final = 1_000
UNSENT_RETRY_NS: Final = 20_000_000
"""Interval between attempts to send a message that portfolio could not receive, for example before it connects."""

REPORT_MS: Final = 1_000
"""Interval of the reports of each symbol's strategy. The symbols take turns, so that no report waits for all."""

MARK_CLEARED_MS: Final = 250
"""Interval at which the mark of the last call of a strategy is cleared. A later death is not attributed to this call.

If a strategy closes file descriptors of the process, the process dies only at its next wait for messages. The interval
is so long that the mark is usually still set then.
"""


_log = get_logger()
_drop = partial(drop_malformed, counter=metrics.REJECTED)


class SignalShell:
    """Connects one signal engine with its sockets and its checkpoint file."""

    def __init__(
        self,
        settings: SignalSettings,
        engine: SignalEngine,
        store: CheckpointStore,
        sockets: Sockets,
        loop: EventLoop,
        *,
        clear_mark: Callable[[], None],
    ) -> None:
        """Open the sockets of `settings` in `sockets` and register them with `loop`; `run` serves them.

        `clear_mark` clears the mark of the last call of a strategy. It is called while no call is running.
        """
        self._engine = engine
        self._store = store
        self._loop = loop
        self._checkpoint_ticks = settings.signal_checkpoint_ticks
        self._topics = {symbol: tick_topic(symbol) for symbol in settings.trading_symbol}
        self._market_url = settings.market_data_url
        self._gateway_url = settings.gateway_url
        topics = [*self._topics.values(), HEARTBEAT_TOPIC]
        self._known_topics = frozenset(topics)
        self._market = sockets.sub(settings.market_data_url, topics, setting="ZMQ_MARKET_DATA_URL")
        self._gateway = sockets.dealer(settings.gateway_url, setting="ZMQ_EXECUTION_URL")
        self._signals = sockets.push(settings.signal_url, setting="SIGNAL_URL")
        # Several signal processes may report to one address, so the receiver binds it.
        self._reports = sockets.pub(settings.strategy_url, bind=False, setting="STRATEGY_URL")
        self._next_reported = cycle(engine.engines.values())
        self._ticks: Counter[str] = Counter()
        self._directions: Counter[int] = Counter()
        self._dropped = 0
        self._unsent_from = 0
        """Ordinal of the first signal that could not be sent; 0 if all were sent."""
        self._unsent_hello: bytes | None = None
        self._unsent_retry_mono_ns = 0
        self._ticks_since_save = 0
        self._has_fault = False
        self._heartbeat_mono_ns = mono_ns()
        self._tick_mono_ns = dict.fromkeys(self._topics, self._heartbeat_mono_ns)
        metrics.init_series(settings.trading_symbol)
        loop.add_socket(self._market, self._on_market)
        loop.add_socket(self._gateway, self._on_reply)
        self._clear_mark = clear_mark
        loop.every(MARK_CLEARED_MS, clear_mark)
        loop.drive(engine, self._perform, _now, timer_slice_ns=SLICE_NS)
        loop.after_work(self._save_if_due)
        offer_tap(loop, sockets, settings.paperdesk_runtime_dir)
        loop.add_timer(self._unsent_due, self._send_unsent)
        loop.every(METRICS_MS, self._show)
        loop.every(max(1, REPORT_MS // len(engine.engines)), self._report)

    def run(self) -> None:
        """Restore the checkpoint, send HELLO to the gateway, and serve until stopped."""
        self._restore()
        self._clear_mark()
        _log.info(
            "signal is ready",
            publisher=self._engine.publisher,
            strategy=self._engine.strategy,
            symbols=list(self._topics),
            market=self._market_url,
            gateway=self._gateway_url,
        )
        self._perform(self._engine.start(_now()))
        self._loop.run()
        self._save()
        self._show()

    def _restore(self) -> None:
        try:
            saved = self._store.load()
            if saved is not None:
                self._engine.restore(saved.checkpoint, saved.signals)
                _log.info(
                    "restored the checkpoint",
                    stream_id=saved.checkpoint.stream_id,
                    last_ordinal=saved.checkpoint.last_ordinal,
                )
        except ValueError as error:
            _log.warning("checkpoint not restored, all ticks are processed again", error=str(error))
            self._store.clear()

    # ------------------------------------------------------------------------------------------------------------ in

    def _on_market(self, frames: list[bytes]) -> None:
        if len(frames) != 2:
            _drop("market", frames, f"{len(frames)} frames, expected a topic and a message")
            return
        topic, payload = frames
        if topic not in self._known_topics:
            return  # ZeroMQ compares prefixes: the topic of another symbol may begin with a subscribed topic
        try:
            message = decode_tick_message(payload)
        except MalformedMessageError as error:
            _drop("market", frames, error)
            return
        if isinstance(message, Tick):
            if self._topics.get(message.symbol) != topic:
                _drop("market", frames, f"a tick of {message.symbol} on topic {topic!r}")
                return
            outputs = self._engine.handle(message, _now())
            crash_point("signal.after_tick", message.ordinal)
            self._ticks[message.symbol] += 1
            self._ticks_since_save += 1
        else:
            now = _now()
            self._heartbeat_mono_ns = now.mono_ns
            outputs = self._engine.handle(message, now)
        self._perform(outputs)

    def _on_reply(self, frames: list[bytes]) -> None:
        if len(frames) != 2 or frames[0]:
            _drop("gateway", frames, "expected an empty frame and a reply")
            return
        try:
            reply = decode_reply(frames[1])
        except MalformedMessageError as error:
            _drop("gateway", frames, error)
            return
        if not isinstance(reply, HelloReply | TicksReply | ErrorReply):
            _drop("gateway", frames, f"a {type(reply).__name__}, expected the reply to HELLO or GET_TICKS")
            return
        if isinstance(reply, TicksReply):
            self._ticks_since_save += len(reply.ordinal)
        self._perform(self._engine.handle(reply, _now()))

    # ----------------------------------------------------------------------------------------------------------- out

    def _perform(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if isinstance(output, Signal):
                crash_point("signal.before_send", output.ordinal)
                if send(self._signals, [encode(output)]):
                    self._directions[output.direction] += 1
                else:
                    self._dropped += 1
                    self._mark_unsent(output.ordinal)
                crash_point("signal.after_send", output.ordinal)
            elif isinstance(output, SignalHello):
                hello = encode(output)
                if not send(self._signals, [hello]):
                    self._unsent_hello = hello
                    self._mark_unsent(self._unsent_from)
            elif isinstance(output, Hello | GetTicks):
                # If no gateway is connected, the engine's timer repeats the request.
                send(self._gateway, [b"", encode(output)])
            else:
                self._log_event(output)

    def _mark_unsent(self, ordinal: int) -> None:
        self._unsent_from = min(self._unsent_from, ordinal) or ordinal
        self._unsent_retry_mono_ns = mono_ns() + UNSENT_RETRY_NS

    def _unsent_due(self) -> int | None:
        return self._unsent_retry_mono_ns if self._unsent_from or self._unsent_hello else None

    def _send_unsent(self) -> None:
        """Send the HELLO and the signals that could not be sent before, if portfolio is connected now."""
        if not self._signals.poll(0, zmq.POLLOUT):
            self._unsent_retry_mono_ns = mono_ns() + UNSENT_RETRY_NS
            return
        if self._unsent_hello is not None and send(self._signals, [self._unsent_hello]):
            self._unsent_hello = None
        unsent_from, self._unsent_from = self._unsent_from, 0
        if unsent_from:
            self._perform(self._engine.handle(ResendSignals(unsent_from), _now()))

    def _log_event(self, event: Event) -> None:
        match event:
            case GatewayConnected():
                _log.info(
                    "the gateway answers",
                    stream_id=event.stream_id,
                    boot_id=event.boot_id,
                    published=event.published,
                    confirmed=event.confirmed,
                )
                if event.symbols_missing:
                    _log.warning("symbols unknown to the gateway", symbols=list(event.symbols_missing))
            case GatewayUnresponsive():
                _log.warning("the gateway does not answer, repeating HELLO", gateway=self._gateway_url)
            case StreamChanged():
                _log.info("new stream, warming up", stream_id=event.stream_id, stream_id_before=event.before)
            case GapFound():
                metrics.GAPS_FOUND.inc(event.symbol)
                _log.warning(
                    f"sequence gap on tick.{event.symbol}: expected {event.expected}, received {event.received}; "
                    "fetching the missing ticks"
                )
            case GapRefilled():
                metrics.GAPS_REFILLED.inc(event.symbol)
                _log.info(f"sequence gap on tick.{event.symbol} is closed", last=event.last)
            case GapLost():
                metrics.GAPS_LOST.inc(event.symbol)
                _log.error(
                    f"ticks {event.first} to {event.last} of {event.symbol} are lost; warming up again", why=event.why
                )
            case StrategyStopped():
                metrics.STRATEGY_FAULTS.inc(event.fault.symbol)
                _log.error(event.fault.text, symbol=event.fault.symbol, traceback=event.fault.details)
            case SignalNotRetained():
                _log.error(
                    f"tick {event.ordinal} of {event.symbol} was published again, "
                    "but its signal is not stored any more",
                    kept=self._engine.ring.capacity,
                )

    # -------------------------------------------------------------------------------------------------- periodic work

    def _save_if_due(self) -> None:
        if self._ticks_since_save >= self._checkpoint_ticks:
            self._save()

    def _save(self) -> None:
        if not self._engine.stream_id:
            return
        started_ns = mono_ns()
        self._ticks_since_save = 0
        try:
            checkpoint = self._engine.checkpoint()
            self._clear_mark()
            self._store.save(checkpoint, self._engine.ring)
        except DISK_FAULTS as error:
            self._log_fault(error)
            return
        self._has_fault = False
        metrics.CHECKPOINTS.observe(mono_ns() - started_ns)
        crash_point("signal.after_checkpoint", self._engine.ring.last_ordinal)

    def _log_fault(self, error: Exception) -> None:
        """Log only the first of consecutive failed saves; each next save is tried when it is due.

        Until a save succeeds, a restarted process must process more ticks again.
        """
        metrics.CHECKPOINT_FAULTS.inc()
        if not self._has_fault:
            self._has_fault = True
            _log.error(
                "checkpoint not written, the previous checkpoint remains",
                file=str(self._store.path),
                error=str(error),
            )

    def _report(self) -> None:
        """Send the report of the next symbol; without a subscriber it is dropped."""
        engine = self._engine
        report = strategy_report(
            next(self._next_reported),
            publisher=engine.publisher,
            boot_id=engine.boot_id,
            stream_id=engine.stream_id,
        )
        send(self._reports, [encode(report)])

    def _show(self) -> None:
        """Update the metrics, and check that the checkpoint file was not removed or replaced."""
        self._store.require_file_unchanged()
        now_ns = mono_ns()
        for symbol, count in self._ticks.items():
            metrics.TICKS.inc(symbol, by=count)
            self._tick_mono_ns[symbol] = now_ns
        for direction, count in self._directions.items():
            metrics.SIGNALS.inc(DIRECTION_NAMES[direction], by=count)
        metrics.DROPPED.inc(by=self._dropped)
        metrics.update(
            last_ordinal=self._engine.ring.last_ordinal,
            heartbeat_age_ns=now_ns - self._heartbeat_mono_ns,
            tick_age_ns={symbol: now_ns - at_ns for symbol, at_ns in self._tick_mono_ns.items()},
        )
        self._ticks.clear()
        self._directions.clear()
        self._dropped = 0


def new_boot_id() -> str:
    """Return a random id for this start of the process."""
    return os.urandom(4).hex()


def _now() -> Now:
    # The domain time is 0 because strategies use only the times of ticks.
    return Now(0, mono_ns())
