"""Price model of the generated market, which computes a minute's ticks and the next state from the minute's state.

Every random number depends only on the seed, the purpose (such as one currency's movement) and the minute. The seed and
the purpose are the key of a Philox generator, and the minute is its counter. Therefore a minute that is computed again
from its state has exactly the same ticks, and a currency moves in the same way whichever symbols are generated. The
states are rounded between minutes, because processors differ in the last bit of a logarithm, and the difference would
grow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from marketdata import price_model_parameters as terms
from marketdata.price_model_parameters import PairParameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK_S: Final = 60
BLOCK_NS: Final = BLOCK_S * 1_000_000_000
STEPS_PER_S: Final = 10
STEPS: Final = BLOCK_S * STEPS_PER_S
STEP_S: Final = 1.0 / STEPS_PER_S
STEP_NS: Final = 1_000_000_000 // STEPS_PER_S

STATE_DECIMALS: Final = 12
_MARKET: Final = "market"
_EUROPE: Final = "europe"


class CurrencyState(Struct, frozen=True, array_like=True):
    """Log of the value in USD, the currency's own log volatility, and its order flow in standard deviations."""

    value: float
    fast: float
    flow: float


class LastQuote(Struct, frozen=True, array_like=True):
    """A symbol's latest tick before a minute, with prices in points; `sequence` is 0 before the first tick."""

    sequence: int = 0
    ordinal: int = 0
    time_ns: int = 0
    bid_points: int = 0
    ask_points: int = 0
    volume: float = 0.0


class MarketState(Struct, frozen=True):
    """State of the market at the beginning of the minute `block`, numbered from 1970-01-01 00:00 UTC.

    `ordinal` is the number of earlier ticks. `slow` is the log volatility common to all currencies.
    """

    block: int
    ordinal: int
    slow: float
    currencies: dict[str, CurrencyState]
    quotes: dict[str, LastQuote]


@dataclass(frozen=True)
class Block:
    """The ticks of one minute in the order of their ordinals; `symbol_index` is the index of each tick's pair."""

    first_ordinal: int
    symbol_index: NDArray[np.uint16]
    sequence: Ints
    time_ns: Ints
    bid: Floats
    ask: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.time_ns)


class _Path(Struct, frozen=True):
    """The path of one currency in a minute, with one number for each step; `value` is the log of its value in USD."""

    value: Floats
    log_volatility: Floats
    """Log volatility relative to the usual volatility of the hour."""


def first_state(
    pairs: Sequence[PairParameters], *, start_ns: int, values: Mapping[str, float] | None = None
) -> MarketState:
    """State of a market that begins with the minute of UTC time `start_ns`.

    `values` are the logs of the currencies' initial values in USD, by code. A currency that is not in `values` begins
    at the model's value.
    """
    codes = sorted({code for pair in pairs for code in (pair.base, pair.quote)})
    given = values or {}
    return MarketState(
        block=start_ns // BLOCK_NS,
        ordinal=0,
        slow=0.0,
        currencies={code: CurrencyState(given.get(code, _anchor(code)), 0.0, 0.0) for code in codes},
        quotes={pair.symbol: LastQuote() for pair in pairs},
    )


def advance(state: MarketState, pairs: Sequence[PairParameters], seed: int) -> tuple[Block, MarketState]:
    """Compute the ticks of the minute that begins with `state`, and the state at its end.

    The result depends only on the arguments.
    """
    second = (state.block * BLOCK_S + BLOCK_S / 2) % terms.DAY_S
    europe = _generator(seed, _EUROPE, state.block).standard_normal(STEPS)
    paths: dict[str, _Path] = {}
    currencies: dict[str, CurrencyState] = {}
    for code, before in state.currencies.items():
        generator = _generator(seed, f"currency {code}", state.block)
        paths[code], currencies[code] = _currency_minute(code, before, state.slow, europe, second, generator)
    parts = [
        _symbol_minute(pair, paths, state, second, _generator(seed, f"symbol {pair.symbol}", state.block))
        for pair in pairs
    ]
    block, quotes = _merged(pairs, parts, state)
    draw = float(_generator(seed, _MARKET, state.block).standard_normal())
    following = MarketState(
        block=state.block + 1,
        ordinal=state.ordinal + len(block),
        slow=round(_SLOW_KEPT * state.slow + _SLOW_STEP * draw, STATE_DECIMALS),
        currencies=currencies,
        quotes=quotes,
    )
    return block, following


# -------------------------------------------------------------------------------------------------------- currencies


def _kept(half_life_s: float, step_s: float) -> float:
    """Share of a mean-reverting quantity's deviation that remains after one step."""
    return float(0.5 ** (step_s / half_life_s))


_SLOW_KEPT: Final = _kept(terms.SLOW_HALF_LIFE_S, BLOCK_S)
_SLOW_STEP: Final = terms.SLOW_SD * float(np.sqrt(1 - _SLOW_KEPT**2))
_FAST_KEPT: Final = _kept(terms.FAST_HALF_LIFE_S, STEP_S)
_FAST_STEP: Final = terms.FAST_SD * float(np.sqrt(1 - _FAST_KEPT**2))
_FLOW_KEPT: Final = _kept(terms.FLOW_HALF_LIFE_S, STEP_S)
_FLOW_STEP: Final = float(np.sqrt(1 - _FLOW_KEPT**2))
_ANCHOR_PULL: Final = 1.0 - _kept(terms.ANCHOR_HALF_LIFE_S, STEP_S)
_LOG_VOLATILITY_VARIANCE: Final = terms.SLOW_SD**2 + terms.FAST_SD**2
"""Variance of the log volatility h.

The mean of exp(2 h) is exp(2 var h). Therefore the volatility is divided by exp(var h), so that the mean variance of a
day, without jumps, is the variance in the parameters.
"""

_POWERS: Final = {kept: kept ** np.arange(1, STEPS + 1) for kept in (_FAST_KEPT, _FLOW_KEPT)}


def _currency_minute(
    code: str, before: CurrencyState, slow: float, europe: Floats, second: float, generator: np.random.Generator
) -> tuple[_Path, CurrencyState]:
    draws = generator.standard_normal((4, STEPS))
    jumps = generator.random(STEPS)
    known = terms.currency_parameters(code)
    movement = terms.movement_at(known.home, second)
    # Jumps are more frequent in busy hours, because news is published in working hours.
    is_jump = jumps < terms.JUMPS_PER_DAY * movement**2 * STEP_S / terms.DAY_S
    fast = _reverting(before.fast, _FAST_KEPT, _FAST_STEP * draws[1] + terms.JUMP_VOLATILITY * is_jump)
    flow = _reverting(before.flow, _FLOW_KEPT, _FLOW_STEP * draws[2])
    log_volatility = slow + fast
    scale = movement * np.exp(log_volatility - _LOG_VOLATILITY_VARIANCE) * np.sqrt(STEP_S / terms.DAY_S)
    moves = known.day_sd * scale * (draws[0] + terms.FLOW_STRENGTH * np.sqrt(STEP_S) * flow)
    if (share := terms.EUROPE.get(code)) is not None:
        moves += share * terms.EUROPE_DAY_SD * scale * europe
    moves += is_jump * draws[3] * known.day_sd * np.sqrt(terms.JUMP_SD_S / terms.DAY_S)
    moves -= _ANCHOR_PULL * (before.value - _anchor(code))
    value = before.value + np.cumsum(moves)
    last = (float(series[-1]) for series in (value, fast, flow))
    return _Path(value, log_volatility), CurrencyState(*(round(number, STATE_DECIMALS) for number in last))


def _reverting(before: float, kept: float, shocks: Floats) -> Floats:
    """The series x(k) = `kept` * x(k-1) + `shocks`(k) for all steps, with x(0) = `before`."""
    powers = _POWERS[kept]
    series: Floats = powers * (before + np.cumsum(shocks / powers))
    return series


@lru_cache(maxsize=256)  # one per currency code
def _anchor(code: str) -> float:
    """Log of the initial value of a currency in USD, to which its value reverts."""
    return round(float(np.log(terms.currency_parameters(code).value)), STATE_DECIMALS)


# ------------------------------------------------------------------------------------------------------------ quotes


class _Quotes(Struct, frozen=True):
    """The ticks of one symbol in a minute."""

    time_ns: Ints
    bid_points: Ints
    ask_points: Ints
    volume: Floats


def _symbol_minute(
    pair: PairParameters, paths: Mapping[str, _Path], state: MarketState, second: float, generator: np.random.Generator
) -> _Quotes:
    base, quote = paths[pair.base], paths[pair.quote]
    uniform = generator.random((2, STEPS))
    draws = generator.standard_normal((3, STEPS))
    log_volatility = 0.5 * (base.log_volatility + quote.log_volatility)
    rate = sum(terms.activity_at(terms.currency_parameters(code), second) for code in (pair.base, pair.quote))
    rates = rate * np.minimum(np.exp(terms.ACTIVITY_OF_VOLATILITY * log_volatility), terms.ACTIVITY_FACTOR_MAX)
    steps = np.flatnonzero(uniform[0] < 1.0 - np.exp(-rates * STEP_S))
    log_volatility = log_volatility[steps]
    scale = 10.0**pair.digits
    middle = np.exp(base.value[steps] - quote.value[steps]) * scale
    hour = float(terms.at_time_of_day(terms.SPREAD_BY_HOUR, second))
    wide = (
        middle
        * pair.spread
        * hour
        * np.exp(terms.SPREAD_OF_VOLATILITY * log_volatility + terms.SPREAD_NOISE * draws[0, steps])
    )
    spread = np.maximum(1, np.rint(wide)).astype(np.int64)
    centre = middle + terms.QUOTE_NOISE_OF_SPREAD * wide * draws[1, steps]
    bid = np.maximum(1, np.rint(centre - spread / 2)).astype(np.int64)
    ask = bid + spread
    time_ns = state.block * BLOCK_NS + steps * STEP_NS + (uniform[1, steps] * STEP_NS).astype(np.int64)
    size = np.round(np.exp(terms.QUOTED_SIZE_SD * draws[2, steps]) * (0.5 + rate), 1)
    # A quote with the same bid and ask as the quote before is not a tick.
    last = state.quotes[pair.symbol]
    changed = np.empty(len(steps), dtype=np.bool_)
    if len(steps):
        changed[0] = bid[0] != last.bid_points or ask[0] != last.ask_points
        changed[1:] = (bid[1:] != bid[:-1]) | (ask[1:] != ask[:-1])
    return _Quotes(time_ns[changed], bid[changed], ask[changed], size[changed])


def _merged(
    pairs: Sequence[PairParameters], parts: Sequence[_Quotes], state: MarketState
) -> tuple[Block, dict[str, LastQuote]]:
    """Merge the ticks of all symbols by time, then by the order of the pairs, and number them."""
    index = np.repeat(np.arange(len(pairs), dtype=np.uint16), [len(part.time_ns) for part in parts])
    time_ns = np.concatenate([part.time_ns for part in parts])
    order = np.argsort(time_ns, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    sequence, bid, ask = [], [], []
    quotes: dict[str, LastQuote] = {}
    done = 0
    for pair, part in zip(pairs, parts, strict=True):
        last = state.quotes[pair.symbol]
        count = len(part.time_ns)
        scale = 10**pair.digits
        sequence.append(np.arange(last.sequence + 1, last.sequence + count + 1))
        bid.append(part.bid_points / scale)
        ask.append(part.ask_points / scale)
        quotes[pair.symbol] = last
        if count:
            quotes[pair.symbol] = LastQuote(
                last.sequence + count,
                state.ordinal + int(place[done + count - 1]) + 1,
                int(part.time_ns[-1]),
                int(part.bid_points[-1]),
                int(part.ask_points[-1]),
                float(part.volume[-1]),
            )
        done += count
    block = Block(
        first_ordinal=state.ordinal + 1,
        symbol_index=index[order],
        sequence=np.concatenate(sequence)[order],
        time_ns=time_ns[order],
        bid=np.concatenate(bid)[order],
        ask=np.concatenate(ask)[order],
        volume=np.concatenate([part.volume for part in parts])[order],
    )
    return block, quotes


# ----------------------------------------------------------------------------------------------------------- drawing


def _generator(seed: int, purpose: str, block: int) -> np.random.Generator:
    key = np.array([seed, _tag(purpose)], dtype=np.uint64)
    counter = np.array([0, 0, 0, block], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


@lru_cache(maxsize=1_024)  # one per symbol and per currency in use, and two more
def _tag(purpose: str) -> int:
    return int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "little")
