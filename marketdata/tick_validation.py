"""Validation of the rows of tick data: each row becomes a tick or is rejected for a reason.

Replay and backtest use the same validation. The rules apply to the rows of one symbol in the order read. A rejected row
does not affect the verdicts on the rows after it. Whether the time of a row is far ahead can only be decided from later
rows, so the verdict on a row of a file waits for some rows after it. In a live market, where later rows are not known
yet, this rule does not apply.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proto.trading.units import PRICE_MAX, TIME_NS_MAX

ACCEPTED: Final = 0
REASONS: Final = (
    "",
    "not_finite",
    "not_positive",
    "out_of_range",
    "crossed",
    "out_of_order",
    "duplicate",
    "unreadable",
    "far_future",
)
"""Reason of each verdict, by its index.

If several reasons apply, `unreadable` takes precedence, then the first one in this order.
"""

NOT_FINITE, NOT_POSITIVE, OUT_OF_RANGE, CROSSED, OUT_OF_ORDER, DUPLICATE, UNREADABLE, FAR_FUTURE = range(1, 9)

UNREADABLE_TIME_NS: Final = -(2**63)
"""Time of a row that cannot be parsed as a tick. The reader keeps such a row with this time, so that it is counted."""

PRICE_MIN: Final = 1e-12
"""Lowest valid price. A lower price would be 0 when rounded to the decimals of orders and deals."""

FAR_NS: Final = 60_000_000_000
"""Threshold of `far_future`: how far the time of a row may be ahead of later rows, one minute.

Accepting a row that is further ahead would reject more than a minute of later rows as out of order.
"""

FOLLOWERS: Final = 64
"""Number of later rows with which a row is compared; they are called its followers.

Up to `FOLLOWERS` / 2 successive rows with wrong times are recognized. A longer run of wrong times is accepted.
"""

REACH_ROWS: Final = 4_096
"""Number of later rows, valid or not, in which the followers are searched; it limits the rows kept in memory."""

FAR_ROWS_SHOWN: Final = 5

LATE_SHARE: Final = 0.01
"""Least share of out-of-order rows that causes a warning.

Merged feeds have a few such rows. After one accepted row with a wrong, late time, all rows with earlier times are out
of order.
"""


class FarRow(NamedTuple):
    """A row whose time is far ahead of its followers: its number among the symbol's rows, from 1, and its time."""

    row: int
    time_ns: int


class RowValidator:
    """Validates the rows of one symbol block by block; the result does not depend on the division into blocks."""

    def __init__(self, *, accept_crossed: bool, followers: int = FOLLOWERS) -> None:
        """Start without rows.

        Args:
            accept_crossed: whether to accept rows whose bid is above their ask.
            followers: number of later valid rows that the verdict on a row waits for; with 0 no row waits, and
                `far_future` is not detected.
        """
        self.far_rows: list[FarRow] = []
        """The first `far_future` rows, at most `FAR_ROWS_SHOWN`."""
        self._accept_crossed = accept_crossed
        self._followers = followers
        self._last: tuple[int, float, float] | None = None
        self._held: tuple[NDArray[Any], ...] = (np.zeros(0, np.int64), *(np.zeros(0),) * 2, np.zeros(0, np.uint8))
        self._decided = 0

    def validate(
        self,
        time_ns: NDArray[np.int64],
        bid: NDArray[np.float64],
        ask: NDArray[np.float64],
        volume: NDArray[np.float64],
    ) -> NDArray[np.uint8]:
        """Add the next rows, and validate the rows that have enough followers.

        - `unreadable`: the reader could not parse the row and set its time to `UNREADABLE_TIME_NS`.
        - `not_finite`: bid, ask or volume is NaN or infinite.
        - `not_positive`: bid or ask is 0 or less.
        - `out_of_range`: the time is before 1970, the volume is negative, or a number is outside the bounds of a tick.
        - `crossed`: the bid is above the ask, unless `accept_crossed`.
        - `far_future`: the time is more than a minute ahead of most followers, and these are not out of order.
        - `out_of_order`: the time is earlier than that of the symbol's last accepted row.
        - `duplicate`: time, bid and ask equal those of the symbol's last accepted row.

        Args:
            time_ns: UTC times, a 1-D array with one entry for each row, like the other arrays.
            bid: bid prices.
            ask: ask prices.
            volume: volumes, 0 or more.

        Returns:
            Verdicts on the rows decided by this call, in order: `ACCEPTED`, or an index into `REASONS`.
        """
        verdict = _row_verdicts(time_ns, bid, ask, volume, accept_crossed=self._accept_crossed)
        rows = tuple(
            np.concatenate([held, new]) for held, new in zip(self._held, (time_ns, bid, ask, verdict), strict=True)
        )
        good = np.flatnonzero(rows[3] == ACCEPTED)
        if not self._followers or not len(good):
            return self._decide(rows, len(rows[3]))
        # The last valid rows wait for their followers, and the rows between them wait too.
        first = max(int(good[max(0, len(good) - self._followers)]), len(rows[3]) - REACH_ROWS)
        waiting = good[good >= first]
        return self._decide(rows, int(waiting[0]) if len(waiting) else len(rows[3]))

    def finish(self) -> NDArray[np.uint8]:
        """Validate the remaining rows at the end of the data, and return their verdicts."""
        return self._decide(self._held, len(self._held[3]))

    def _decide(self, rows: tuple[NDArray[Any], ...], count: int) -> NDArray[np.uint8]:
        """The verdicts on the first `count` rows; the other rows are kept for later."""
        verdict = rows[3][:count].copy()
        good = np.flatnonzero(verdict == ACCEPTED)
        if len(good):
            latest = UNREADABLE_TIME_NS if self._last is None else self._last[0]
            places = np.flatnonzero(rows[3] == ACCEPTED)
            far = good[_far_rows(rows[0][places], places, latest, len(good), self._followers)]
            verdict[far] = FAR_FUTURE
            self._note_far(far, rows[0])
            self._set_order_verdicts(verdict, *rows[:3])
        # Copied, because views would keep the whole block in memory.
        self._held = tuple(values[count:].copy() for values in rows)
        self._decided += count
        return verdict

    def _note_far(self, far: NDArray[np.intp], time_ns: NDArray[np.int64]) -> None:
        for place in far[: FAR_ROWS_SHOWN - len(self.far_rows)].tolist():
            self.far_rows.append(FarRow(self._decided + place + 1, int(time_ns[place])))

    def _set_order_verdicts(
        self,
        verdict: NDArray[np.uint8],
        time_ns: NDArray[np.int64],
        bid: NDArray[np.float64],
        ask: NDArray[np.float64],
    ) -> None:
        """Set the verdicts `out_of_order` and `duplicate`, which depend on the accepted rows before a row."""
        good = np.flatnonzero(verdict == ACCEPTED)
        if not len(good):
            return
        times, bids, asks = time_ns[good], bid[good], ask[good]
        if self._last is not None:
            # The last accepted row is added in front, so that these rows are compared with it too.
            good = np.concatenate([[-1], good])
            times, bids, asks = (
                np.concatenate([np.array([value], dtype=rest.dtype), rest])
                for value, rest in zip(self._last, (times, bids, asks), strict=True)
            )
        # The time of an out-of-order row is below the running maximum. Therefore the maximum over all valid rows equals
        # the maximum over the accepted rows.
        latest = np.maximum.accumulate(times)
        late = np.zeros(len(good), dtype=np.bool_)
        late[1:] = times[1:] < latest[:-1]
        verdict[good[late]] = OUT_OF_ORDER
        # A row that equals a duplicate also equals the accepted row before, so comparing neighbors suffices.
        good, times, bids, asks = good[~late], times[~late], bids[~late], asks[~late]
        same = (times[1:] == times[:-1]) & (bids[1:] == bids[:-1]) & (asks[1:] == asks[:-1])
        verdict[good[1:][same]] = DUPLICATE
        self._last = (int(times[-1]), float(bids[-1]), float(asks[-1]))


def _far_rows(
    times: NDArray[np.int64], places: NDArray[np.intp], latest: int, count: int, followers: int
) -> NDArray[np.bool_]:
    """Determine which of the first `count` rows have times far ahead of most of their followers.

    Args:
        times: times of the rows that are valid by themselves.
        places: numbers of these rows; only rows at most `REACH_ROWS` later are followers.
        latest: time of the last accepted row before these rows.
        count: number of rows to examine; `times` includes all of their followers.
        followers: number of followers of a row.

    Returns:
        A 1-D array with one entry for each of the `count` rows.
    """
    far = np.zeros(count, dtype=np.bool_)
    if not followers or not np.any(np.maximum.accumulate(times) - times > FAR_NS):
        return far
    behind, after = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    for step in range(1, min(followers, len(times) - 1) + 1):
        until = min(count, len(times) - step)
        is_near = places[step : step + until] - places[:until] <= REACH_ROWS
        after[:until] += is_near
        behind[:until] += is_near & (times[step : step + until] < times[:until] - FAR_NS)
    seen = 0
    for place in np.flatnonzero(2 * behind > after).tolist():
        latest = max(latest, int(times[seen:place].max(initial=latest)))
        seen = place + 1
        following = times[place + 1 : place + 1 + int(after[place])]
        # Followers earlier than the last accepted row are out of order anyway, so they do not count.
        fitting = np.count_nonzero((following >= latest) & (following < times[place] - FAR_NS))
        far[place] = 2 * fitting > len(following)
        if not far[place]:
            latest = max(latest, int(times[place]))
    return far


def _row_verdicts(
    time_ns: NDArray[np.int64],
    bid: NDArray[np.float64],
    ask: NDArray[np.float64],
    volume: NDArray[np.float64],
    *,
    accept_crossed: bool,
) -> NDArray[np.uint8]:
    """The verdicts of the rules that do not depend on other rows."""
    verdict = np.zeros(len(time_ns), dtype=np.uint8)
    # The rules are applied from the last to the first, so that the first reason that applies remains.
    if not accept_crossed:
        verdict[bid > ask] = CROSSED
    too_large = (bid > PRICE_MAX) | (ask > PRICE_MAX) | (volume > PRICE_MAX) | (time_ns > TIME_NS_MAX)
    too_small = (bid < PRICE_MIN) | (ask < PRICE_MIN) | (volume < 0) | (time_ns < 0)
    verdict[too_large | too_small] = OUT_OF_RANGE
    verdict[(bid <= 0) | (ask <= 0)] = NOT_POSITIVE
    verdict[~(np.isfinite(bid) & np.isfinite(ask) & np.isfinite(volume))] = NOT_FINITE
    verdict[time_ns == UNREADABLE_TIME_NS] = UNREADABLE
    return verdict


def label_reason_counts(counts: NDArray[np.int64]) -> dict[str, int]:
    """Counts of rejected rows by reason, without zeros; `counts` has the count of each verdict by its index."""
    counted = counts.tolist()
    return {reason: counted[code] for code, reason in enumerate(REASONS) if code and counted[code]}
