"""Statistics of a tick file, computed in one pass over the ticks that a run would use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from marketdata.files.clock_check import ClockCheck, ClockFinding
from marketdata.files.source import TickFile, files_of
from marketdata.files.stream_loader import (
    open_inputs,
    read_stream,
    remarks_on,
    unreadable_line_messages,
)
from marketdata.files.tick_input import Crossed, TickInput
from marketdata.instruments import find_instrument
from marketdata.tick_stream import TickStream
from marketdata.tick_validation import FAR_FUTURE, LATE_SHARE, OUT_OF_ORDER, REASONS
from proto.time import SECOND_NS, utc_text

QUANTILES: Final = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
GAPS_SHOWN: Final = 5
VALUES_MAX: Final = 100_000
"""Limit of the number of distinct spreads. Beyond it, all spreads are rounded to a step ten times as large."""


def symbols_in(path: Path, zone: str | None) -> list[str]:
    """The symbols in the rows of an input, in the order of first occurrence; empty if rows have no symbol.

    Raises:
        TickFileError: the input cannot be read.
    """
    found: dict[str, None] = {}
    for file in files_of(path):
        source = TickFile(file, zone)
        for frame in source.chunks() if source.has_symbols else ():
            found.update(dict.fromkeys(frame["symbol"].unique(maintain_order=True).drop_nulls().to_list()))
    return list(found)


def describe(one: TickInput, *, crossed: Crossed) -> dict[str, Any]:
    """Counts, range, spreads and pauses of one symbol of an input; times in nanoseconds UTC, durations in seconds.

    The quantile of a share is the smallest occurring spread such that at least this share of the ticks has that spread
    or a smaller one. The tick rate is the median over the seconds with at least one tick.

    Raises:
        TickFileError: the input cannot be read, or no row becomes a tick.
    """
    inputs = open_inputs([one])
    stream = read_stream(inputs, accept_crossed=crossed == "accept")
    sources = inputs[0].sources
    instrument = find_instrument(one.symbol)
    spreads = _ValueCounts(1e-10) if instrument is None else _ValueCounts(0.1)
    scale = 1.0 if instrument is None else 10.0**instrument.digits
    rates = _TickRates()
    check = ClockCheck(instrument, sources[0].clock)
    lowest, highest = np.inf, -np.inf
    for time_ns, bid, ask in stream.blocks():
        spreads.add((ask - bid) * scale)
        rates.add(time_ns)
        check.add(time_ns, ask - bid)
        lowest, highest = min(lowest, float(bid.min())), max(highest, float(bid.max()))
    finding = check.finding()
    first_ns, last_ns = stream.first_time_ns, stream.tick_at(stream.last_ordinal).time_ns
    return {
        "file": str(one.path),
        "symbol": one.symbol,
        "layout": ", ".join(dict.fromkeys(source.detected.layout for source in sources)),
        "zone": ", ".join(dict.fromkeys(source.detected.zone for source in sources)),
        "files": len(sources),
        "known_to_the_simulated_broker": instrument is not None,
        "rows": stream.counts.read,
        "ticks": stream.counts.published,
        "rejected": dict(sorted(stream.counts.rejected.items())),
        "far_rows": [{"row": far.row, "time_ns": far.time_ns} for _, far in stream.far_rows],
        "unreadable_lines": unreadable_line_messages(sources),
        "remarks": list(remarks_on(sources)),
        "clock": finding._asdict(),
        "warnings": _warnings(stream, finding),
        "blank_lines": sum(source.blank_lines for source in sources),
        "first_ns": first_ns,
        "last_ns": last_ns,
        "duration_s": (last_ns - first_ns) / SECOND_NS,
        "bid_min": lowest,
        "bid_max": highest,
        "spread_unit": "price" if instrument is None else "points",
        "spread": {f"p{q * 100:g}": value for q, value in zip(QUANTILES, spreads.quantiles(QUANTILES), strict=True)},
        "ticks_per_second_median": rates.median_rate(),
        "gaps": [
            {"after_ns": after_ns, "before_ns": after_ns + gap_ns, "seconds": gap_ns / SECOND_NS}
            for gap_ns, after_ns in rates.longest
        ],
        "data_sha256": stream.data_sha256,
    }


def _warnings(stream: TickStream, finding: ClockFinding) -> list[str]:
    """Warnings about the times of a file, one line each."""
    warnings = [
        f"row {far.row:,} has the time {utc_text(far.time_ns)}, more than a minute ahead of the rows after it, "
        "and is left out"
        for _, far in stream.far_rows
    ]
    left = stream.counts.rejected.get(REASONS[FAR_FUTURE], 0) - len(warnings)
    if left > 0:
        warnings.append(f"{left:,} more rows have times ahead of the rows after them, and are left out")
    late = stream.counts.rejected.get(REASONS[OUT_OF_ORDER], 0)
    if late >= LATE_SHARE * stream.counts.read:
        warnings.append(f"{late:,} of {stream.counts.read:,} rows are earlier than a row before them, and are left out")
    warnings.extend(pause.warning for _, pause in stream.long_pauses)
    if finding.verdict == "probably_wrong":
        warnings.append(f"the clock is {finding.text}")
    return warnings


class _ValueCounts:
    """Frequencies of values that are rounded to multiples of a step."""

    def __init__(self, quantum: float) -> None:
        self._quantum = quantum
        self._counts: Counter[float] = Counter()

    def add(self, values: NDArray[np.float64]) -> None:
        different, counts = np.unique(np.rint(values / self._quantum), return_counts=True)
        for value, count in zip(different.tolist(), counts.tolist(), strict=True):
            self._counts[value] += count
        while len(self._counts) > VALUES_MAX:
            coarser: Counter[float] = Counter()
            for value, count in self._counts.items():
                coarser[float(np.rint(value / 10))] += count
            self._counts, self._quantum = coarser, self._quantum * 10

    def quantiles(self, shares: Iterable[float]) -> list[float]:
        values = np.array(sorted(self._counts))
        below = np.cumsum([self._counts[value] for value in values.tolist()])
        places = [int(np.searchsorted(below, share * below[-1], side="left")) for share in shares]
        return [round(float(values[place]) * self._quantum, 10) for place in places]


class _TickRates:
    """Ticks per second, and the longest pauses."""

    def __init__(self) -> None:
        self.longest: list[tuple[int, int]] = []
        self._last_ns: int | None = None
        self._second = -1
        self._in_second = 0
        self._seconds_with: Counter[int] = Counter()

    def add(self, time_ns: NDArray[np.int64]) -> None:
        if self._last_ns is not None:
            time_ns = np.concatenate([np.array([self._last_ns]), time_ns])
        gaps = np.diff(time_ns)
        # Of equally long pauses the earliest are shown. Therefore every pause of the block that is at least as long as
        # its fifth longest is a candidate.
        least = np.partition(gaps, -GAPS_SHOWN)[-GAPS_SHOWN] if len(gaps) > GAPS_SHOWN else 0
        if len(self.longest) == GAPS_SHOWN:
            least = max(least, self.longest[-1][0] + 1)
        places = np.flatnonzero(gaps >= least)
        places = places[np.argsort(-gaps[places], kind="stable")[:GAPS_SHOWN]]
        found = [(int(gaps[place]), int(time_ns[place])) for place in places]
        self.longest = sorted([*self.longest, *found], key=lambda gap: (-gap[0], gap[1]))[:GAPS_SHOWN]
        new = time_ns if self._last_ns is None else time_ns[1:]
        seconds, counts = np.unique(new // SECOND_NS, return_counts=True)
        self._last_ns = int(time_ns[-1])
        if int(seconds[0]) == self._second:
            counts[0] += self._in_second
        elif self._in_second:
            self._seconds_with[self._in_second] += 1
        different, how_often = np.unique(counts[:-1], return_counts=True)
        for count, often in zip(different.tolist(), how_often.tolist(), strict=True):
            self._seconds_with[count] += often
        # The last second may continue in the next block.
        self._second, self._in_second = int(seconds[-1]), int(counts[-1])

    def median_rate(self) -> float:
        counted = self._seconds_with + Counter({self._in_second: 1})
        rates = sorted(counted)
        below = np.cumsum([counted[rate] for rate in rates])
        middle = [
            rates[int(np.searchsorted(below, place, side="right"))] for place in ((below[-1] - 1) // 2, below[-1] // 2)
        ]
        return sum(middle) / 2
