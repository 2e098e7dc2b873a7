"""The venue's current point in the stream, which is a tick or a time between two ticks, and the quotes at that point.

Symbols have the broker's names.
"""

from __future__ import annotations

from collections.abc import Mapping

from marketdata.tick_stream import MarketSource, StreamTick
from proto.trading.money import Quote
from proto.trading.units import to_decimal


class MarketView:
    """A stream with the venue's current tick."""

    def __init__(self, stream: MarketSource, desk_names: Mapping[str, str]) -> None:
        """Begin before the first tick; `desk_names` maps the broker's name of a symbol to the stream's name."""
        self.stream = stream
        self.ordinal = 0
        self._desk_names = desk_names
        self._broker_names = {desk_name: name for name, desk_name in desk_names.items()}
        self._tick: StreamTick | None = None
        """The current tick; None until it is read."""
        self._quotes: dict[str, Quote | None] = {}
        self._between_ticks_ns: int | None = None

    @property
    def tick(self) -> StreamTick:
        """The current tick; requires one."""
        tick = self._tick
        if tick is None:
            tick = self._tick = self.stream.tick_at(self.ordinal)
        return tick

    @property
    def time_ns(self) -> int:
        """The time between two ticks if one is set, else the tick's time, UTC; requires a current tick."""
        if self._between_ticks_ns is not None:
            return self._between_ticks_ns
        return (self._tick or self.tick).time_ns

    @property
    def tick_time_ns(self) -> int:
        """Time of the current tick, UTC; requires a current tick."""
        return self.tick.time_ns

    @property
    def previous_tick_time_ns(self) -> int | None:
        """Time of the previous tick, UTC; None at the first."""
        return self.stream.tick_at(self.ordinal - 1).time_ns if self.ordinal > 1 else None

    @property
    def tick_symbol(self) -> str:
        """The symbol of the current tick."""
        return self._broker_names[self.tick.symbol]

    @property
    def quoted_ordinal(self) -> int:
        """The tick up to which quotes are known: the current tick, or the previous one at a time between the two."""
        return self.ordinal - (self._between_ticks_ns is not None)

    def stream_name(self, symbol: str) -> str | None:
        """The stream's name of a symbol; None if the stream lacks it."""
        return self._desk_names.get(symbol)

    def skip_to(self, ordinal: int) -> None:
        """Make `ordinal` the current tick without reading the ticks before it."""
        self._quotes.clear()
        self.ordinal = ordinal
        self._tick = None

    def next_tick(self) -> None:
        """Make the next tick the current one; cached quotes of other symbols stay valid."""
        self.ordinal += 1
        tick = self._tick = self.stream.tick_at(self.ordinal)
        self._quotes[self._broker_names[tick.symbol]] = _quote_of(tick)

    def set_time_before_tick(self, time_ns: int) -> None:
        """Set a time between the previous and the current tick, UTC; `quote` then gives the quotes at that time."""
        self._between_ticks_ns = time_ns
        self._quotes.pop(self.tick_symbol, None)

    def return_to_tick(self) -> None:
        """Return from the time between two ticks to the current tick."""
        self._between_ticks_ns = None
        self._quotes.pop(self.tick_symbol, None)

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote of a symbol; None before its first quote, and for a symbol that the stream lacks."""
        if symbol in self._quotes:
            return self._quotes[symbol]
        if symbol not in self._desk_names:
            return None
        tick = self._last_tick(symbol)
        found = self._quotes[symbol] = None if tick is None else _quote_of(tick)
        return found

    def quote_age_ns(self, symbol: str) -> int | None:
        """Age of a symbol's latest quote in ns; None before its first quote, and for a symbol that the stream lacks."""
        tick = self._last_tick(symbol)
        return None if tick is None else self.time_ns - tick.time_ns

    def _last_tick(self, symbol: str) -> StreamTick | None:
        desk_name = self._desk_names.get(symbol)
        if desk_name is None:
            return None
        if self.ordinal and self._between_ticks_ns is None and self.tick.symbol == desk_name:
            return self.tick
        return self.stream.last_tick(desk_name, self.quoted_ordinal)


def _quote_of(tick: StreamTick) -> Quote:
    return Quote(to_decimal(tick.bid), to_decimal(tick.ask))
