"""Reading ticks from a polled terminal, each tick exactly once.

`copy_ticks_from` returns ticks from a whole second on, up to a maximum number. The read position of a symbol is the
millisecond of its newest row and the number of rows read in that millisecond, because later polls may have more rows of
the same millisecond. Rows are validated by the same rules as those of every other source.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from marketdata.tick_validation import ACCEPTED, FAR_FUTURE, REASONS, UNREADABLE_TIME_NS, RowValidator
from proto.time import DAY_NS, MS_NS
from services.mt5.terminal.mt5_types import Ticks
from services.mt5.terminal.server_clock import NoSuchTimeError, ServerClock

BATCH_TICKS: Final = 1_000
"""Largest number of ticks requested in one poll; it is doubled if one second has more ticks."""

BATCH_TICKS_MAX: Final = 1_024_000
_MS_PER_S: Final = 1_000

FUTURE_NS_MAX: Final = DAY_NS
"""A row that is ahead of the host's clock by more than this is wrong, whatever the server's zone.

In a file, the following rows reveal a wrong time; in a live market there are no following rows yet.
"""


class TickReadOffset(NamedTuple):
    """Read position of a symbol: `seen` rows were read in the millisecond `time_msc` of server time."""

    time_msc: int
    seen: int


class AcceptedTick(NamedTuple):
    """An accepted tick; its time is UTC."""

    time_ns: int
    bid: float
    ask: float
    volume: float


class TickBatch(NamedTuple):
    """The result of one poll of a symbol: accepted ticks, numbers of new and of rejected rows, and read position."""

    ticks: list[AcceptedTick]
    read: int
    rejected: dict[str, int]
    cursor: TickReadOffset
    newest_msc: int
    """Server time of the newest new row, in milliseconds; 0 without a new row."""
    is_full: bool
    """Whether the terminal may already have more ticks."""


class TickReader:
    """Reads the ticks of one symbol."""

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
            clock: the broker's server time.
            accept_crossed: whether quotes with ask below bid are accepted.
            last: the last tick that was accepted before; validation compares the next tick with it.
        """
        self.cursor = cursor
        self.count = BATCH_TICKS
        self._clock = clock
        self._validator = RowValidator(accept_crossed=accept_crossed, followers=0)
        self._far_msc = 0
        self._last_ns = 0
        if last is not None:
            self._last_ns = last.time_ns
            columns = (np.array([last.time_ns]), np.array([last.bid]), np.array([last.ask]), np.array([last.volume]))
            self._validator.validate(*columns)

    @property
    def from_s(self) -> int:
        """The first second to request, in server time."""
        return self.cursor.time_msc // _MS_PER_S

    def read(self, rows: Ticks, *, wall_ns: int) -> TickBatch:
        """Process the rows of `copy_ticks_from(symbol, from_s, count, COPY_TICKS_ALL)`.

        Each row far in the future is counted as rejected once. The read position is that of the newest other row.

        Args:
            rows: the rows that the package returned.
            wall_ns: the host's clock at the read, UTC.
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
        ticks, rejected = self._validated(fresh)
        return TickBatch(ticks, len(fresh) + far, _counted(rejected, far), self.cursor, newest_msc, is_full)

    def _without_far(self, rows: Ticks, wall_ns: int) -> tuple[Ticks, int]:
        """The rows that are not far in the future, and the number of new rows far in the future."""
        times = rows["time_msc"]
        far = times > self._clock.server_ns(wall_ns + FUTURE_NS_MAX) // MS_NS
        if not np.any(far):
            return rows, 0
        new = np.count_nonzero(times[far] > self._far_msc)
        self._far_msc = max(self._far_msc, int(times[far].max()))
        return rows[~far], int(new)

    def _fresh(self, rows: Ticks) -> Ticks:
        """The rows after the read position.

        `rows` has all rows of the read position's millisecond, because the terminal returns whole seconds.
        """
        times = rows["time_msc"]
        after = times > self.cursor.time_msc
        same = np.flatnonzero(times == self.cursor.time_msc)[self.cursor.seen :]
        after[same] = True
        return rows[after]

    def _validated(self, rows: Ticks) -> tuple[list[AcceptedTick], dict[str, int]]:
        times = np.empty(len(rows), dtype=np.int64)
        for index, time_msc in enumerate(rows["time_msc"].tolist()):
            times[index] = self._utc_ns(time_msc)
        bid = rows["bid"].astype(np.float64)
        ask = rows["ask"].astype(np.float64)
        volume = rows["volume_real"].astype(np.float64)
        verdict = self._validator.validate(times, bid, ask, volume)
        good = verdict == ACCEPTED
        columns = zip(times[good].tolist(), bid[good].tolist(), ask[good].tolist(), volume[good].tolist(), strict=True)
        counted = np.bincount(verdict, minlength=len(REASONS)).tolist()
        rejected = {reason: counted[code] for code, reason in enumerate(REASONS) if code and counted[code]}
        return [AcceptedTick(*row) for row in columns], rejected

    def _utc_ns(self, time_msc: int) -> int:
        """UTC of a row's time; in an hour that occurs twice, the order of the rows decides which time is meant."""
        try:
            utc_ns = self._clock.utc_of_ms(time_msc, not_before_ns=self._last_ns)
        except NoSuchTimeError:
            return UNREADABLE_TIME_NS
        self._last_ns = max(self._last_ns, utc_ns)
        return utc_ns


def _counted(rejected: dict[str, int], far: int) -> dict[str, int]:
    return {**rejected, REASONS[FAR_FUTURE]: far} if far else rejected
