"""Ticks of a terminal that is polled: each of them once, and none left out.

`copy_ticks_from` gives at most a number of ticks from a whole second on. The read position of a symbol is the time of
the newest row in milliseconds and the number of rows of that millisecond: more of them may come, and a batch may end
among them. Rows are validated by the rules of every other source.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from marketdata.tick_validation import ACCEPTED, FAR_FUTURE, REASONS, UNREADABLE_TIME_NS, RowValidator
from proto.time import DAY_NS, MS_NS
from services.mt5.terminal.mt5_types import Ticks
from services.mt5.terminal.server_clock import NoSuchTimeError, ServerClock

BATCH_TICKS: Final = 1_000
"""Ticks requested at a time; doubled where a single second has more."""

BATCH_TICKS_MAX: Final = 1_024_000
_MS_PER_S: Final = 1_000

FUTURE_NS_MAX: Final = DAY_NS
"""A row further ahead of the host's clock is wrong in every zone of the server.

In a file later rows show it; a live market has none yet.
"""


class TickReadOffset(NamedTuple):
    """Read position of a symbol: `seen` rows of millisecond `time_msc`, in the server's time."""

    time_msc: int
    seen: int


class AcceptedTick(NamedTuple):
    """An accepted tick, in UTC."""

    time_ns: int
    bid: float
    ask: float
    volume: float


class TickBatch(NamedTuple):
    """The ticks of one poll of a symbol: accepted ones, rejected rows by reason, and the next read position."""

    ticks: list[AcceptedTick]
    read: int
    rejected: dict[str, int]
    cursor: TickReadOffset
    newest_msc: int
    """Time of the newest new row, in the server's milliseconds; 0 where there is none."""
    is_full: bool
    """Whether there may be more ticks already."""


class TickReader:
    """Reads one symbol."""

    def __init__(
        self,
        cursor: TickReadOffset,
        *,
        clock: ServerClock,
        accept_crossed: bool,
        last: AcceptedTick | None = None,
    ) -> None:
        """Continue after a read position.

        Args:
            cursor: the read position.
            clock: of the broker's server.
            accept_crossed: whether quotes with ask below bid are accepted.
            last: the last tick accepted before, which the rules of validation compare with.
        """
        self.cursor = cursor
        self.count = BATCH_TICKS
        self._clock = clock
        self._judge = RowValidator(accept_crossed=accept_crossed, followers=0)
        self._far_msc = 0
        self._last_ns = 0
        if last is not None:
            self._last_ns = last.time_ns
            columns = (np.array([last.time_ns]), np.array([last.bid]), np.array([last.ask]), np.array([last.volume]))
            self._judge.validate(*columns)

    @property
    def from_s(self) -> int:
        """The second to request ticks from, in server time."""
        return self.cursor.time_msc // _MS_PER_S

    def read(self, rows: Ticks, *, wall_ns: int) -> TickBatch:
        """Process the rows of `copy_ticks_from(symbol, from_s, count, COPY_TICKS_ALL)`.

        Rows far in the future are counted once each; the next poll continues from the newest of the others.

        Args:
            rows: of the package.
            wall_ns: UTC by the host's clock when they were read.
        """
        is_full = len(rows) >= self.count
        rows, far = self._without_far(rows, wall_ns)
        fresh = self._fresh(rows)
        if is_full and not len(fresh):
            self.count = min(2 * self.count, BATCH_TICKS_MAX)
        elif not is_full:
            self.count = BATCH_TICKS
        if not len(fresh):
            return TickBatch([], far, _counted({}, far), self.cursor, 0, is_full)
        newest_msc = int(fresh["time_msc"][-1])
        self.cursor = TickReadOffset(newest_msc, int(np.count_nonzero(rows["time_msc"] == newest_msc)))
        ticks, rejected = self._judged(fresh)
        return TickBatch(ticks, len(fresh) + far, _counted(rejected, far), self.cursor, newest_msc, is_full)

    def _without_far(self, rows: Ticks, wall_ns: int) -> tuple[Ticks, int]:
        """The rows not in the far future, and the number of new ones among the others."""
        times = rows["time_msc"]
        far = times > self._clock.server_ns(wall_ns + FUTURE_NS_MAX) // MS_NS
        if not np.any(far):
            return rows, 0
        new = np.count_nonzero(times[far] > self._far_msc)
        self._far_msc = max(self._far_msc, int(times[far].max()))
        return rows[~far], int(new)

    def _fresh(self, rows: Ticks) -> Ticks:
        """The rows after the read position. Whole seconds are requested, so all rows of its millisecond are there."""
        times = rows["time_msc"]
        after = times > self.cursor.time_msc
        same = np.flatnonzero(times == self.cursor.time_msc)[self.cursor.seen :]
        after[same] = True
        return rows[after]

    def _judged(self, rows: Ticks) -> tuple[list[AcceptedTick], dict[str, int]]:
        times = np.empty(len(rows), dtype=np.int64)
        for index, time_msc in enumerate(rows["time_msc"].tolist()):
            times[index] = self._utc_ns(time_msc)
        bid = rows["bid"].astype(np.float64)
        ask = rows["ask"].astype(np.float64)
        volume = rows["volume_real"].astype(np.float64)
        verdict = self._judge.validate(times, bid, ask, volume)
        good = verdict == ACCEPTED
        columns = zip(times[good].tolist(), bid[good].tolist(), ask[good].tolist(), volume[good].tolist(), strict=True)
        counted = np.bincount(verdict, minlength=len(REASONS)).tolist()
        rejected = {reason: counted[code] for code, reason in enumerate(REASONS) if code and counted[code]}
        return [AcceptedTick(*row) for row in columns], rejected

    def _utc_ns(self, time_msc: int) -> int:
        """UTC of a row's time; for an hour that occurs twice it follows from the order of the rows."""
        try:
            utc_ns = self._clock.utc_of_ms(time_msc, not_before_ns=self._last_ns)
        except NoSuchTimeError:
            return UNREADABLE_TIME_NS
        self._last_ns = max(self._last_ns, utc_ns)
        return utc_ns


def _counted(rejected: dict[str, int], far: int) -> dict[str, int]:
    return {**rejected, REASONS[FAR_FUTURE]: far} if far else rejected
