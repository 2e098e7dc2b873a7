"""Swap: the interest that open positions earn or pay for each night.

A night is charged on positions that are open at the midnight of the symbol's clock, by default 17:00 in New York. Each
symbol has a coefficient for the night of each weekday. Most symbols charge the nights of the weekend on one weekday,
because value dates skip the weekend.
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
from proto.trading.units import ZERO, round_money

DAYS_OF_YEAR: Final = 360
"""Days of a year in interest formulas, as in MetaTrader."""


class Holding(NamedTuple):
    """A position's `volume` in lots, > 0 is long, and its `cost`, the sum of price x signed volume."""

    volume: Decimal
    cost: Decimal


class SwapCharge(NamedTuple):
    """`nights`: sum of the nights' coefficients. `amount`: in account currency; None if a rate or quote is missing."""

    nights: Decimal
    amount: Decimal | None


def nights_by_terms(instrument: Instrument, from_ns: int, to_ns: int) -> dict[SwapTerms | None, Decimal]:
    """Number of nights to charge between `from_ns` and `to_ns` (UTC), by the swap terms that apply to them.

    A night counts if its midnight is after `from_ns` and not after `to_ns`. The weekday before the midnight decides the
    night's coefficient and swap terms. The key None has the nights on which the symbol has no swap.
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
    """Swap of a holding over the nights from `from_ns` to `to_ns` (UTC), in account currency; > 0 is earned.

    Formulas by mode (MetaTrader 5, ENUM_SYMBOL_SWAP_MODE), with the swap S of the position's side, the lots L without
    sign, the nights N and the instrument's multiplier M:

        POINTS: S x point x M x L x N, in the profit currency.
        CURRENCY_SYMBOL, CURRENCY_MARGIN, CURRENCY_PROFIT, CURRENCY_DEPOSIT: S x L x N, in the base, margin, profit or
            account currency.
        INTEREST_CURRENT: price x M x L x S / 100 / 360 x N, in the profit currency, at the current bid of a long and
            ask of a short position.
        INTEREST_OPEN: the same formula with the position's open price.

    The latest quotes apply to all nights. The amount under each row of terms is converted at the side of the quote that
    is worse for the holder. The sum is rounded once, to `currency_digits` decimals.
    """
    rows = nights_by_terms(instrument, from_ns, to_ns)
    counted, total = sum(rows.values(), ZERO), ZERO
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
    """Amount of the nights under one row of terms, and its currency; None without a quote, "" for the account's."""
    mode = SwapMode.DISABLED if terms is None else terms.mode
    swap = ZERO if terms is None else terms.long if holding.volume > 0 else terms.short
    profit_currency = instrument.profit_currency
    if mode is SwapMode.DISABLED or not swap:
        return ZERO, profit_currency
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
