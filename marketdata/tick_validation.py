"""Validation of tick rows: which become ticks, and why the others do not.

Rows are validated once, here, for replay and backtest alike. The rules apply to one symbol's rows in the order read; a
rejected row does not affect the rows after it. A row far ahead of later rows is recognised by them, so the verdict on a
row of a file waits for some rows after it; a reader of a live market can only look back.
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
"""Reasons by verdict; if several apply, `unreadable` counts, or else the first one."""

NOT_FINITE, NOT_POSITIVE, OUT_OF_RANGE, CROSSED, OUT_OF_ORDER, DUPLICATE, UNREADABLE, FAR_FUTURE = range(1, 9)

UNREADABLE_TIME_NS: Final = -(2**63)
"""Time of a row that cannot be parsed as a tick: the reader reports the row with this time instead of dropping it."""

PRICE_MIN: Final = 1e-12
"""A lower price has no digit within the decimals that orders and deals can carry."""

FAR_NS: Final = 60_000_000_000
"""Threshold of `far_future`: such a row would put a minute of later rows out of order; less is ordinary disorder."""

FOLLOWERS: Final = 64
"""Later rows compared with a row: up to half as many successive rows may be wrong; more define the market's time."""

REACH_ROWS: Final = 4_096
"""Rows, valid or not, among which the followers are searched: bounds the rows in memory."""

FAR_ROWS_SHOWN: Final = 5

LATE_SHARE: Final = 0.01
"""Share of late rows that raises a warning: merged feeds have a few, one wrong time makes the rest of a file late."""


class FarRow(NamedTuple):
    """A row far ahead of its followers: its number among the symbol's rows, from 1, and its time."""

    row: int
    time_ns: int


class RowValidator:
    """Validates one symbol's rows block by block, with the same result as for all at once."""

    def __init__(self, *, accept_crossed: bool, followers: int = FOLLOWERS) -> None:
        """Start before the first row; the verdict on a row needs `followers` rows after it, 0 for at once."""
        self.far_rows: list[FarRow] = []
        """The first `far_future` rows, at most `FAR_ROWS_SHOWN`."""
        self._accept_crossed = accept_crossed
        self._followers = followers
        self._last: tuple[int, float, float] | None = None
        self._held: tuple[NDArray[Any], ...] = (np.zeros(0, np.int64), *(np.zeros(0),) * 2, np.zeros(0, np.uint8))
        self._judged = 0

    def validate(
        self,
        time_ns: NDArray[np.int64],
        bid: NDArray[np.float64],
        ask: NDArray[np.float64],
        volume: NDArray[np.float64],
    ) -> NDArray[np.uint8]:
        """Add the next rows, and validate those with enough followers.

        - `unreadable`: the reader found no tick in the row, and set `UNREADABLE_TIME_NS`.
        - `not_finite`: bid, ask or volume is NaN or infinite.
        - `not_positive`: bid or ask is zero or less.
        - `out_of_range`: a time before 1970, a negative volume, or a number larger or finer than a tick can carry.
        - `crossed`: bid above ask, unless `accept_crossed`.
        - `far_future`: more than a minute ahead of most followers, which continue from the last accepted row.
        - `out_of_order`: earlier than the symbol's last accepted row.
        - `duplicate`: time, bid and ask equal those of the symbol's last accepted row.

        Args:
            time_ns: UTC, one entry per row, as in the other arrays.
            bid: prices.
            ask: prices.
            volume: 0 or more.

        Returns:
            Verdicts on the rows decided by this call, in order: `ACCEPTED`, or an index into `REASONS`.
        """
        verdict = _judged_alone(time_ns, bid, ask, volume, accept_crossed=self._accept_crossed)
        rows = tuple(
            np.concatenate([held, new]) for held, new in zip(self._held, (time_ns, bid, ask, verdict), strict=True)
        )
        good = np.flatnonzero(rows[3] == ACCEPTED)
        if not self._followers or not len(good):
            return self._judge(rows, len(rows[3]))
        # The last valid rows wait for their followers, and so do the rows between them.
        first = max(int(good[max(0, len(good) - self._followers)]), len(rows[3]) - REACH_ROWS)
        waiting = good[good >= first]
        return self._judge(rows, int(waiting[0]) if len(waiting) else len(rows[3]))

    def finish(self) -> NDArray[np.uint8]:
        """Validate the remaining rows, which no rows follow."""
        return self._judge(self._held, len(self._held[3]))

    def _judge(self, rows: tuple[NDArray[Any], ...], count: int) -> NDArray[np.uint8]:
        """The verdicts on the first `count` rows; the others wait."""
        verdict = rows[3][:count].copy()
        good = np.flatnonzero(verdict == ACCEPTED)
        if len(good):
            latest = UNREADABLE_TIME_NS if self._last is None else self._last[0]
            places = np.flatnonzero(rows[3] == ACCEPTED)
            far = good[_far_rows(rows[0][places], places, latest, len(good), self._followers)]
            verdict[far] = FAR_FUTURE
            self._note_far(far, rows[0])
            self._judge_order(verdict, *rows[:3])
        # Copies: views would keep the whole block in memory.
        self._held = tuple(values[count:].copy() for values in rows)
        self._judged += count
        return verdict

    def _note_far(self, far: NDArray[np.intp], time_ns: NDArray[np.int64]) -> None:
        for place in far[: FAR_ROWS_SHOWN - len(self.far_rows)].tolist():
            self.far_rows.append(FarRow(self._judged + place + 1, int(time_ns[place])))

    def _judge_order(
        self,
        verdict: NDArray[np.uint8],
        time_ns: NDArray[np.int64],
        bid: NDArray[np.float64],
        ask: NDArray[np.float64],
    ) -> None:
        """Set the verdicts that depend on the accepted rows before a row."""
        good = np.flatnonzero(verdict == ACCEPTED)
        if not len(good):
            return
        times, bids, asks = time_ns[good], bid[good], ask[good]
        if self._last is not None:
            # With the last accepted row first, these rows are compared with it as well.
            good = np.concatenate([[-1], good])
            times, bids, asks = (
                np.concatenate([np.array([value], dtype=rest.dtype), rest])
                for value, rest in zip(self._last, (times, bids, asks), strict=True)
            )
        # An out-of-order row is below the running maximum and cannot raise it, so the maximum over all valid rows
        # equals that over the accepted ones.
        latest = np.maximum.accumulate(times)
        late = np.zeros(len(good), dtype=np.bool_)
        late[1:] = times[1:] < latest[:-1]
        verdict[good[late]] = OUT_OF_ORDER
        # A row that repeats a duplicate also repeats the accepted row before it.
        good, times, bids, asks = good[~late], times[~late], bids[~late], asks[~late]
        same = (times[1:] == times[:-1]) & (bids[1:] == bids[:-1]) & (asks[1:] == asks[:-1])
        verdict[good[1:][same]] = DUPLICATE
        self._last = (int(times[-1]), float(bids[-1]), float(asks[-1]))


def _far_rows(
    times: NDArray[np.int64], places: NDArray[np.intp], latest: int, count: int, followers: int
) -> NDArray[np.bool_]:
    """Which of the first `count` times are far ahead of most of the times after each.

    Args:
        times: of the rows that are valid by themselves.
        places: their row numbers; only rows within `REACH_ROWS` are followers.
        latest: the time of the last accepted row before them.
        count: number of rows to examine; all of their followers are given.
        followers: number of later rows to compare each with.

    Returns:
        One entry for each of the `count` rows.
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
        # Followers before the last accepted row are late with or without this row, so they do not count.
        fitting = np.count_nonzero((following >= latest) & (following < times[place] - FAR_NS))
        far[place] = 2 * fitting > len(following)
        if not far[place]:
            latest = max(latest, int(times[place]))
    return far


def _judged_alone(
    time_ns: NDArray[np.int64],
    bid: NDArray[np.float64],
    ask: NDArray[np.float64],
    volume: NDArray[np.float64],
    *,
    accept_crossed: bool,
) -> NDArray[np.uint8]:
    """The verdicts that do not depend on other rows."""
    verdict = np.zeros(len(time_ns), dtype=np.uint8)
    # From the last rule to the first, so that the first one that applies remains.
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
    """Counts of rejected rows by reason, from an array of counts by verdict."""
    counted = counts.tolist()
    return {reason: counted[code] for code, reason in enumerate(REASONS) if code and counted[code]}
