"""How much a symbol moves in a day: an exponentially weighted average of squared returns, a function of ticks alone.

The returns are of the middle of the quote from the end of one whole minute of venue time to the end of the next. Where minutes
went by without a tick the return counts for all of them; after longer than an hour the market was closed, and the jump over
it counts for nothing. It is kept with the tick cursor, so that a restart changes no digit.
"""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from proto.time import MINUTE_NS

MINUTES_PER_DAY: Final = 1_440
GAP_MINUTES_MAX: Final = 60
"""Quiet hours of a thin market are shorter, nights and weekends of a closed one are longer."""


class Volatility(Struct, kw_only=True):
    """What is remembered of one symbol: the minute that is running, the one that was whole before it, and the averages.

    `mid` is the latest middle of the running `minute` (counted from 1970), `before_mid` the last one of `before_minute`, 0
    before there was one. `variance` and `weight` are sums over the `minutes` so far: of squared returns of a minute, and of what
    they count.
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
    """Let the estimate of a symbol see the middle (> 0) of a quote; a return counts half after `half_life_min` minutes.

    Formula: variance = l^k x variance + (1 - l^k) x r^2 / k for a log return r over k minutes, l = 1/2^(1/half life); that is
    RiskMetrics' one for each of the k minutes (J.P. Morgan and Reuters, *RiskMetrics Technical Document*, 4th edition, 1996,
    chapter 5), with a half life in place of the decay factor. A quote of a minute that is over is passed by.
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
    """The running minute is over: its return since the one before counts, if the market was open in between."""
    gap = known.minute - known.before_minute
    if known.before_mid and gap <= GAP_MINUTES_MAX:
        kept = 0.5 ** (gap / half_life_min)
        move = math.log(known.mid / known.before_mid)
        known.variance = kept * known.variance + (1 - kept) * move * move / gap
        known.weight = kept * known.weight + (1 - kept)
        known.minutes += gap
    known.before_minute, known.before_mid = known.minute, known.mid


def volatility_per_day(known: Volatility | None, *, half_life_min: int) -> float | None:
    """The standard deviation of the log return over a day of 1,440 minutes; 0.01 for 1 %.

    Returns:
        None until `half_life_min` minutes have counted: less tells little.
    """
    if known is None or known.minutes < half_life_min:
        return None
    return math.sqrt(known.variance / known.weight * MINUTES_PER_DAY)
