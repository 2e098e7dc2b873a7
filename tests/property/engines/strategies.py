"""Strategies that decide by a hash of the tick, so that they depend on nothing but the data."""

from __future__ import annotations

import struct
import zlib

from services.signal.core.tick_buffer import TickBuffer

_TICK = struct.Struct("<ddq")
_STATE = struct.Struct("<b")


def hash_of(bid: float, ask: float, time_ns: int) -> int:
    """A number of 32 bits."""
    return zlib.crc32(_TICK.pack(bid, ask, time_ns))


class Drawn:
    """Keeps its direction until a hash says otherwise; confidence in hundredths."""

    name = "drawn"
    warm_up_ticks = 0
    one_in = 1
    """On average one tick in so many draws a direction from `directions`; the others keep it, or hold."""
    directions: tuple[int, ...] = (-1, 1)
    keeps = True
    """Whether the direction stays until the next draw; otherwise it is 0 between the draws."""

    def __init__(self) -> None:
        """Start without a direction."""
        self._direction = 0

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """Direction and confidence by the hash of the tick."""
        drawn = hash_of(bid, ask, time_ns)
        if drawn % self.one_in == 0:
            self._direction = self.directions[(drawn >> 12) % len(self.directions)]
        elif not self.keeps:
            self._direction = 0
        return self._direction, 0.4 + (drawn >> 20) % 61 / 100

    def snapshot(self) -> bytes:
        """The direction."""
        return _STATE.pack(self._direction)

    def restore(self, state: bytes) -> None:
        """Continue with a direction."""
        (self._direction,) = _STATE.unpack(state)


class Flipping(Drawn):
    """Draws a side at every tick."""

    name = "flipping_by_hash"


class Moody(Drawn):
    """Draws a side or none at every twelfth tick and keeps it."""

    name = "moody"
    one_in = 12
    directions = (-1, 0, 1)


class Seldom(Drawn):
    """A side at every twentieth tick, and hold in between."""

    name = "seldom"
    one_in = 20
    keeps = False


class Patient(Drawn):
    """Draws a side at every eightieth tick and keeps it."""

    name = "patient"
    one_in = 80
    warm_up_ticks = 7


class OneSided(Drawn):
    """Always buys, or always sells, as the first drawn tick says."""

    name = "one_sided"
    one_in = 3

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:
        """The first direction that is drawn."""
        before = self._direction
        found = super().on_tick(window, bid, ask, time_ns)
        if before:
            self._direction = before
            return before, found[1]
        return found


class Failing(Drawn):
    """Raises at one tick in 150."""

    name = "failing"

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:
        """A side, or an error."""
        if hash_of(bid, ask, time_ns) % 151 == 1:
            raise ValueError("no idea")
        return super().on_tick(window, bid, ask, time_ns)
