"""A terminal's ticks as the gateway's market, numbered in the order of the snapshots that contained them.

Within a snapshot the ticks are numbered by their time. Ticks are published as soon as they are stored. The stream has
no end. Only the newest ticks are kept.
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
"""Number of newest ticks always kept: about a day of a busy symbol, which is enough for a strategy that restarts."""

AT_ONCE: Final = Pace(window=0, factor=1.0)


class TerminalMarket:
    """`marketdata.tick_stream.MarketSource` of a terminal's ticks."""

    data_sha256 = ""
    last_ordinal = ENDLESS

    def __init__(self, symbols: Sequence[str], *, kept: Iterable[StreamTick] = (), first_time_ns: int = 0) -> None:
        """Continue after the stored ticks.

        Args:
            symbols: the desk's names.
            kept: stored ticks of earlier starts, in the order of their ordinals without a gap.
            first_time_ns: time at which the market begins, UTC; 0: the time of the first tick.
        """
        self.symbols = tuple(symbols)
        self.first_time_ns = first_time_ns
        self._ticks: list[StreamTick] = []
        self._ordinals_of: dict[str, list[int]] = {symbol: [] for symbol in self.symbols}
        self._sequences = dict.fromkeys(self.symbols, 0)
        self._read = 0
        self._rejected: dict[str, int] = {}
        self.opening_ordinal = 0
        for tick in kept:
            self._append(tick)
        self.opening_ordinal = self.newest_ordinal

    @property
    def newest_ordinal(self) -> int:
        """Ordinal of the newest tick; 0 before the first."""
        return self._ticks[-1].ordinal if self._ticks else 0

    @property
    def newest_time_ns(self) -> int:
        """Time of the newest tick, UTC; 0 before the first."""
        return self._ticks[-1].time_ns if self._ticks else 0

    @property
    def counts(self) -> TickCounts:
        """Counts of the tick rows since the gateway started."""
        published = self._read - sum(self._rejected.values())
        return TickCounts(read=self._read, published=published, rejected=dict(self._rejected))

    def number_ticks(self, batches: dict[str, TickBatch]) -> list[StreamTick]:
        """The ticks of a snapshot's `batches` (by symbol), merged and numbered. Store them before calling `add`."""
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
        """Add the ticks from `number_ticks`, and count the rows of their batches."""
        for tick in ticks:
            self._append(tick)
        for batch in batches.values():
            self._read += batch.read
            for reason, count in batch.rejected.items():
                self._rejected[reason] = self._rejected.get(reason, 0) + count
        if len(self._ticks) > 2 * TICKS_KEPT:
            self._forget()

    def tick_at(self, ordinal: int) -> StreamTick:
        """The tick `ordinal`, which must be among the kept ones."""
        first = self._ticks[0].ordinal
        assert first <= ordinal <= self.newest_ordinal, (first, ordinal, self.newest_ordinal)
        return self._ticks[ordinal - first]

    def last_tick(self, symbol: str, ordinal: int) -> StreamTick | None:
        """The symbol's latest tick at or before `ordinal`; None if no such tick is kept."""
        ordinals = self._ordinals_of.get(symbol, [])
        place = bisect_left(ordinals, ordinal + 1)
        return self.tick_at(ordinals[place - 1]) if place else None

    def sequences_at(self, ordinal: int) -> dict[str, int]:
        """Each symbol's last sequence at or before `ordinal`; 0 for a symbol without a kept tick up to there."""
        found = {symbol: self.last_tick(symbol, ordinal) for symbol in self.symbols}
        return {symbol: tick.sequence if tick else 0 for symbol, tick in found.items()}

    def ticks(self, symbol: str, *, from_sequence: int, limit: int, published: int) -> TickColumns:
        """Ticks of a symbol, from `from_sequence` or the oldest kept tick on, whichever is later.

        Args:
            symbol: the desk's name.
            from_sequence: first sequence to return.
            limit: most ticks to return.
            published: ordinal of the last published tick; later ticks are left out.
        """
        ordinals = self._ordinals_of[symbol]
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
        if tick.symbol in self._ordinals_of:
            self._ordinals_of[tick.symbol].append(tick.ordinal)
            self._sequences[tick.symbol] = tick.sequence
        if not self.first_time_ns:
            self.first_time_ns = tick.time_ns

    def _forget(self) -> None:
        """Drop all but the newest `TICKS_KEPT` ticks."""
        del self._ticks[:-TICKS_KEPT]
        first = self._ticks[0].ordinal
        for symbol, ordinals in self._ordinals_of.items():
            self._ordinals_of[symbol] = ordinals[bisect_left(ordinals, first) :]


class LiveTickPublisher(TickPublisher):
    """Publishes ticks at once; the market's time is the host's clock, UTC, but never before the newest tick."""

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

        `wall_ns` returns UTC by the host's clock for a monotonic time. If the clock is set back, the market's time
        stays the same until the clock has passed it.
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
        """Whether the tick `ordinal` has arrived."""
        return ordinal <= self._market.newest_ordinal

    def market_time_ns(self, mono_ns: int) -> int | None:
        """The market's time at `mono_ns`, UTC nanoseconds; it never decreases."""
        self._shown_ns = max(self._shown_ns, self._market.newest_time_ns, self._wall_ns(mono_ns))
        return self._shown_ns

    def next_timer(self) -> int | None:
        """0 if a tick waits for publication, else None, because new ticks only arrive with a snapshot."""
        return 0 if self._next <= self._end() else None

    def _end(self) -> int:
        return self._market.newest_ordinal

    def _due_at(self, ordinal: int) -> int:  # noqa: ARG002 - every tick that has arrived is due
        return 0
