"""Daily volatility of a symbol: exponentially weighted average of squared returns.

The estimate depends only on ticks. A return is the change of the mid price from the end of one minute with ticks to the
end of the next minute with ticks, in venue time. It counts for every minute of that time. A gap of more than an hour
means that the market was closed, and the return over the gap is left out. Each commit of the ledger stores the
estimates, so that a restart does not change them.
"""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from proto.time import MINUTE_NS

MINUTES_PER_DAY: Final = 1_440
GAP_MINUTES_MAX: Final = 60
"""Longest gap between ticks of an open market; breaks between sessions are longer."""


class Volatility(Struct, kw_only=True):
    """Volatility estimate of one symbol.

    `mid` is the latest mid price of the current `minute` (counted from 1970). `before_mid` is the last mid price of
    `before_minute`, the latest finished minute with ticks; both are 0 while there is none. `variance` is the weighted
    sum of squared returns per minute over the `minutes` so far, `weight` the sum of the weights.
    """

    minute: int
    mid: float
    before_minute: int = 0
    before_mid: float = 0.0
    variance: float = 0.0
    weight: float = 0.0
    minutes: int = 0


def update_volatility(
    memory: dict[str, Volatility], symbol: str, mid: float, time_ns: int, *, half_life_min: int
) -> None:
    """Update the estimate of a symbol in place with the mid price `mid` (> 0) at venue time `time_ns`.

    Formula: variance = l^k x variance + (1 - l^k) x r^2 / k for a log return r over k minutes, where
    l = 1/2^(1/half-life) and the half-life is `half_life_min` minutes. This is the estimate of RiskMetrics, applied to
    each of the k minutes with a decay factor l (J.P. Morgan and Reuters, *RiskMetrics Technical Document*, 4th edition,
    1996, chapter 5). A quote of an earlier minute than the latest is ignored.
    """
    minute = time_ns // MINUTE_NS
    known = memory.get(symbol)
    if known is None:
        memory[symbol] = Volatility(minute=minute, mid=mid)
        return
    if minute > known.minute:
        _finish_minute(known, half_life_min)
        known.minute = minute
    if minute == known.minute:
        known.mid = mid


def _finish_minute(known: Volatility, half_life_min: int) -> None:
    """Add the return up to the end of the latest minute, unless the market was closed before that minute."""
    gap = known.minute - known.before_minute
    if known.before_mid and gap <= GAP_MINUTES_MAX:
        kept = 0.5 ** (gap / half_life_min)
        move = math.log(known.mid / known.before_mid)
        known.variance = kept * known.variance + (1 - kept) * move * move / gap
        known.weight = kept * known.weight + (1 - kept)
        known.minutes += gap
    known.before_minute, known.before_mid = known.minute, known.mid


def volatility_per_day(known: Volatility | None, *, half_life_min: int) -> float | None:
    """Return the standard deviation of the log return over a day of 1,440 minutes, 0.01 for 1 %.

    Returns None until the estimate covers `half_life_min` minutes.
    """
    if known is None or known.minutes < half_life_min:
        return None
    return math.sqrt(known.variance / known.weight * MINUTES_PER_DAY)
