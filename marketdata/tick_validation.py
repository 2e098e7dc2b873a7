"""Which rows of a tick source become ticks, and why the others do not.

Rows are judged once, here, for replay and backtest alike. The rules look at one symbol's rows in the order in which they
were read; a rejected row leaves no trace in the rows after it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from proto.trading.units import PRICE_MAX

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
)
"""Reasons by verdict; of several that fit, `unreadable` counts, or else the first one."""

NOT_FINITE, NOT_POSITIVE, OUT_OF_RANGE, CROSSED, OUT_OF_ORDER, DUPLICATE, UNREADABLE = range(1, 8)

UNREADABLE_TIME_NS: Final = -(2**63)
"""Stands for the time of a row whose text gives no tick: how a reader tells of it without leaving it out."""

PRICE_MIN: Final = 1e-12
"""Below it a price has no digit left within the decimals that orders and deals carry."""

TIME_NS_MAX: Final = 2**62


class RowValidator:
    """Judges one symbol's rows, a block after the other, as if they came in one."""

    def __init__(self, *, accept_crossed: bool) -> None:
        """Start before the first row."""
        self._accept_crossed = accept_crossed
        self._last: tuple[int, float, float] | None = None

    def validate(
        self,
        time_ns: NDArray[np.int64],
        bid: NDArray[np.float64],
        ask: NDArray[np.float64],
        volume: NDArray[np.float64],
    ) -> NDArray[np.uint8]:
        """Judge the next rows.

        - `unreadable`: the reader could not make a row of it, and set `UNREADABLE_TIME_NS`.
        - `not_finite`: bid, ask or volume is NaN or infinite.
        - `not_positive`: bid or ask is zero or less.
        - `out_of_range`: a time before 1970, a negative volume, or a number larger or finer than a tick can carry.
        - `crossed`: bid above ask, unless `accept_crossed`.
        - `out_of_order`: earlier than the symbol's last accepted row.
        - `duplicate`: time, bid and ask equal those of the symbol's last accepted row.

        Returns:
            A verdict per row: `ACCEPTED`, or an index into `REASONS`.
        """
        verdict = _judged_alone(time_ns, bid, ask, volume, accept_crossed=self._accept_crossed)
        good = np.flatnonzero(verdict == ACCEPTED)
        if not len(good):
            return verdict
        times, bids, asks = time_ns[good], bid[good], ask[good]
        if self._last is not None:
            # The last accepted row stands before these, so that they are judged as its followers.
            good = np.concatenate([[-1], good])
            times, bids, asks = (
                np.concatenate([np.array([value], dtype=rest.dtype), rest])
                for value, rest in zip(self._last, (times, bids, asks), strict=True)
            )
        # A row that is out of order is below the running maximum and cannot raise it, so the maximum over all good rows
        # is the maximum over the accepted ones.
        latest = np.maximum.accumulate(times)
        late = np.zeros(len(good), dtype=np.bool_)
        late[1:] = times[1:] < latest[:-1]
        verdict[good[late]] = OUT_OF_ORDER
        # A row that repeats a duplicate repeats the accepted row before it too.
        good, times, bids, asks = good[~late], times[~late], bids[~late], asks[~late]
        same = (times[1:] == times[:-1]) & (bids[1:] == bids[:-1]) & (asks[1:] == asks[:-1])
        verdict[good[1:][same]] = DUPLICATE
        self._last = (int(times[-1]), float(bids[-1]), float(asks[-1]))
        return verdict


def _judged_alone(
    time_ns: NDArray[np.int64],
    bid: NDArray[np.float64],
    ask: NDArray[np.float64],
    volume: NDArray[np.float64],
    *,
    accept_crossed: bool,
) -> NDArray[np.uint8]:
    """The verdicts for which a row's neighbours do not matter."""
    verdict = np.zeros(len(time_ns), dtype=np.uint8)
    # Written from the last rule to the first, so that the first one that fits is what remains.
    if not accept_crossed:
        verdict[bid > ask] = CROSSED
    too_large = (bid > PRICE_MAX) | (ask > PRICE_MAX) | (volume > PRICE_MAX) | (time_ns > TIME_NS_MAX)
    too_small = (bid < PRICE_MIN) | (ask < PRICE_MIN) | (volume < 0) | (time_ns < 0)
    verdict[too_large | too_small] = OUT_OF_RANGE
    verdict[(bid <= 0) | (ask <= 0)] = NOT_POSITIVE
    verdict[~(np.isfinite(bid) & np.isfinite(ask) & np.isfinite(volume))] = NOT_FINITE
    verdict[time_ns == UNREADABLE_TIME_NS] = UNREADABLE
    return verdict


def validate_rows(
    time_ns: NDArray[np.int64],
    bid: NDArray[np.float64],
    ask: NDArray[np.float64],
    volume: NDArray[np.float64],
    *,
    accept_crossed: bool,
) -> NDArray[np.uint8]:
    """Judge all of one symbol's rows; see `RowValidator`."""
    return RowValidator(accept_crossed=accept_crossed).validate(time_ns, bid, ask, volume)


def rejected_by_reason(verdict: NDArray[np.uint8]) -> dict[str, int]:
    """Rejected rows by reason, in the order of `REASONS`, without the reasons that did not occur."""
    return label_reason_counts(np.bincount(verdict, minlength=len(REASONS)))


def label_reason_counts(counts: NDArray[np.int64]) -> dict[str, int]:
    """Rejected rows by reason, of rows counted by verdict."""
    counted = counts.tolist()
    return {reason: counted[code] for code, reason in enumerate(REASONS) if code and counted[code]}
