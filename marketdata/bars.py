"""Bars of one symbol: the ticks of each period as open, high, low and close of the bid.

A period begins at a multiple of its length since 1970-01-01 00:00 UTC, and does not include its end. A period without
ticks has no bar. Ticks must be in the order of their times, as the gateway publishes them. An earlier tick is refused,
because its bar may already be in use. Ticks of equal time count in the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, structs


class OutOfOrderError(ValueError):
    """A tick or bar is earlier than the one before it."""


class Bar(Struct, frozen=True, gc=False):
    """The ticks of one symbol in one period.

    `open`, `high`, `low` and `close` are bids, `ask_close` is the ask of the last tick. `spread_max` is the largest
    ask - bid, in units of price, negative if every quote is crossed. `ticks` is their number, from 1. `volume` is the
    sum of their volumes in the source's unit, 0 if unknown.
    """

    period_ns: int
    open_time_ns: int
    open: float
    high: float
    low: float
    close: float
    ask_close: float
    spread_max: float
    ticks: int
    volume: float


class BarBuilder:
    """Builds the bars of one symbol from its ticks. A bar is complete when the first tick of a later period arrives."""

    def __init__(self, period_ns: int) -> None:
        """Start before the first tick.

        Raises:
            ValueError: the period is not positive.
        """
        self.period_ns = _positive(period_ns)
        self._last_ns = 0
        self._open_time_ns = 0
        self._end_ns = 0
        self._ticks = 0
        self._open = self._high = self._low = self._close = self._ask_close = self._spread_max = self._volume = 0.0

    @property
    def current(self) -> Bar | None:
        """The bar of the last tick's period so far; None before the first tick."""
        if not self._ticks:
            return None
        return Bar(
            self.period_ns,
            self._open_time_ns,
            self._open,
            self._high,
            self._low,
            self._close,
            self._ask_close,
            self._spread_max,
            self._ticks,
            self._volume,
        )

    def on_tick(self, time_ns: int, bid: float, ask: float, volume: float = 0.0) -> Bar | None:
        """Add a tick, and return the bar that its arrival completes, or None.

        Args:
            time_ns: venue time of the tick, UTC nanoseconds.
            bid: best bid, > 0.
            ask: best ask, > 0; below the bid on a crossed quote.
            volume: volume in the source's unit; 0 if unknown.

        Raises:
            OutOfOrderError: the tick is earlier than the last one; it is not added.
        """
        if time_ns < self._last_ns:
            raise OutOfOrderError(f"tick at {time_ns} ns, expected none before {self._last_ns} ns")
        self._last_ns = time_ns
        spread = ask - bid
        if time_ns < self._end_ns:
            if bid > self._high:
                self._high = bid
            elif bid < self._low:
                self._low = bid
            if spread > self._spread_max:
                self._spread_max = spread
            self._ticks += 1
            self._volume += volume
            complete = None
        else:
            complete = self.current
            self._open_time_ns = period_start_ns(time_ns, self.period_ns)
            self._end_ns = self._open_time_ns + self.period_ns
            self._open = self._high = self._low = bid
            self._spread_max, self._ticks, self._volume = spread, 1, volume
        self._close, self._ask_close = bid, ask
        return complete


def period_start_ns(time_ns: int, period_ns: int) -> int:
    """The time, UTC nanoseconds, at which the period that contains `time_ns` begins."""
    return time_ns - time_ns % period_ns


def merge(bars: Iterable[Bar], period_ns: int) -> list[Bar]:
    """The bars of a longer period, equal to those that a `BarBuilder` makes from the same ticks.

    Only `volume` may differ by rounding, because the volumes are added in another order. The first and the last bar of
    the result contain no more ticks than the given bars.

    Args:
        bars: bars of one symbol, in ascending order of time, one for each time; their periods may differ.
        period_ns: a multiple of the period of each bar, in nanoseconds.

    Raises:
        OutOfOrderError: a bar does not begin after the one before it.
        ValueError: the period is not positive, or not a multiple of a bar's period.
    """
    _positive(period_ns)
    merged: list[Bar] = []
    before_ns = -1
    for bar in bars:
        if period_ns % bar.period_ns:
            raise ValueError(f"period of {period_ns} ns, expected a multiple of the bar's {bar.period_ns} ns")
        if bar.open_time_ns <= before_ns:
            raise OutOfOrderError(f"bar at {bar.open_time_ns} ns, expected one after {before_ns} ns")
        before_ns = bar.open_time_ns
        start_ns = period_start_ns(bar.open_time_ns, period_ns)
        if merged and merged[-1].open_time_ns == start_ns:
            merged[-1] = _joined(merged[-1], bar)
        else:
            merged.append(structs.replace(bar, period_ns=period_ns, open_time_ns=start_ns))
    return merged


def _joined(bar: Bar, later: Bar) -> Bar:
    """A bar with the ticks of `later`, which belong to its period."""
    return Bar(
        bar.period_ns,
        bar.open_time_ns,
        bar.open,
        max(bar.high, later.high),
        min(bar.low, later.low),
        later.close,
        later.ask_close,
        max(bar.spread_max, later.spread_max),
        bar.ticks + later.ticks,
        bar.volume + later.volume,
    )


def _positive(period_ns: int) -> int:
    if period_ns <= 0:
        raise ValueError(f"period of {period_ns} ns, expected more than 0")
    return period_ns
