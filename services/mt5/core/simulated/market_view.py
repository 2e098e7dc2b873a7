"""A venue's position in its market: a tick, or a moment between two ticks, with the quotes at that time.

Symbols here have the broker's names.
"""

from __future__ import annotations

from collections.abc import Mapping

from marketdata.tick_stream import MarketSource, StreamTick
from proto.trading.money import Quote
from proto.trading.units import to_decimal


class MarketView:
    """A stream at the venue's current position."""

    def __init__(self, stream: MarketSource, desk_names: Mapping[str, str]) -> None:
        """Stand before the first tick; `desk_names` are the stream's names of symbols by the broker's."""
        self.stream = stream
        self.ordinal = 0
        self._desk_names = desk_names
        self._broker_names = {desk_name: name for name, desk_name in desk_names.items()}
        self._quotes: dict[str, Quote | None] = {}
        self._moment_ns: int | None = None

    @property
    def time_ns(self) -> int:
        """The moment between two ticks while one is processed, else the tick's time; requires a tick."""
        return self.tick_time_ns if self._moment_ns is None else self._moment_ns

    @property
    def tick_time_ns(self) -> int:
        """Time of the tick; requires a tick."""
        return self.stream.tick_at(self.ordinal).time_ns

    @property
    def previous_tick_time_ns(self) -> int | None:
        """Time of the previous tick; None at the first."""
        return self.stream.tick_at(self.ordinal - 1).time_ns if self.ordinal > 1 else None

    @property
    def tick_symbol(self) -> str:
        """The symbol of the tick."""
        return self._broker_names[self.stream.tick_at(self.ordinal).symbol]

    @property
    def quoted_ordinal(self) -> int:
        """The tick up to which quotes are known: at a moment between two ticks the earlier one."""
        return self.ordinal - (self._moment_ns is not None)

    def skip_to(self, ordinal: int) -> None:
        """Go to another tick without reading those between."""
        self._quotes.clear()
        self.ordinal = ordinal

    def next_tick(self) -> None:
        """Go to the next tick; cached quotes of other symbols stay valid."""
        self.ordinal += 1
        tick = self.stream.tick_at(self.ordinal)
        self._quotes[self._broker_names[tick.symbol]] = _quote_of(tick)

    def stand_before_tick(self, time_ns: int) -> None:
        """Go to a moment between the previous tick and this one, with the quotes at that time."""
        self._moment_ns = time_ns
        self._quotes.pop(self.tick_symbol, None)

    def stand_at_tick(self) -> None:
        """Return from such a moment to the tick."""
        self._moment_ns = None
        self._quotes.pop(self.tick_symbol, None)

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote of a symbol, or None when it has had none."""
        if symbol in self._quotes:
            return self._quotes[symbol]
        if symbol not in self._desk_names:
            return None
        tick = self._last_tick(symbol)
        found = self._quotes[symbol] = None if tick is None else _quote_of(tick)
        return found

    def quote_age_ns(self, symbol: str) -> int | None:
        """How old the latest quote of a symbol is; None when it has had none."""
        tick = self._last_tick(symbol)
        return None if tick is None else self.time_ns - tick.time_ns

    def _last_tick(self, symbol: str) -> StreamTick | None:
        desk_name = self._desk_names.get(symbol)
        return None if desk_name is None else self.stream.last_tick(desk_name, self.quoted_ordinal)


def _quote_of(tick: StreamTick) -> Quote:
    return Quote(to_decimal(tick.bid), to_decimal(tick.ask))
