"""One symbol: the buffer, the strategy, and where in the stream they stand."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import msgspec

from proto.messages import WARMING_UP, Tick
from services.signal.core.strategy import Strategy
from services.signal.core.tick_buffer import BUFFER_TICKS, TickBuffer

Direction = Literal[-1, 0, 1]


class StrategyError(RuntimeError):
    """A strategy said something that is no opinion; a bug of the strategy."""


class SequenceError(ValueError):
    """A tick was folded that is not the next one; a bug of the caller, who has to refill or reset."""


class SignalValue(NamedTuple):
    """What is said of one tick. `reason` is WARMING_UP when the strategy may not speak yet, else empty."""

    direction: Direction
    confidence: float
    reason: str


WARMING_UP_VALUE: Final = SignalValue(0, 0.0, WARMING_UP)


class _State(msgspec.Struct, frozen=True, array_like=True):
    sequence: int
    accepted: int
    buffer: bytes
    strategy: bytes


class SymbolEngine:
    """Folds the ticks of one symbol, in sequence, without a hole, and gives one word for each."""

    def __init__(self, symbol: str, strategy: Strategy, *, buffer_ticks: int = BUFFER_TICKS) -> None:
        self.symbol = symbol
        self.strategy = strategy
        self.buffer = TickBuffer(buffer_ticks)
        self.sequence = 0
        """Of the last tick folded; 0 before the first."""
        self.accepted = 0
        """Ticks folded since the last reset."""
        self._fresh = strategy.snapshot()
        self._warm_up_ticks = strategy.warm_up_ticks

    def missing_before(self, sequence: int) -> range:
        """The sequences that have to be folded before this one can be; empty when it is the next or an old one."""
        return range(self.sequence + 1, sequence)

    def on_tick(self, tick: Tick) -> SignalValue:
        """Fold a published tick, which must be the next one."""
        return self.process_tick(tick.sequence, tick.time_ns, tick.bid, tick.ask, tick.volume)

    def process_tick(self, sequence: int, time_ns: int, bid: float, ask: float, volume: float) -> SignalValue:
        """Fold the next tick.

        Raises:
            SequenceError: it is not the next one.
            StrategyError: the strategy gave no direction, or no confidence from 0 to 1.
        """
        if sequence != self.sequence + 1:
            raise SequenceError(f"tick {sequence} of {self.symbol}, expected {self.sequence + 1}")
        self.buffer.append(time_ns, bid, ask, volume)
        direction, confidence = self.strategy.on_tick(self.buffer, bid, ask, time_ns)
        self.sequence = sequence
        self.accepted += 1
        if self.accepted <= self._warm_up_ticks:
            return WARMING_UP_VALUE
        if direction not in (-1, 0, 1) or not 0.0 <= confidence <= 1.0:
            raise StrategyError(
                f"{self.strategy.name} said {direction!r} with confidence {confidence!r} on tick {sequence} of "
                f"{self.symbol}, expected -1, 0 or 1 and a number from 0 to 1"
            )
        # numpy's numbers count as numbers too, but the wire knows plain ones only.
        return SignalValue(int(direction), float(confidence), "")  # type: ignore[arg-type]

    def reset(self, sequence: int = 0) -> None:
        """Forget all ticks and warm up again; the next one is `sequence` + 1."""
        self.buffer.clear()
        self.strategy.restore(self._fresh)
        self.sequence = sequence
        self.accepted = 0

    def snapshot(self) -> bytes:
        """All that decides what is said from here on."""
        state = _State(self.sequence, self.accepted, self.buffer.snapshot(), self.strategy.snapshot())
        return msgspec.msgpack.encode(state)

    def restore(self, snapshot: bytes) -> None:
        """Become what `snapshot` saw.

        Raises:
            ValueError: the bytes are no snapshot of such an engine.
        """
        try:
            state = msgspec.msgpack.decode(snapshot, type=_State)
        except msgspec.DecodeError as error:
            raise ValueError(f"no snapshot of an engine: {error}") from None
        self.buffer.restore(state.buffer)
        self.strategy.restore(state.strategy)
        self.sequence = state.sequence
        self.accepted = state.accepted
