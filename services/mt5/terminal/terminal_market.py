"""A terminal's ticks as the gateway's market: numbered in the order in which they came, with the newest of them kept.

They are published as they come. The market has no end, and older ticks are not available.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from marketdata.generated_market import ENDLESS
from marketdata.tick_stream import StreamTick, TickColumns
from proto.gateway import TickCounts
from services.mt5.core.gateway.tick_publisher import Pace, TickPublisher
from services.mt5.terminal.tick_reader import TickBatch

TICKS_KEPT: Final = 200_000
"""A day of a busy symbol, which is as far back as a restarted strategy asks."""

AT_ONCE: Final = Pace(window=0, factor=1.0)


class TerminalMarket:
    """`marketdata.tick_stream.MarketSource` of a terminal's ticks."""

    data_sha256 = ""
    last_ordinal = ENDLESS

    def __init__(self, symbols: Sequence[str], *, kept: Iterable[StreamTick] = (), first_time_ns: int = 0) -> None:
        """Continue after the kept ticks, which are in order of their ordinals without a gap.

        Args:
            symbols: by the desk's names.
            kept: ticks of earlier starts.
            first_time_ns: time at which the market begins, UTC.
        """
        self.symbols = tuple(symbols)
        self.first_time_ns = first_time_ns
        self._ticks: list[StreamTick] = []
        self._of: dict[str, list[int]] = {symbol: [] for symbol in self.symbols}
        self._sequences = dict.fromkeys(self.symbols, 0)
        self._read = 0
        self._rejected: dict[str, int] = {}
        self.opening_ordinal = 0
        for tick in kept:
            self._append(tick)
        self.opening_ordinal = self.newest_ordinal

    @property
    def newest_ordinal(self) -> int:
        """The last tick that has come."""
        return self._ticks[-1].ordinal if self._ticks else 0

    @property
    def newest_time_ns(self) -> int:
        """Its time; 0 before the first."""
        return self._ticks[-1].time_ns if self._ticks else 0

    @property
    def counts(self) -> TickCounts:
        """Rows since this start."""
        published = self._read - sum(self._rejected.values())
        return TickCounts(read=self._read, published=published, rejected=dict(self._rejected))

    def number_ticks(self, batches: dict[str, TickBatch]) -> list[StreamTick]:
        """The ticks of a snapshot, merged and numbered; `add` gets them when they are durable."""
        rows = [
            (tick, place, row)
            for place, symbol in enumerate(self.symbols)
            if symbol in batches
            for row, tick in enumerate(batches[symbol].ticks)
        ]
        rows.sort(key=lambda entry: (entry[0].time_ns, entry[1], entry[2]))
        sequences = dict(self._sequences)
        numbered = []
        for ordinal, (tick, place, _) in enumerate(rows, start=self.newest_ordinal + 1):
            symbol = self.symbols[place]
            sequences[symbol] += 1
            numbered.append(StreamTick(symbol, sequences[symbol], ordinal, *tick))
        return numbered

    def add(self, ticks: Sequence[StreamTick], batches: dict[str, TickBatch]) -> None:
        """Add the ticks of `number_ticks`, and count the rows of their batches."""
        for tick in ticks:
            self._append(tick)
        for batch in batches.values():
            self._read += batch.read
            for reason, count in batch.rejected.items():
                self._rejected[reason] = self._rejected.get(reason, 0) + count
        if len(self._ticks) > 2 * TICKS_KEPT:
            self._forget()

    def tick_at(self, ordinal: int) -> StreamTick:
        """The tick with this ordinal, which is kept."""
        first = self._ticks[0].ordinal
        assert first <= ordinal <= self.newest_ordinal, (first, ordinal, self.newest_ordinal)
        return self._ticks[ordinal - first]

    def last_tick(self, symbol: str, ordinal: int) -> StreamTick | None:
        """The symbol's latest tick at or before `ordinal`; None when none is kept."""
        ordinals = self._of.get(symbol, [])
        place = bisect_left(ordinals, ordinal + 1)
        return self.tick_at(ordinals[place - 1]) if place else None

    def sequences_at(self, ordinal: int) -> dict[str, int]:
        """Each symbol's last sequence at or before `ordinal`; 0 for one without a tick by then."""
        found = {symbol: self.last_tick(symbol, ordinal) for symbol in self.symbols}
        return {symbol: tick.sequence if tick else 0 for symbol, tick in found.items()}

    def ticks(self, symbol: str, *, from_sequence: int, limit: int, published: int) -> TickColumns:
        """At most `limit` ticks from a sequence on, or from the oldest kept; none past ordinal `published`."""
        ordinals = self._of[symbol]
        if not ordinals:
            return TickColumns(from_sequence, [], [], [], [], [])
        oldest = self.tick_at(ordinals[0]).sequence
        begin = max(0, from_sequence - oldest)
        rows = [self.tick_at(at) for at in ordinals[begin : begin + limit] if at <= published]
        return TickColumns(
            max(from_sequence, oldest),
            [row.ordinal for row in rows],
            [row.time_ns for row in rows],
            [row.bid for row in rows],
            [row.ask for row in rows],
            [row.volume for row in rows],
        )

    def _append(self, tick: StreamTick) -> None:
        assert not self._ticks or tick.ordinal == self.newest_ordinal + 1, (tick, self.newest_ordinal)
        self._ticks.append(tick)
        if tick.symbol in self._of:
            self._of[tick.symbol].append(tick.ordinal)
            self._sequences[tick.symbol] = tick.sequence
        if not self.first_time_ns:
            self.first_time_ns = tick.time_ns

    def _forget(self) -> None:
        """Drop the older half of the ticks."""
        del self._ticks[:-TICKS_KEPT]
        first = self._ticks[0].ordinal
        for symbol, ordinals in self._of.items():
            self._of[symbol] = ordinals[bisect_left(ordinals, first) :]


class LiveTickPublisher(TickPublisher):
    """Publishes ticks as they come; the market's time is UTC by the host's clock, but not before the newest tick."""

    def __init__(
        self,
        market: TerminalMarket,
        *,
        stream_id: str,
        publisher: str,
        boot_id: str,
        wall_ns: Callable[[int], int],
    ) -> None:
        """Publish the ticks of `market`.

        `wall_ns` gives UTC by the host's clock for a monotonic time; when it is set back, the market's time is not.
        """
        super().__init__(
            stream=market,
            stream_id=stream_id,
            publisher=publisher,
            boot_id=boot_id,
            pace=AT_ONCE,
            book_ordinal=market.newest_ordinal,
        )
        self._market = market
        self._wall_ns = wall_ns
        self._shown_ns = 0

    def has_tick(self, ordinal: int) -> bool:
        """Whether the tick has come."""
        return ordinal <= self._market.newest_ordinal

    def market_time_ns(self, mono_ns: int) -> int | None:
        """Time of the market, UTC nanoseconds."""
        self._shown_ns = max(self._shown_ns, self._market.newest_time_ns, self._wall_ns(mono_ns))
        return self._shown_ns

    def next_timer(self) -> int | None:
        """0 where a tick waits, else None: the next ones come with a snapshot."""
        return 0 if self._next <= self._end() else None

    def _end(self) -> int:
        return self._market.newest_ordinal

    def _due_at(self, ordinal: int) -> int:  # noqa: ARG002 - what has come is due
        return 0
