"""The protocol of strategies. A strategy has a state for one symbol and returns a signal for each tick of the symbol.

A new strategy is a file beside `strategies/ema_cross.py`, or any class that is named in the settings as
`package.module:Class`. Its constructor takes the parameters that the class declares in `Parameters`, a frozen msgspec
struct with a default for each; without this attribute it takes no arguments.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from services.signal.core.tick_buffer import Floats, Ints, TickBuffer

_STRATEGY_CHARS_MAX: Final = 64


class Strategy(Protocol):
    """A strategy for one symbol.

    Its signals may depend only on the ticks of the symbol, not on a clock, random numbers or files. An exception
    (including SystemExit) or an invalid return value is a fault. After a fault the symbol gets HOLD signals until a
    restart tries the strategy again; other symbols are not affected. It is also a fault if calls at the same tick end
    or block the process three times in a row.
    """

    @property
    def name(self) -> str:
        """Name of the strategy in messages and checkpoints; at most 64 characters."""

    @property
    def warm_up_ticks(self) -> int:
        """Number of ticks for which the signal is HOLD; tick `warm_up_ticks` + 1 may have the first other signal."""

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:
        """Process one tick and return the signal. It is called for every tick, including those of the warm-up.

        Args:
            window: the latest ticks; the last of them is this tick. Its columns are views, which must not be kept.
            bid: best bid, > 0.
            ask: best ask, > 0; below the bid on a crossed quote.
            time_ns: venue time of the tick, UTC nanoseconds.

        Returns:
            Direction (+1 buy, 0 hold, -1 sell), and confidence from 0 to 1.
        """

    def snapshot(self) -> bytes:
        """Return the complete state, at most 1 MiB. After `restore` the same ticks must give the same signals."""

    def restore(self, state: bytes) -> None:
        """Return to the state of `snapshot`.

        Raises:
            ValueError: `state` is no snapshot of this strategy.
        """


@dataclass(frozen=True)
class StrategyFactory:
    """Creates the strategy of a symbol with its parameters; they are None for a strategy without parameters.

    `text` has the values that differ from the defaults, such as `fast_ticks=20`.
    """

    make: Callable[..., Strategy]
    parameters: Struct | None = None
    text: str = ""

    def __call__(self) -> Strategy:
        """Create the strategy, before its first tick."""
        return self.make() if self.parameters is None else self.make(self.parameters)


class TickArrays(NamedTuple):
    """Consecutive ticks of one symbol as 1-D arrays of equal length, which must not be changed."""

    time_ns: Ints
    bid: Floats
    ask: Floats
    volume: Floats

    def part(self, start: int, stop: int) -> TickArrays:
        """The ticks with indices `start` to `stop - 1`, as views."""
        return TickArrays(self.time_ns[start:stop], self.bid[start:stop], self.ask[start:stop], self.volume[start:stop])


class SignalArrays(NamedTuple):
    """Signals of consecutive ticks: direction (-1, 0, +1) and confidence (0 to 1), arrays of equal length."""

    direction: npt.NDArray[np.int8]
    confidence: Floats


class ArrayStrategy(Strategy, Protocol):
    """A strategy that also decides many ticks at once, so that a backtest is faster; this is optional.

    If `on_ticks` fails or returns an invalid signal, the engine restores the state before it and calls `on_tick` for
    each of the ticks. So an error concerns the same tick as in a desk.
    """

    def on_ticks(self, window: TickBuffer, ticks: TickArrays) -> SignalArrays:
        """Process consecutive ticks, and return their signals: to the last bit those that `on_tick` returns.

        Args:
            window: the latest ticks before `ticks`.
            ticks: at least one tick; times, bids and asks are those of `on_tick`.
        """


class ModelReport(NamedTuple):
    """Values of a strategy's model for people; the fields are those of `StrategyReport`."""

    model: str
    model_sha256: str
    thresholds: dict[str, float]
    probabilities: dict[str, float]
    features: dict[str, float]


class ModelStrategy(ABC):
    """Base of the desk's own strategies that report the values of their model."""

    @abstractmethod
    def model_report(self, window: TickBuffer) -> ModelReport:
        """Compute the values for the newest tick of `window`; the state does not change, and no error is raised.

        It is called once a second, not for each tick. Probabilities and features are empty during the warm-up.
        """


def named(strategy: str, parameters: str) -> str:
    """Return the name of a strategy with the values of its parameters that differ from the defaults, if there are any.

    Args:
        strategy: the strategy's own name.
        parameters: the values as text, such as `fast_ticks=20`.
    """
    return f"{strategy}({parameters})" if parameters else strategy


def strategy_label(names: Mapping[str, str]) -> str:
    """Return the name of the strategy if all symbols have the same strategy, else `SYMBOL=NAME` for each symbol.

    The names are those of `named`. A text that is too long for a HELLO is replaced by a digest.
    """
    if len(set(names.values())) == 1:
        label = next(iter(names.values()))
    else:
        label = ",".join(f"{symbol}={name}" for symbol, name in names.items())
    return label if len(label) <= _STRATEGY_CHARS_MAX else f"sha256-{hashlib.sha256(label.encode()).hexdigest()[:16]}"
