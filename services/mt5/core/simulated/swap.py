"""Swap: what positions earn or cost over nights.

A night is charged at the midnight of the symbol's clock, 17:00 in New York unless it has another, on positions open
then. Each symbol has a coefficient for each night: for most, value dates skip the weekend, whose nights are charged
before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from proto.trading.enums import SwapMode
from proto.trading.instrument import Instrument, SwapTerms
from proto.trading.money import Quotes, conversion_rate
from proto.trading.server_time import weekday_of_day
from proto.trading.units import round_money

DAYS_OF_YEAR: Final = 360
"""Days of a year for interest, as in MetaTrader."""

_ZERO: Final = Decimal(0)


class Holding(NamedTuple):
    """A position: `volume` in lots, signed, and its `cost`, the sum of price x signed volume."""

    volume: Decimal
    cost: Decimal


class SwapCharge(NamedTuple):
    """The sum of the nights' coefficients and their amount; None when a rate or a quote is missing."""

    nights: Decimal
    amount: Decimal | None


def nights_by_terms(instrument: Instrument, from_ns: int, to_ns: int) -> dict[SwapTerms | None, Decimal]:
    """Nights that a position held from `from_ns` to `to_ns` (UTC, not before it) is charged for, by the row in force.

    Those whose midnight lies after `from_ns` and not after `to_ns`; the night that follows a day counts by that day's
    coefficient and under the row in force on that day. The key None: the symbol has no swaps.
    """
    assert from_ns <= to_ns, (from_ns, to_ns)
    found: defaultdict[SwapTerms | None, Decimal] = defaultdict(Decimal)
    for day in range(instrument.day(from_ns), instrument.day(to_ns)):
        coefficient = instrument.swap_weekdays[weekday_of_day(day)]
        if coefficient:
            found[instrument.swap_terms(day)] += coefficient
    return dict(found)


def swap_of(
    *,
    holding: Holding,
    from_ns: int,
    to_ns: int,
    instrument: Instrument,
    currency: str,
    currency_digits: int,
    instruments: Mapping[str, Instrument],
    quotes: Quotes,
) -> SwapCharge:
    """Swap of a holding over the nights from `from_ns` to `to_ns`, in account currency, > 0 where it earns.

    Formulas, S the swap of the side, L lots without sign, N nights, M the instrument's multiplier
    (ENUM_SYMBOL_SWAP_MODE of MetaTrader 5 names the modes):

        POINTS             S x point x M x L x N, in the profit currency
        CURRENCY_SYMBOL    S x L x N in the base currency; CURRENCY_MARGIN, CURRENCY_PROFIT and CURRENCY_DEPOSIT in
        theirs INTEREST_CURRENT   price x M x L x S / 100 / 360 x N, in the profit currency; the price at which it would
        close INTEREST_OPEN      the same with the price at which the position was opened

    The latest quotes are used for all of the nights. Each row's amount is converted at the side against the holder; the
    sum is rounded once, to the account's digits.
    """
    rows = nights_by_terms(instrument, from_ns, to_ns)
    counted, total = sum(rows.values(), _ZERO), _ZERO
    for terms, nights in rows.items():
        gross, source = _amount(terms, nights, holding, instrument, quotes)
        if gross is None:
            return SwapCharge(counted, None)
        if not gross:
            continue
        rate = conversion_rate(
            1 if gross > 0 else -1, source=source or currency, target=currency, instruments=instruments, quotes=quotes
        )
        if rate is None:
            return SwapCharge(counted, None)
        total += gross * rate
    return SwapCharge(counted, round_money(total, currency_digits))


def _amount(
    terms: SwapTerms | None, nights: Decimal, holding: Holding, instrument: Instrument, quotes: Quotes
) -> tuple[Decimal | None, str]:
    """Amount of the nights under one row, None without a quote, and its currency, "" for the account's."""
    mode = SwapMode.DISABLED if terms is None else terms.mode
    swap = _ZERO if terms is None else terms.long if holding.volume > 0 else terms.short
    profit_currency = instrument.profit_currency
    if mode is SwapMode.DISABLED or not swap:
        return _ZERO, profit_currency
    lots = abs(holding.volume)
    match mode:
        case SwapMode.POINTS:
            return swap * instrument.point * instrument.multiplier * lots * nights, profit_currency
        case SwapMode.INTEREST_OPEN:
            worth = abs(holding.cost) * instrument.multiplier
            return worth * swap / 100 / DAYS_OF_YEAR * nights, profit_currency
        case SwapMode.INTEREST_CURRENT:
            quote = quotes.quote(instrument.symbol)
            if quote is None:
                return None, profit_currency
            price = quote.bid if holding.volume > 0 else quote.ask
            return price * instrument.multiplier * lots * swap / 100 / DAYS_OF_YEAR * nights, profit_currency
    source = {
        SwapMode.CURRENCY_SYMBOL: instrument.base_currency,
        SwapMode.CURRENCY_MARGIN: instrument.margin_currency or instrument.base_currency,
        SwapMode.CURRENCY_PROFIT: profit_currency,
    }.get(mode, "")
    return swap * lots * nights, source
