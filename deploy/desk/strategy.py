"""A strategy of this desk.

`STRATEGY=strategy:Breakout` in `.env`, or `--strategy strategy:Breakout`, selects it.

A strategy gets every tick and returns a direction and a confidence. It sees no positions, orders or prices of fills:
sizes, stops and exits are in plan.toml, limits in limits.toml. After a change of this file, restart the program signal.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta, Struct

if TYPE_CHECKING:
    from services.signal.core.tick_buffer import TickBuffer


class BreakoutParameters(Struct, frozen=True, kw_only=True):
    """Values that `--param range_ticks=500`, STRATEGY_PARAMS in `.env` or `[strategy]` in plan.toml can set."""

    range_ticks: Annotated[int, Meta(ge=2, le=100_000, description="ticks of the range, and warm-up")] = 300


class Breakout:
    """Buys when the mid price leaves the range of the last ticks upwards, and sells when it leaves it downwards.

    A signal against the position closes it. Between two breaks the signal is 0, which changes nothing.
    """

    name: Final = "breakout"
    Parameters = BreakoutParameters

    def __init__(self, parameters: BreakoutParameters) -> None:
        self.warm_up_ticks = parameters.range_ticks
        """Number of ticks for which the desk sends no signal of this strategy."""
        self._mids: deque[float] = deque(maxlen=parameters.range_ticks)

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """Return the direction (1 buy, -1 sell, 0 hold) and the confidence, from 0 to 1.

        `window` has the last 100 ticks, `time_ns` is UTC in nanoseconds. The result must depend on the ticks alone:
        then a backtest, a replay and the running desk decide alike.
        """
        mid, direction = (bid + ask) / 2, 0
        if len(self._mids) == self._mids.maxlen:
            direction = int(mid > max(self._mids)) - int(mid < min(self._mids))
        self._mids.append(mid)
        return direction, abs(float(direction))

    def snapshot(self) -> bytes:
        """The state, which the desk stores and gives to `restore` after a restart."""
        return struct.pack(f"<{len(self._mids)}d", *self._mids)

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot.

        Raises:
            ValueError: `state` is no snapshot of this strategy.
        """
        count, rest = divmod(len(state), 8)
        if rest or count > self.warm_up_ticks:
            raise ValueError(f"breakout snapshot of {len(state)} bytes, expected at most {8 * self.warm_up_ticks}")
        self._mids = deque(struct.unpack(f"<{count}d", state), maxlen=self.warm_up_ticks)
