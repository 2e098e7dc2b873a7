"""Bars of the quoted symbols: built from ticks, kept in the history file, and merged into longer periods on request.

Bars of 1 s are built from ticks, and bars of 1 min are merged from them; both are stored once a second. A span is a
time in which no published tick was missed. Only within a span are the extremes of prices known.

`add`, `complete` and `publish` belong to the thread of the event loop. The other methods wait for the file and are
called in threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Final, NamedTuple

from msgspec import structs

from marketdata.bars import Bar, BarBuilder, OutOfOrderError, merge, period_start_ns
from proto.time import DAY_NS, MINUTE_NS, SECOND_NS
from services.web.live.cells import Cells
from services.web.market.history_file import HistoryFile, Rows
from services.web.market.quote_feed import Received

PERIODS_S: Final = (1, 5, 15, 60, 300, 900, 3_600)
"""Periods of bars that can be requested, in seconds."""

SECOND_BARS_KEPT_NS: Final = 3 * DAY_NS
MINUTE_BARS_KEPT_NS: Final = 400 * DAY_NS
"""How long bars are kept, by the time of the symbol's newest bar."""

PENDING_MAX: Final = 100_000
"""Largest number of bars that wait to be written, while the file cannot be written."""

READ_ROWS_MAX: Final = 50_000
"""Largest number of stored bars that are merged for one request."""

LIVE_SECONDS: Final = 10
LIVE_MINUTES: Final = 2
"""Number of the newest bars in the cell of a symbol."""

_PRUNE_EVERY: Final = 600
_COLUMNS: Final = "period_ns, open_time_ns, open, high, low, close, ask_close, spread_max, ticks, volume"

ShownBar = tuple[int, float, float, float, float, int]
"""Open time in ns, open, high, low and close of the bid, and the number of ticks."""


class Bars(NamedTuple):
    """Bars in the order of time; those from `complete_from_ns` on are complete, 0 when all are."""

    bars: list[Bar]
    complete_from_ns: int


class _SymbolBars:
    """The newest bars of one symbol, and the span of its ticks."""

    def __init__(self, stored: Iterable[Bar] = ()) -> None:
        self.builder = BarBuilder(SECOND_NS)
        self.seconds: deque[Bar] = deque(stored)
        """Complete bars from the start of the minute before the last tick's."""
        self.begin_ns = 0
        self.end_ns = 0
        self.is_changed = False

    def newest(self) -> list[Bar]:
        """The kept bars with the incomplete one."""
        current = self.builder.current
        return [*self.seconds, current] if current is not None else list(self.seconds)


class BarStore:
    """Bars of every quoted symbol."""

    def __init__(self, file: HistoryFile, symbols: Iterable[str], cells: Cells | None = None) -> None:
        """Continue the bars of `symbols` in `file`; `cells` gets the cells `bars:SYMBOL`."""
        self._file = file
        self._cells = cells
        self._symbols = {symbol: _SymbolBars(self._newest_stored(symbol)) for symbol in symbols}
        self._lock = Lock()
        """Guards the next three, which `flush` takes in a thread."""
        self._pending: dict[tuple[str, int, int], Bar] = {}
        self._spans: dict[tuple[str, int], int] = {}
        self._replaced: dict[str, int] = {}
        """First time of a new stream, by symbol: stored bars from there on belong to an earlier stream."""
        self._flushes = 0
        self.dropped = 0
        """Number of bars that could not be stored."""

    @property
    def pending(self) -> int:
        """Number of bars that wait to be written."""
        return len(self._pending)

    @property
    def held(self) -> int:
        """Number of complete bars of 1 s in memory."""
        return sum(len(held.seconds) for held in self._symbols.values())

    def add(self, received: Iterable[Received]) -> None:
        """Add ticks in the order of their arrival."""
        for tick, _, is_after_gap in received:
            held = self._symbols[tick.symbol]
            if is_after_gap:
                self._end_span(tick.symbol, held)
            if held.seconds and tick.time_ns < held.seconds[-1].open_time_ns + SECOND_NS:
                held = self._replace(tick.symbol, held, tick.time_ns)
            try:
                done = held.builder.on_tick(tick.time_ns, tick.bid, tick.ask, tick.volume)
            except OutOfOrderError:
                held = self._replace(tick.symbol, held, tick.time_ns)
                done = held.builder.on_tick(tick.time_ns, tick.bid, tick.ask, tick.volume)
            held.begin_ns = held.begin_ns or tick.time_ns
            held.end_ns = tick.time_ns
            held.is_changed = True
            if done is not None:
                self._keep(tick.symbol, held, done)

    def complete(self, time_ns: int) -> None:
        """Note that every tick up to venue time `time_ns` has been added."""
        for held in self._symbols.values():
            if held.begin_ns:
                held.end_ns = max(held.end_ns, time_ns)

    def publish(self) -> None:
        """Set the cells of the symbols with new ticks."""
        for symbol, held in self._symbols.items():
            if held.is_changed:
                held.is_changed = False
                newest = held.newest()
                if self._cells is not None:
                    shown = {
                        "1s": [shown_bar(bar) for bar in newest[-LIVE_SECONDS:]],
                        "1m": [shown_bar(bar) for bar in merge(newest, MINUTE_NS)[-LIVE_MINUTES:]],
                    }
                    self._cells.set(f"bars:{symbol}", shown)

    def collect(self) -> None:
        """Make the incomplete bars and the spans ready for the next `flush`; once a second is enough."""
        for symbol, held in self._symbols.items():
            newest = held.newest()
            changed = [newest[-1]] if newest else []
            self._queue(symbol, [*changed, *merge(newest, MINUTE_NS)[-LIVE_MINUTES:]])
            if held.begin_ns:
                with self._lock:
                    self._spans[symbol, held.begin_ns] = held.end_ns

    def flush(self) -> None:
        """Write what is ready, in one transaction.

        Raises:
            apsw.Error: the file cannot be written; the bars are kept, up to `PENDING_MAX`.
        """
        with self._lock:
            pending, self._pending = self._pending, {}
            spans, self._spans = self._spans, {}
            replaced, self._replaced = self._replaced, {}
        self._flushes += 1
        statements: list[tuple[str, Rows]] = [
            ("DELETE FROM bars WHERE symbol = ? AND open_time_ns >= ?", list(replaced.items())),
            ("DELETE FROM spans WHERE symbol = ? AND end_ns >= ?", list(replaced.items())),
            (
                "INSERT OR REPLACE INTO bars VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(symbol, *structs.astuple(bar)) for (symbol, _, _), bar in pending.items()],
            ),
            ("INSERT OR REPLACE INTO spans VALUES (?, ?, ?)", [(*key, end_ns) for key, end_ns in spans.items()]),
        ]
        if self._flushes % _PRUNE_EVERY == 1:
            statements += self._pruning(pending)
        is_written = False
        try:
            self._file.write(statements)
            is_written = True
        finally:
            if not is_written:
                self._put_back(pending, spans, replaced)

    def bars(self, symbol: str, period_s: int, from_ns: int, to_ns: int, limit: int) -> Bars:
        """The last `limit` stored bars that begin from `from_ns` on and before `to_ns`.

        Args:
            symbol: the symbol.
            period_s: one of `PERIODS_S`.
            from_ns: UTC nanoseconds of the venue's clock, 0 for no bound.
            to_ns: UTC nanoseconds of the venue's clock, 0 for no bound.
            limit: largest number of bars, > 0.

        Raises:
            ValueError: the period is not one of `PERIODS_S`.
        """
        if period_s not in PERIODS_S:
            raise ValueError(f"period_s is {period_s}, expected one of {', '.join(map(str, PERIODS_S))}")
        period_ns = period_s * SECOND_NS
        base_ns = SECOND_NS if period_ns < MINUTE_NS else MINUTE_NS
        rows = self._file.read(
            f"SELECT {_COLUMNS} FROM bars WHERE symbol = ? AND period_ns = ? AND open_time_ns >= ? "  # noqa: S608
            "AND open_time_ns < ? ORDER BY open_time_ns DESC LIMIT ?",
            (symbol, base_ns, from_ns, to_ns or 2**62, min(READ_ROWS_MAX, limit * (period_ns // base_ns))),
        )
        found = merge((Bar(*row) for row in reversed(rows)), period_ns)[-limit:]
        [(begin_ns,)] = self._file.read(
            "SELECT coalesce(max(begin_ns), 0) FROM spans WHERE symbol = ? AND begin_ns < ?", (symbol, to_ns or 2**62)
        )
        is_whole = not found or begin_ns <= found[0].open_time_ns
        return Bars(found, 0 if is_whole else -(-begin_ns // period_ns) * period_ns)

    def extremes(self, symbol: str, from_ns: int, to_ns: int) -> tuple[float, float] | None:
        """The lowest and the highest bid from `from_ns` to `to_ns`, to the bounds of bars of 1 s, or 1 min when older.

        Returns:
            None if not every tick in this time is in the bars.
        """
        [(covered,)] = self._file.read(
            "SELECT count(*) FROM spans WHERE symbol = ? AND begin_ns <= ? AND end_ns >= ?", (symbol, from_ns, to_ns)
        )
        if not covered:
            return None
        [(oldest_ns,)] = self._file.read(
            "SELECT coalesce(min(open_time_ns), 0) FROM bars WHERE symbol = ? AND period_ns = ?", (symbol, SECOND_NS)
        )
        period_ns = SECOND_NS if from_ns >= oldest_ns else MINUTE_NS
        [(low, high)] = self._file.read(
            "SELECT min(low), max(high) FROM bars WHERE symbol = ? AND period_ns = ? AND open_time_ns BETWEEN ? AND ?",
            (symbol, period_ns, period_start_ns(from_ns, period_ns), to_ns),
        )
        return None if low is None else (low, high)

    def _newest_stored(self, symbol: str) -> list[Bar]:
        """The stored bars of 1 s in the last minute that has any, so that its bar of 1 min stays whole."""
        rows = self._file.read(
            f"SELECT {_COLUMNS} FROM bars WHERE symbol = ? AND period_ns = ? ORDER BY open_time_ns DESC LIMIT 60",  # noqa: S608
            (symbol, SECOND_NS),
        )
        bars = [Bar(*row) for row in reversed(rows)]
        return [bar for bar in bars if bar.open_time_ns >= period_start_ns(bars[-1].open_time_ns, MINUTE_NS)]

    def _replace(self, symbol: str, held: _SymbolBars, time_ns: int) -> _SymbolBars:
        """Begin again at an earlier time: the market repeats ticks, or has another stream."""
        self._end_span(symbol, held)
        first_ns = period_start_ns(time_ns, SECOND_NS)
        self._symbols[symbol] = held = _SymbolBars(bar for bar in held.seconds if bar.open_time_ns < first_ns)
        with self._lock:
            self._replaced[symbol] = min(first_ns, self._replaced.get(symbol, first_ns))
            self._pending, self._spans = _before(self._pending, self._spans, {symbol: first_ns})
        return held

    def _keep(self, symbol: str, held: _SymbolBars, done: Bar) -> None:
        held.seconds.append(done)
        first_ns = period_start_ns(held.end_ns, MINUTE_NS) - MINUTE_NS
        dropped = list[Bar]()
        while held.seconds and held.seconds[0].open_time_ns < first_ns:
            dropped.append(held.seconds.popleft())
        minutes = merge([*dropped, *held.seconds], MINUTE_NS) if dropped else []
        self._queue(symbol, [done, *(bar for bar in minutes if bar.open_time_ns <= done.open_time_ns)])

    def _end_span(self, symbol: str, held: _SymbolBars) -> None:
        if held.begin_ns:
            with self._lock:
                self._spans[symbol, held.begin_ns] = held.end_ns
        held.begin_ns = held.end_ns = 0

    def _queue(self, symbol: str, bars: Iterable[Bar]) -> None:
        with self._lock:
            for bar in bars:
                self._pending[symbol, bar.period_ns, bar.open_time_ns] = bar
            self._bound()

    def _put_back(
        self, pending: dict[tuple[str, int, int], Bar], spans: dict[tuple[str, int], int], replaced: dict[str, int]
    ) -> None:
        with self._lock:
            pending, spans = _before(pending, spans, self._replaced)  # an earlier stream's, since the write began
            self._pending = pending | self._pending
            self._spans = spans | self._spans
            for symbol, first_ns in replaced.items():
                self._replaced[symbol] = min(first_ns, self._replaced.get(symbol, first_ns))
            self._bound()

    def _bound(self) -> None:
        while len(self._pending) > PENDING_MAX:
            del self._pending[next(iter(self._pending))]
            self.dropped += 1

    def _pruning(self, pending: dict[tuple[str, int, int], Bar]) -> list[tuple[str, Rows]]:
        """Statements that delete what is older than the retention, by the newest bar of each symbol."""
        newest: dict[str, int] = {}
        for symbol, _, open_time_ns in pending:
            newest[symbol] = max(newest.get(symbol, 0), open_time_ns)
        bars = "DELETE FROM bars WHERE symbol = ? AND period_ns = ? AND open_time_ns < ?"
        return [
            (bars, [(symbol, SECOND_NS, at - SECOND_BARS_KEPT_NS) for symbol, at in newest.items()]),
            (bars, [(symbol, MINUTE_NS, at - MINUTE_BARS_KEPT_NS) for symbol, at in newest.items()]),
            (
                "DELETE FROM spans WHERE symbol = ? AND end_ns < ?",
                [(symbol, at - MINUTE_BARS_KEPT_NS) for symbol, at in newest.items()],
            ),
        ]


def _before(
    bars: dict[tuple[str, int, int], Bar], spans: dict[tuple[str, int], int], ends_ns: Mapping[str, int]
) -> tuple[dict[tuple[str, int, int], Bar], dict[tuple[str, int], int]]:
    """The bars that begin, and the parts of spans that are, before the time `ends_ns` of their symbols."""
    kept = {key: bar for key, bar in bars.items() if key[2] < ends_ns.get(key[0], key[2] + 1)}
    cut = {
        (symbol, begin_ns): min(end_ns, ends_ns.get(symbol, end_ns))
        for (symbol, begin_ns), end_ns in spans.items()
        if begin_ns < ends_ns.get(symbol, begin_ns + 1)
    }
    return kept, cut


def shown_bar(bar: Bar) -> ShownBar:
    """A bar as the page and the API show it."""
    return (bar.open_time_ns, bar.open, bar.high, bar.low, bar.close, bar.ticks)
