"""Value of open legs in units of the account currency, computed in floats, for a kernel that values many ticks.

A unit is the smallest amount of the currency, such as a cent. The value is the exact one of `valuation.py`, or unknown
where the rounding error of floats could change it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proto.trading.cost_basis import WIDE
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.accounting.valuation import AccountValuation, ValuedLeg

SYMBOL: Final = 0
DIRECTION: Final = 1
PAIR: Final = 2
IS_INVERSE: Final = 3
"""Columns of `LegTable.places`."""

SLOPE: Final = 0
OFFSET: Final = 1
PRICE_GRID: Final = 2
UNIT_GRID: Final = 3
"""Columns of `LegTable.terms`."""

NO_PAIR: Final = -1

FLOAT_ERROR: Final = 2e-15
"""More than the relative error of a value after the nine roundings from its decimals to the result."""

PRICE_ERROR: Final = 5e-13
"""Largest difference of a quoted float and its decimal, which has at most 12 decimals."""

GRID_STEPS_MAX: Final = 1e15
"""A float below this number of steps of 10^-n is the nearest one to a single decimal with n decimals."""


def leg_units(
    price: float,
    pair_bid: float,
    pair_ask: float,
    is_inverse: bool,
    slope: float,
    offset: float,
    price_grid: float,
    unit_grid: float,
) -> float:
    """Return the unrealized profit of a leg, rounded to whole units, halves away from zero; a loss is negative.

    The profit is price x `slope` - `offset`, in units of the profit currency, converted at the pair's quote as by
    `Conversion`: a gain at the bid or 1/ask, a loss at the ask or 1/bid.

    Args:
        price: bid of a long leg, ask of a short leg.
        pair_bid: bid of the pair that converts the profit; NaN if the profit is in account currency.
        pair_ask: ask of the pair.
        is_inverse: whether the pair is quoted account currency/profit currency.
        slope: signed lots x multiplier x units per unit of currency.
        offset: cost x multiplier x units per unit of currency.
        price_grid: number of the smallest price steps in 1.
        unit_grid: number n such that the profit at a price on the grid is a multiple of 1/n units.

    Returns:
        NaN if the profit may be a tie of the rounding, or is too large for floats.
    """
    product = price * slope
    value = product - offset
    error = FLOAT_ERROR * (abs(product) + abs(offset)) + PRICE_ERROR * abs(slope)
    is_converted = not math.isnan(pair_bid)
    if is_converted:
        quote = pair_bid if (value >= 0) != is_inverse else pair_ask
        rate = 1 / quote if is_inverse else quote
        value *= rate
        error = error * rate + abs(value) * (PRICE_ERROR / quote)
    if not error < 0.25:
        return math.nan
    size = abs(value)
    whole = math.floor(size)
    beyond_tie = size - whole - 0.5
    rounded = whole + (1.0 if beyond_tie > 0 else 0.0)
    if abs(beyond_tie) <= error:
        # In account currency, the profit at a price on the grid is a known multiple, and floats are precise enough to
        # tell which one.
        steps = math.floor(price * price_grid + 0.5)
        if is_converted or steps >= GRID_STEPS_MAX or steps / price_grid != price or not error * unit_grid < 0.25:
            return math.nan
        rounded = math.floor(math.floor(size * unit_grid + 0.5) / unit_grid + 0.5)
    return rounded if value >= 0 else -rounded


class LegTable(NamedTuple):
    """Arguments of `leg_units` for the open legs, a row for each leg.

    The columns of `places` are the constants from SYMBOL to IS_INVERSE: the place of the leg's symbol among the quotes,
    the leg's direction, the place of the pair or NO_PAIR, and whether the pair is inverse. The columns of `terms` are
    the constants from SLOPE to UNIT_GRID.
    """

    places: NDArray[np.int64]
    terms: NDArray[np.float64]


def empty_leg_table(legs: int = 0) -> LegTable:
    """Return a table for a number of legs, which are not set."""
    return LegTable(np.empty((legs, 4), dtype=np.int64), np.empty((legs, 4)))


def leg_table(valuation: AccountValuation, marks: Mapping[str, Mark], places: Mapping[str, int]) -> LegTable | None:
    """Return the open legs while the same symbols have marks; None if a leg cannot be valued at these marks.

    Args:
        valuation: the account.
        marks: the latest quotes.
        places: place of each symbol that has a mark among the quotes.
    """
    legs = valuation.legs
    table = empty_leg_table(len(legs))
    for row, leg in enumerate(legs):
        pair = leg.conversion.pair(marks)
        if leg.symbol not in marks or pair is None:
            return None
        symbol, is_inverse = pair
        table.places[row] = places[leg.symbol], leg.direction, places[symbol] if symbol else NO_PAIR, is_inverse
        table.terms[row] = _terms(leg, valuation)
    return table


def _terms(leg: ValuedLeg, valuation: AccountValuation) -> tuple[float, float, float, float]:
    """A row of `LegTable.terms`."""
    book = valuation.book
    assert book.stream is not None
    factor = leg.multiplier.scaleb(book.stream.currency_digits, WIDE)
    slope, offset = WIDE.multiply(leg.holding.volume, factor), WIDE.multiply(leg.holding.cost, factor)
    price_decimals = book.instruments[leg.symbol].digits
    decimals = max(0, price_decimals + _decimals(slope), _decimals(offset))
    return float(slope), float(offset), 10.0**price_decimals, 10.0**decimals


def _decimals(value: Decimal) -> int:
    """Number of decimals without trailing zeros; negative for trailing zeros before the point."""
    exponent = value.normalize(WIDE).as_tuple().exponent
    assert isinstance(exponent, int), value
    return -exponent
