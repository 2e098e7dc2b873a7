"""Builders for tests of the signal engine: ticks, a strategy, and a gateway that replies to HELLO and GET_TICKS."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

import msgspec

from proto.gateway import ErrorCode, ErrorReply, GetTicks, Hello, HelloReply, TicksReply
from proto.messages import Signal, Tick
from proto.time import Now
from services.signal.core.signal_engine import SLICE_NS, Message, Output, SignalEngine
from services.signal.core.strategies.ema_cross import EmaCross
from services.signal.core.strategy import Strategy
from services.signal.core.tick_buffer import TickBuffer

STREAM = "stream-1"
MS = 1_000_000


class Momentum:
    """A strategy with a short warm-up whose signals depend on all ticks, so that a gap would change them."""

    name = "momentum"
    warm_up_ticks = 5

    def __init__(self) -> None:
        self._sum = 0.0

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """Return the sign of the change over the window, and a confidence that depends on every earlier tick."""
        self._sum = 0.9 * self._sum + (ask - bid)
        move = float(bid - window.bid[0])
        return (move > 0) - (move < 0), abs(self._sum) / (1 + abs(self._sum))

    def snapshot(self) -> bytes:
        return self._sum.hex().encode()

    def restore(self, state: bytes) -> None:
        self._sum = float.fromhex(state.decode())


def a_walk(count: int, *, seed: int = 1, symbols: Sequence[str] = ("EURUSD",), stream_id: str = STREAM) -> list[Tick]:
    """Return a seeded random walk of several symbols, in the order of ordinals."""
    draw = random.Random(seed)
    mids = {symbol: 1.1 + number for number, symbol in enumerate(symbols)}
    sequences = dict.fromkeys(symbols, 0)
    ticks = []
    for ordinal in range(1, count + 1):
        symbol = draw.choice(symbols)
        sequences[symbol] += 1
        mids[symbol] += draw.choice((-3, -2, -1, 0, 1, 2, 3)) * 1e-5
        bid = round(mids[symbol], 5)
        ask = round(bid + draw.randint(-1, 4) * 1e-5, 5)
        time_ns = 1_398_902_400_000_000_000 + ordinal * 250 * MS
        ticks.append(
            Tick("mt5-test", "boot", stream_id, symbol, sequences[symbol], ordinal, time_ns, bid, ask, 0.0, ordinal)
        )
    return ticks


class TickGateway:
    """Replies to HELLO and GET_TICKS from a list of ticks, of which the first `published` are published."""

    def __init__(self, ticks: Sequence[Tick], *, window: int = 10, stream_id: str = STREAM) -> None:
        self.ticks = list(ticks)
        self.stream_id = stream_id
        self.window = window
        self.published = 0
        self.confirmed = 0
        self.page_ticks_max = 1_000
        self.requests: list[Hello | GetTicks] = []

    def answer(self, request: Hello | GetTicks) -> HelloReply | TicksReply | ErrorReply:
        """Return the gateway's reply to a request."""
        self.requests.append(request)
        if isinstance(request, Hello):
            return self.hello(request.request_id)
        out = [t for t in self.ticks[: self.published] if t.symbol == request.symbol]
        if request.symbol not in {tick.symbol for tick in self.ticks}:
            return self.error(request.request_id)
        page = out[request.from_sequence - 1 :][: min(request.limit, self.page_ticks_max)]
        return a_page(page, symbol=request.symbol, from_sequence=request.from_sequence, stream_id=self.stream_id)

    def hello(self, request_id: str = "") -> HelloReply:
        """Return the reply to HELLO, with the progress of the stream."""
        symbols = {tick.symbol for tick in self.ticks}
        out = self.ticks[: self.published]
        return HelloReply(
            status="OK",
            request_id=request_id,
            mode="simulated",
            venue="simulated",
            account="paper",
            boot_id="boot",
            stream_id=self.stream_id,
            journal_id="journal",
            now_ns=0,
            window=self.window,
            published=self.published,
            confirmed=self.confirmed,
            sequences={symbol: sum(tick.symbol == symbol for tick in out) for symbol in symbols},
            first_time_ns=0,
            currency="USD",
            currency_digits=2,
            data_sha256="",
            fills="immediate",
        )

    def error(self, request_id: str) -> ErrorReply:
        """Return the refusal of an unknown symbol."""
        return ErrorReply(
            status="ERROR",
            request_id=request_id,
            mode="simulated",
            venue="simulated",
            account="paper",
            boot_id="boot",
            error="no such symbol",
            error_code=ErrorCode.UNKNOWN_SYMBOL,
        )


def a_page(
    ticks: Sequence[Tick], *, symbol: str, from_sequence: int, stream_id: str = STREAM, request_id: str = ""
) -> TicksReply:
    """Return ticks as the reply to the GET_TICKS request with this id."""
    return TicksReply(
        status="OK",
        request_id=request_id,
        mode="simulated",
        venue="simulated",
        account="paper",
        boot_id="boot",
        symbol=symbol,
        stream_id=stream_id,
        from_sequence=from_sequence,
        ordinal=[tick.ordinal for tick in ticks],
        time_ns=[tick.time_ns for tick in ticks],
        bid=[tick.bid for tick in ticks],
        ask=[tick.ask for tick in ticks],
        volume=[tick.volume for tick in ticks],
    )


class Bench:
    """A signal engine whose requests the gateway answers at once, with a record of its outputs."""

    def __init__(
        self,
        gateway: TickGateway,
        *,
        symbols: Sequence[str] = ("EURUSD",),
        make_strategy: Callable[[], Strategy] = EmaCross,
    ) -> None:
        self.gateway = gateway
        self.engine = SignalEngine(
            publisher="signal.test", boot_id="s1", make_strategies=dict.fromkeys(symbols, make_strategy)
        )
        self.mono_ns = 1_000 * MS
        self.outputs: list[Output] = []
        self.is_gateway_reachable = True

    @property
    def now(self) -> Now:
        return Now(0, self.mono_ns)

    @property
    def signals(self) -> list[Signal]:
        """All signals so far, in the order of sending."""
        return [output for output in self.outputs if isinstance(output, Signal)]

    def outputs_of(self, kind: type) -> list[Output]:
        """Return the outputs of one type."""
        return [output for output in self.outputs if isinstance(output, kind)]

    def start(self) -> Bench:
        """Start the engine and perform its outputs."""
        self.take(self.engine.start(self.now))
        return self

    def publish(self, ticks: Iterable[Tick], *, but: frozenset[int] = frozenset()) -> Bench:
        """Publish ticks; the ticks with an ordinal in `but` do not reach the engine."""
        for tick in ticks:
            self.gateway.published = max(self.gateway.published, tick.ordinal)
            if tick.ordinal not in but:
                self.take(self.engine.handle(tick, self.now))
                self.take(self.engine.on_idle(self.now))
        return self

    def defer(self, tick: Tick) -> Bench:
        """Deliver a tick at the end of a long burst, so that the engine does not process it at once."""
        self.take(self.engine.handle(msgspec.structs.replace(tick, symbol="XAUUSD"), self.now))
        self.mono_ns += SLICE_NS
        self.take(self.engine.handle(tick, self.now))
        self.take(self.engine.on_idle(self.now))
        return self

    def wait(self, milliseconds: int) -> Bench:
        """Advance the time, and call the engine's timer whenever it is due."""
        end = self.mono_ns + milliseconds * MS
        while (due := self.engine.next_timer()) <= end:
            self.mono_ns = max(self.mono_ns, due)
            self.take(self.engine.on_timer(self.now))
        self.mono_ns = end
        return self

    def process_some(self) -> Bench:
        """Let the engine process some of the fetched ticks."""
        self.take(self.engine.on_timer(self.now))
        return self

    def receive(self, message: Message) -> Bench:
        """Deliver a message, and let the engine process all ticks in it."""
        self.take(self.engine.handle(message, self.now))
        while self.has_page:
            self.process_some()
        return self

    @property
    def has_page(self) -> bool:
        """Whether fetched ticks wait to be processed."""
        return self.engine.next_timer() == 0

    def take(self, outputs: Sequence[Output]) -> None:
        """Record outputs, and let the gateway answer the requests among them."""
        self.outputs += outputs
        for output in outputs:
            if isinstance(output, Hello | GetTicks) and self.is_gateway_reachable:
                self.receive(self.gateway.answer(output))


def decisions(signals: Iterable[Signal]) -> list[tuple[object, ...]]:
    """Return the fields of each signal except the times of publication and sending, in the order of ordinals."""
    found = {
        s.ordinal: (s.ordinal, s.symbol, s.sequence, s.time_ns, s.bid, s.ask, s.direction, s.confidence, s.reason)
        for s in signals
    }
    return [found[ordinal] for ordinal in sorted(found)]
