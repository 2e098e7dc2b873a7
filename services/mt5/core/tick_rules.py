"""Which rows of a tick source become ticks, and why the others do not.

Rows are judged once, here, for replay and backtest alike. The rules look at one symbol's rows in the order in which they
were read; a rejected row leaves no trace in the rows after it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from proto.units import PRICE_MAX

ACCEPTED: Final = 0
REASONS: Final = ("", "not_finite", "not_positive", "out_of_range", "crossed", "out_of_order", "duplicate")
"""Reasons by verdict; the first one that fits is the one that counts."""

NOT_FINITE, NOT_POSITIVE, OUT_OF_RANGE, CROSSED, OUT_OF_ORDER, DUPLICATE = range(1, 7)

PRICE_MIN: Final = 1e-12
"""Below it a price has no digit left within the decimals that orders and deals carry."""

TIME_NS_MAX: Final = 2**62


def judge(
    time_ns: NDArray[np.int64],
    bid: NDArray[np.float64],
    ask: NDArray[np.float64],
    volume: NDArray[np.float64],
    *,
    accept_crossed: bool,
) -> NDArray[np.uint8]:
    """Judge one symbol's rows.

    - `not_finite`: bid, ask or volume is NaN or infinite.
    - `not_positive`: bid or ask is zero or less.
    - `out_of_range`: a time before 1970, a negative volume, or a number larger or finer than a tick can carry.
    - `crossed`: bid above ask, unless `accept_crossed`.
    - `out_of_order`: earlier than the symbol's last accepted row.
    - `duplicate`: time, bid and ask equal those of the symbol's last accepted row.

    Returns:
        A verdict per row: `ACCEPTED`, or an index into `REASONS`.
    """
    verdict = np.zeros(len(time_ns), dtype=np.uint8)
    # Written from the last rule to the first, so that the first one that fits is what remains.
    if not accept_crossed:
        verdict[bid > ask] = CROSSED
    too_large = (bid > PRICE_MAX) | (ask > PRICE_MAX) | (volume > PRICE_MAX) | (time_ns > TIME_NS_MAX)
    too_small = (bid < PRICE_MIN) | (ask < PRICE_MIN) | (volume < 0) | (time_ns < 0)
    verdict[too_large | too_small] = OUT_OF_RANGE
    verdict[(bid <= 0) | (ask <= 0)] = NOT_POSITIVE
    verdict[~(np.isfinite(bid) & np.isfinite(ask) & np.isfinite(volume))] = NOT_FINITE

    good = np.flatnonzero(verdict == ACCEPTED)
    if len(good):
        # A row that is out of order is below the running maximum and cannot raise it, so the maximum over all good rows
        # is the maximum over the accepted ones.
        latest = np.maximum.accumulate(time_ns[good])
        late = np.zeros(len(good), dtype=np.bool_)
        late[1:] = time_ns[good][1:] < latest[:-1]
        verdict[good[late]] = OUT_OF_ORDER
        # A row that repeats a duplicate repeats the accepted row before it too.
        kept = good[~late]
        same = (time_ns[kept][1:] == time_ns[kept][:-1]) & (bid[kept][1:] == bid[kept][:-1])
        same &= ask[kept][1:] == ask[kept][:-1]
        verdict[kept[1:][same]] = DUPLICATE
    return verdict


def count_reasons(verdict: NDArray[np.uint8]) -> dict[str, int]:
    """Rejected rows by reason, in the order of `REASONS`, without the reasons that did not occur."""
    counted = np.bincount(verdict, minlength=len(REASONS)).tolist()
    return {reason: counted[code] for code, reason in enumerate(REASONS) if code and counted[code]}
