"""The engine of one symbol: its tick buffer, its strategy, and the sequence of the last processed tick."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import structs

from proto.messages import STRATEGY_FAULT, WARMING_UP, Tick
from services.signal.core.strategy import SignalArrays, Strategy, StrategyFactory, TickArrays, named
from services.signal.core.strategy_fault import StrategyError, StrategyFault, error_details, error_line, shown
from services.signal.core.tick_buffer import BUFFER_TICKS, TickBuffer

Direction = Literal[-1, 0, 1]

SNAPSHOT_BYTES_MAX: Final = 1 << 20
"""Maximum length of a strategy's snapshot. Every checkpoint contains the snapshots of all strategies."""


TICKS_AT_ONCE: Final = 1_000
"""Maximum number of ticks in one call of `on_ticks`, so that a slow model is not taken for one that hangs."""


class SequenceError(ValueError):
    """The tick is not the next in sequence. The caller must first fetch the missing ticks, or reset the engine."""


class SignalValue(NamedTuple):
    """The signal of one tick.

    `reason` is WARMING_UP or STRATEGY_FAULT for a HOLD that the strategy did not decide, else empty.
    """

    direction: Direction
    confidence: float
    reason: str


_NOT_RETURNED: Final = object()
_VALID_SIGNAL: Final = "a direction -1, 0 or 1 and a confidence from 0 to 1"

WARMING_UP_VALUE: Final = SignalValue(0, 0.0, WARMING_UP)
_NO_PEAKS: Final = [-1.0, -1.0, -1.0]
"""Below every confidence, with a direction as an index."""

FAULT_VALUE: Final = SignalValue(0, 0.0, STRATEGY_FAULT)


class SignalColumns(NamedTuple):
    """The signals of consecutive ticks, as arrays of equal length.

    The first `warming_up` ticks are those of the warm-up. If `error` is not None, it is the fault at the tick after the
    last signal.
    """

    direction: npt.NDArray[np.int8]
    confidence: npt.NDArray[np.float64]
    warming_up: int
    error: StrategyError | None


class _State(msgspec.Struct, frozen=True, array_like=True):
    sequence: int
    accepted: int
    buffer: bytes
    strategy: bytes


class SymbolEngine:
    """Processes the ticks of one symbol in sequence, without a gap, and returns one signal for each tick.

    A fault of the strategy on a tick raises a `StrategyError`. After any fault, `fault` has the reason, the engine
    accepts no tick until `reset`, and `snapshot` returns the last snapshot before the fault. After a restart of the
    process, the engine continues from this snapshot and calls the strategy again.
    """

    def __init__(
        self,
        symbol: str,
        strategy: Strategy,
        *,
        parameters: str = "",
        buffer_ticks: int = BUFFER_TICKS,
        mark_call: Callable[[int], object] | None = None,
    ) -> None:
        """Start before the first tick.

        Args:
            symbol: symbol of the ticks.
            strategy: the strategy to call with each tick.
            parameters: values of its parameters that differ from the defaults, as text. A snapshot is for these values.
            buffer_ticks: number of ticks in the strategy's window.
            mark_call: called before each call of the strategy, so that the next process can find the call during which
                this process died. The argument is the tick's sequence, or for `snapshot` and `restore` of the strategy
                the engine's `sequence`.

        Raises:
            StrategyError: the strategy's `snapshot` fails.
        """
        self.symbol = symbol
        self.strategy = strategy
        self.label = named(shown_name(strategy), parameters)
        """Name of the strategy with its parameters."""
        self.buffer = TickBuffer(buffer_ticks)
        self.sequence = 0
        """Sequence of the last processed tick; 0 before the first."""
        self.accepted = 0
        """Number of ticks processed since the last reset."""
        self.fault: StrategyFault | None = None
        self.array_problem = ""
        """Why `on_ticks` of the strategy is no longer called; empty while it works."""
        self.newest: Tick | None = None
        """The last tick of `on_tick`; None before the first and after a reset."""
        self.newest_value = WARMING_UP_VALUE
        """The signal of `newest`."""
        self.counts = [0, 0, 0]
        """Counts of the signals of `on_tick` by direction as an index: 0 hold, 1 buy, and -1, the last, sell."""
        self.warm_up_signals = 0
        """Number of signals of `on_tick` during a warm-up, which `counts` does not contain. A reset changes neither."""
        self._peaks = _NO_PEAKS.copy()
        self._mark_call = mark_call
        self._is_out_of_use = False
        self.kept_strategy = self.label
        """Label of the strategy that made the latest snapshot; empty if the engine is out of use and restored none."""
        self._fresh = self._strategy_snapshot()
        self._warm_up_ticks = strategy.warm_up_ticks
        self._keep(self._fresh)

    @classmethod
    def out_of_use(cls, symbol: str, fault: StrategyFault) -> SymbolEngine:
        """Create an engine whose strategy cannot be used, or must not be called again in this process."""
        engine = cls(symbol, _NoStrategy(fault.strategy))
        engine.fault, engine._is_out_of_use, engine.kept_strategy = fault, True, ""
        return engine

    @property
    def is_warming_up(self) -> bool:
        """Whether the signal of the next tick is still a HOLD of the warm-up."""
        return self.accepted < self._warm_up_ticks

    def accepts(self, strategy: str) -> bool:
        """Whether the engine can restore a snapshot of the labeled strategy: its own, or any if it is out of use."""
        return self._is_out_of_use or strategy == self.kept_strategy

    def on_tick(self, tick: Tick) -> SignalValue:
        """Process a published tick, which must be the next in sequence, and count its signal."""
        value = self.process_tick(tick.sequence, tick.time_ns, tick.bid, tick.ask, tick.volume)
        self.newest, self.newest_value = tick, value
        direction, confidence, reason = value
        if reason:
            self.warm_up_signals += 1
        else:
            self.counts[direction] += 1
            if confidence > self._peaks[direction]:
                self._peaks[direction] = confidence
        return value

    def take_peaks(self) -> dict[int, float]:
        """Return the highest confidence by direction since the last call, for each direction that was signaled."""
        peaks, self._peaks = self._peaks, _NO_PEAKS.copy()
        return {direction: peaks[direction] for direction in (-1, 0, 1) if peaks[direction] >= 0}

    def process_tick(self, sequence: int, time_ns: int, bid: float, ask: float, volume: float) -> SignalValue:
        """Process the next tick and return its signal.

        Args:
            sequence: sequence of the tick, from 1.
            time_ns: event time, UTC nanoseconds.
            bid: best bid, > 0.
            ask: best ask, > 0.
            volume: volume in the source's unit; 0 if unknown.

        Raises:
            SequenceError: the tick is not the next in sequence.
            StrategyError: the strategy raised an exception or returned an invalid signal, or `fault` was already set.
        """
        if sequence != self.sequence + 1:
            raise SequenceError(f"tick {sequence} of {self.symbol}, expected {self.sequence + 1}")
        if self.fault is not None:
            raise StrategyError(self.fault)
        self.buffer.append(time_ns, bid, ask, volume)
        if self._mark_call is not None:
            self._mark_call(sequence)
        returned: object = _NOT_RETURNED
        value: SignalValue | None = None
        try:
            returned = self.strategy.on_tick(self.buffer, bid, ask, time_ns)
            direction, confidence = returned
            if self.accepted < self._warm_up_ticks:
                value = WARMING_UP_VALUE
            elif direction in (-1, 0, 1) and 0.0 <= confidence <= 1.0:
                # A strategy may return numpy's numbers, but messages can contain only Python's.
                value = SignalValue(int(direction), float(confidence), "")  # type: ignore[arg-type]
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit, because the process runs the strategies of other symbols
            if returned is _NOT_RETURNED:
                raise self._stop(error_line(error), sequence, time_ns, error_details(error)) from error
        if value is None:
            raise self._stop(f"returned {shown(returned)}, expected {_VALID_SIGNAL}", sequence, time_ns)
        self.sequence = sequence
        self.accepted += 1
        return value

    def process_ticks(self, ticks: TickArrays) -> SignalColumns:
        """Process the next ticks, as `process_tick` does, and return their signals.

        The strategy decides up to `TICKS_AT_ONCE` of them at once if it can (`strategy.ArrayStrategy`).
        """
        parts: list[SignalColumns] = []
        for start in range(0, max(1, len(ticks.bid)), TICKS_AT_ONCE):
            parts.append(self._process_part(ticks.part(start, start + TICKS_AT_ONCE)))
            if parts[-1].error is not None:
                break
        if len(parts) == 1:
            return parts[0]
        return SignalColumns(
            np.concatenate([part.direction for part in parts]),
            np.concatenate([part.confidence for part in parts]),
            sum(part.warming_up for part in parts),
            parts[-1].error,
        )

    def _process_part(self, ticks: TickArrays) -> SignalColumns:
        warming_up = min(max(self._warm_up_ticks - self.accepted, 0), len(ticks.bid))
        signals = self._signals_at_once(ticks, warming_up)
        if signals is not None:
            self.buffer.extend(*ticks)
            self.sequence += len(ticks.bid)
            self.accepted += len(ticks.bid)
            return SignalColumns(*signals, warming_up, None)
        directions, confidences, error = list[int](), list[float](), None
        for row in zip(*(column.tolist() for column in ticks), strict=True):
            try:
                direction, confidence, _ = self.process_tick(self.sequence + 1, *row)
            except StrategyError as fault:
                error = fault
                break
            directions.append(direction)
            confidences.append(confidence)
        return SignalColumns(
            np.array(directions, dtype=np.int8), np.array(confidences, dtype=np.float64), warming_up, error
        )

    def _signals_at_once(self, ticks: TickArrays, warming_up: int) -> SignalArrays | None:
        """The signals of the strategy's `on_ticks`; None, with the state before it, if it is missing or has failed."""
        decide = getattr(self.strategy, "on_ticks", None)
        if decide is None or self.fault is not None or self.array_problem:
            return None
        if self._mark_call is not None:
            self._mark_call(self.sequence + 1)
        before, problem = None, "returned no arrays of directions -1, 0 or 1 and confidences from 0 to 1"
        try:
            before = self.strategy.snapshot()
            direction, confidence = decide(self.buffer, ticks)
            signals = SignalArrays(np.array(direction, dtype=np.int8), np.array(confidence, dtype=np.float64))
            signals.direction[:warming_up], signals.confidence[:warming_up] = WARMING_UP_VALUE[:2]
            is_valid = (
                signals.direction.shape == signals.confidence.shape == ticks.bid.shape
                and np.isin(direction[warming_up:], (-1, 0, 1)).all()
                and ((signals.confidence >= 0) & (signals.confidence <= 1)).all()
            )
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # `on_tick` decides whether and at which tick there is a fault
            is_valid, problem = False, error_line(error)
        if is_valid:
            return signals
        self.array_problem = f"on_ticks of {shown_name(self.strategy)} failed at tick {self.sequence + 1}: {problem}"
        if before is not None:
            self._restore_strategy(before)
        return None

    def reset(self, sequence: int = 0) -> None:
        """Forget all ticks and warm up again; the next tick must be `sequence` + 1.

        A fault is cleared, except that of an engine out of use. A `restore` of the strategy that fails here is a new
        fault. The latest snapshot is that of a fresh strategy at `sequence`.
        """
        self.buffer.clear()
        self.sequence = sequence
        self.accepted = 0
        self.newest = None
        if self._is_out_of_use:
            return
        self.fault = None
        self._keep(self._fresh)
        try:
            self._restore_strategy(self._fresh)
        except ValueError as error:
            self._stop(f"restore: {error}"[:200], sequence, 0)

    def snapshot(self) -> bytes:
        """Return the state from which all later signals follow; after a fault, the last state before the fault."""
        if self.fault is None:
            try:
                self._keep(self._strategy_snapshot())
            except StrategyError:
                assert self.fault is not None  # the next HELLO reports the fault
        return self._kept

    @property
    def kept_sequence(self) -> int:
        """Sequence of the last tick in the latest snapshot."""
        return self._kept_sequence

    def restore(self, snapshot: bytes, strategy: str = "") -> None:
        """Return to the state of `snapshot`, which was made by the strategy with the label `strategy`.

        An engine out of use keeps the snapshot and the label for later checkpoints.

        Raises:
            ValueError: `snapshot` is no snapshot of an engine with this strategy.
        """
        try:
            state = msgspec.msgpack.decode(snapshot, type=_State)
        except msgspec.DecodeError as error:
            raise ValueError(f"no snapshot of an engine: {error}") from None
        self.buffer.restore(state.buffer)
        if not self._is_out_of_use:
            self._restore_strategy(state.strategy)
        self.sequence = state.sequence
        self.accepted = state.accepted
        self._kept, self._kept_sequence = snapshot, state.sequence
        self.kept_strategy = self.kept_strategy or strategy

    def _keep(self, strategy: bytes) -> None:
        state = _State(self.sequence, self.accepted, self.buffer.snapshot(), strategy)
        self._kept, self._kept_sequence = msgspec.msgpack.encode(state), self.sequence

    def _strategy_snapshot(self) -> bytes:
        if self._mark_call is not None:
            self._mark_call(self.sequence)
        try:
            state: object = self.strategy.snapshot()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # any error of a strategy stops only its symbol
            raise self._stop(error_line(error, "snapshot"), self.sequence, 0, error_details(error)) from error
        if not isinstance(state, bytes) or len(state) > SNAPSHOT_BYTES_MAX:
            what = f"{len(state)} bytes" if isinstance(state, bytes) else shown(state)
            raise self._stop(f"snapshot: {what}, expected at most {SNAPSHOT_BYTES_MAX} bytes", self.sequence, 0)
        return state

    def _restore_strategy(self, state: bytes) -> None:
        if self._mark_call is not None:
            self._mark_call(self.sequence)
        try:
            self.strategy.restore(state)
        except (ValueError, KeyboardInterrupt):
            raise
        except BaseException as error:  # any error means that the strategy cannot use the state
            raise ValueError(error_line(error)) from error

    def _stop(self, error: str, sequence: int, time_ns: int, details: str = "") -> StrategyError:
        self.fault = StrategyFault(self.symbol, shown_name(self.strategy), sequence, time_ns, error, details)
        return StrategyError(self.fault)


def make_engine(
    symbol: str,
    make_strategy: Callable[[], Strategy],
    *,
    fault: StrategyFault | None = None,
    mark_call: Callable[[str, int], object] | None = None,
) -> SymbolEngine:
    """Create a symbol's engine, which is out of use if `fault` is given, or if its strategy or first snapshot fails.

    Args:
        symbol: symbol of the engine.
        make_strategy: creates the strategy; may raise StrategyError.
        fault: why the strategy must not be called; None if it may.
        mark_call: called with symbol and sequence before each call of the strategy.
    """
    if fault is None:
        try:
            mark = None if mark_call is None else partial(mark_call, symbol)
            parameters = make_strategy.text if isinstance(make_strategy, StrategyFactory) else ""
            return SymbolEngine(symbol, _made(symbol, make_strategy), parameters=parameters, mark_call=mark)
        except StrategyError as error:
            fault = structs.replace(error.fault, symbol=symbol)
    return SymbolEngine.out_of_use(symbol, fault)


def _made(symbol: str, make_strategy: Callable[[], Strategy]) -> Strategy:
    try:
        return make_strategy()
    except (StrategyError, KeyboardInterrupt):
        raise
    except BaseException as error:  # any error of a strategy stops only its symbol
        name = getattr(make_strategy, "__name__", "")
        fault = StrategyFault(symbol, name or "without a name", 0, 0, error_line(error), error_details(error))
        raise StrategyError(fault) from error


class _NoStrategy:
    """Placeholder for a strategy that cannot be used. Only its `snapshot` is called, when the engine is created."""

    warm_up_ticks = 0

    def __init__(self, name: str) -> None:
        self.name = name

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        return 0, 0.0

    def snapshot(self) -> bytes:
        return b""

    def restore(self, state: bytes) -> None:
        pass


def shown_name(strategy: Strategy) -> str:
    """Return a strategy's name, or the name of its class if `name` is not a string."""
    name = getattr(strategy, "name", None)
    return name if isinstance(name, str) else type(strategy).__name__
