"""Daily volatility of a symbol: exponentially weighted average of squared returns.

It is a function of ticks alone. Returns are those of the mid price between the ends of whole minutes of venue time. A
return over minutes without a tick counts for all of them; after a gap of more than an hour the market was closed, and
the return is left out. The ledger keeps the estimates with each commit, so that a restart changes no digit.
"""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from proto.time import MINUTE_NS

MINUTES_PER_DAY: Final = 1_440
GAP_MINUTES_MAX: Final = 60
"""Gaps of an open market are shorter, nights and weekends are longer."""


class Volatility(Struct, kw_only=True):
    """Volatility estimate of one symbol.

    `mid` is the latest mid price of the current `minute` (counted from 1970), `before_mid` the last one of
    `before_minute`, 0 before the first. `variance` and `weight` are weighted sums over the `minutes` so far: of squared
    returns a minute, and of their weights.
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
    """Update the estimate of a symbol in place with a mid price (> 0).

    Formula: variance = l^k x variance + (1 - l^k) x r^2 / k for a log return r over k minutes, l = 1/2^(1/half life):
    RiskMetrics (J.P. Morgan and Reuters, *RiskMetrics Technical Document*, 4th edition, 1996, chapter 5) for each of
    the k minutes, with a half life of `half_life_min` minutes in place of the decay factor. A quote of an earlier
    minute is ignored.
    """
    minute = time_ns // MINUTE_NS
    known = memory.get(symbol)
    if known is None:
        memory[symbol] = Volatility(minute=minute, mid=mid)
        return
    if minute > known.minute:
        _close(known, half_life_min)
        known.minute = minute
    if minute == known.minute:
        known.mid = mid


def _close(known: Volatility, half_life_min: int) -> None:
    """Add the return of the finished minute, unless the market was closed before it."""
    gap = known.minute - known.before_minute
    if known.before_mid and gap <= GAP_MINUTES_MAX:
        kept = 0.5 ** (gap / half_life_min)
        move = math.log(known.mid / known.before_mid)
        known.variance = kept * known.variance + (1 - kept) * move * move / gap
        known.weight = kept * known.weight + (1 - kept)
        known.minutes += gap
    known.before_minute, known.before_mid = known.minute, known.mid


def volatility_per_day(known: Volatility | None, *, half_life_min: int) -> float | None:
    """Standard deviation of the log return over a day of 1,440 minutes; 0.01 for 1 %.

    Returns:
        None before `half_life_min` minutes were added.
    """
    if known is None or known.minutes < half_life_min:
        return None
    return math.sqrt(known.variance / known.weight * MINUTES_PER_DAY)
