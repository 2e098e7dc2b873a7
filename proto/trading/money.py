"""Formulas of profit, currency conversion, margin and commission, for the gateway and portfolio."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple, Protocol

from proto.trading.enums import CalculationMode
from proto.trading.instrument import Instrument
from proto.trading.units import ZERO, round_money

AVERAGE_STEP: Final = Decimal("1e-12")
"""Step to which an average price is rounded: the last decimal that a price in an order or a deal can have."""


class Quote(NamedTuple):
    """Best bid and ask of one symbol, exact."""

    bid: Decimal
    ask: Decimal


class Quotes(Protocol):
    """A source of the latest quotes."""

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote, or None when the symbol has not been quoted."""


def gross_profit(*, signed_volume: Decimal, open_price: Decimal, close_price: Decimal, multiplier: Decimal) -> Decimal:
    """Profit of `signed_volume` lots, positive when long, in profit currency; negative for a loss.

    Formula: (close - open) x lots x multiplier. The multiplier is `Instrument.multiplier`.
    """
    return (close_price - open_price) * signed_volume * multiplier


def average_price(*, price: Decimal, volume: Decimal, further_price: Decimal, further_volume: Decimal) -> Decimal:
    """Volume-weighted average of `volume` lots at `price` and `further_volume` lots at `further_price`.

    The average is rounded to `AVERAGE_STEP`, and exact if both prices are equal. Because each fill rounds the average,
    the same fills in another sequence may give an average that differs by a few steps.
    """
    if not volume or price == further_price:
        return further_price
    value = price * volume + further_price * further_volume
    return to_average_step(value / (volume + further_volume))


def to_average_step(price: Decimal) -> Decimal:
    """Round an average price to `AVERAGE_STEP`, without trailing zeros."""
    average = price.quantize(AVERAGE_STEP).normalize()
    return average if int(average.as_tuple().exponent) <= 0 else average.quantize(Decimal(1))


def missing_conversions(symbols: Iterable[str], currency: str, instruments: Mapping[str, Instrument]) -> dict[str, str]:
    """Symbols whose profit currency cannot be converted to `currency` by any pair in `instruments`.

    Returns:
        The profit currency by symbol.
    """
    pairs = {frozenset((terms.base_currency, terms.profit_currency)) for terms in instruments.values()}
    sources = {symbol: instruments[symbol].profit_currency for symbol in symbols}
    return {
        symbol: source
        for symbol, source in sources.items()
        if source != currency and frozenset((source, currency)) not in pairs
    }


def conversion_rate(
    amount_sign: int,
    *,
    source: str,
    target: str,
    instruments: Mapping[str, Instrument],
    quotes: Quotes,
) -> Decimal | None:
    """Units of `target` for one unit of `source`, at the less favorable side of the spread.

    A gain in `source` is sold for `target`; a loss in `source` is bought with `target`. The rate of a pair quoted
    source/target is the bid for a gain and the ask for a loss. The rate of a pair quoted target/source is 1/ask for a
    gain and 1/bid for a loss. Of the pairs with a quote, the first one in `instruments` that is quoted source/target is
    used, else the first one that is quoted target/source.

    Args:
        amount_sign: 0 or more for a gain, negative for a loss.
        source: currency of the amount.
        target: currency to convert to.
        instruments: terms of the symbols that may serve as pairs.
        quotes: the latest quotes of these symbols.

    Returns:
        The rate, or None when no pair of the two currencies has been quoted. No rate is derived from other pairs.
    """
    if source == target:
        return Decimal(1)
    inverse: Decimal | None = None
    for instrument in instruments.values():
        pair = (instrument.base_currency, instrument.profit_currency)
        if pair == (source, target):
            quote = quotes.quote(instrument.symbol)
            if quote is not None:
                return quote.bid if amount_sign >= 0 else quote.ask
        elif pair == (target, source) and inverse is None:
            quote = quotes.quote(instrument.symbol)
            if quote is not None:
                inverse = 1 / (quote.ask if amount_sign >= 0 else quote.bid)
    return inverse


def commission_per_lot(
    instrument: Instrument, time_ns: int, *, currency: str, instruments: Mapping[str, Instrument], quotes: Quotes
) -> Decimal | None:
    """Commission of a deal of 1 lot in account currency, positive when charged, not rounded.

    The terms are those in force on the day of the symbol's clock at UTC time `time_ns`. The amount is converted as a
    loss.

    Returns:
        The commission; None when no conversion rate is known.
    """
    terms = instrument.commission_terms(time_ns)
    if terms is None or not terms.per_lot:
        return ZERO
    rate = conversion_rate(
        -1, source=terms.currency or currency, target=currency, instruments=instruments, quotes=quotes
    )
    return None if rate is None else terms.per_lot * rate


def commission_of(*, volume: Decimal, per_lot: Decimal, currency_digits: int) -> Decimal:
    """Commission of a deal of `volume` lots (> 0) as a change of the balance: 0 or less, in account currency.

    `per_lot` is the positive result of `commission_per_lot`. The commission is rounded to `currency_digits`.
    """
    return -round_money(volume * per_lot, currency_digits)


# ----------------------------------------------------------------------------------------------------------- margin

LEVERAGED: Final = frozenset({CalculationMode.FOREX, CalculationMode.CFD_LEVERAGE})
"""Modes whose margin is divided by the leverage."""

BY_VOLUME: Final = frozenset({CalculationMode.FOREX, CalculationMode.FOREX_NO_LEVERAGE})
"""Modes whose margin is a share of the volume in base currency, so that the symbol's price does not matter."""


class _Charge(NamedTuple):
    """Lots for which margin is charged.

    `size` is in units per lot. `money`, if above 0, is a fixed amount per lot in margin currency that replaces the
    mode's formula. `rate` is the margin rate, `price` the current price.
    """

    lots: Decimal
    size: Decimal
    money: Decimal
    rate: Decimal
    price: Decimal | None


class _Account(NamedTuple):
    """Leverage and currency of the account, and the source of conversion rates."""

    leverage: Decimal | int
    currency: str
    instruments: Mapping[str, Instrument]
    quotes: Quotes

    def cost(self, source: str) -> Decimal | None:
        """Amount of account currency that buys one unit of `source`; None without a rate."""
        return conversion_rate(
            -1, source=source, target=self.currency, instruments=self.instruments, quotes=self.quotes
        )


def symbol_margin(
    *,
    longs: Decimal,
    shorts: Decimal,
    instrument: Instrument,
    leverage: Decimal | int,
    currency: str,
    currency_digits: int,
    instruments: Mapping[str, Instrument],
    quotes: Quotes,
    is_opening: bool = False,
) -> Decimal | None:
    """Margin of lots held long and short in one symbol, in account currency.

    Source: MetaTrader 5's formulas of margin (ENUM_SYMBOL_CALC_MODE). L is lots, C contract size, P price, R the margin
    rate of the side:

        FOREX              L x C / leverage x R, in the margin currency, by default the base currency
        FOREX_NO_LEVERAGE  L x C x R, in the margin currency
        CFD                L x C x P x R, in the profit currency
        CFD_LEVERAGE       L x C x P / leverage x R, in the profit currency
        CFD_INDEX          L x C x P x tick price / tick size x R, in the profit currency
        FUTURES            L x initial margin x R, in the margin currency

    In every mode, an initial or maintenance margin above 0 replaces the formula by that of FUTURES. The price is the
    current ask for a long and the current bid for a short position. The amount is converted to account currency as a
    loss. If the margin currency is the base currency and no pair converts it, the margin is computed in the profit
    currency at the symbol's price and converted from the profit currency, which is equivalent.

    For lots held both long and short there are two calculations. If `margin_hedged` is None, the margin is the larger
    one of the two sides' margins (SYMBOL_MARGIN_HEDGED_USE_LEG). Otherwise the excess volume of the larger side is
    charged by the formulas above. The hedged volume is charged with `margin_hedged` in place of the contract size (or
    of the initial margin), at the means of both prices and of both rates.

    Args:
        longs: lots held long, 0 or more.
        shorts: lots held short, 0 or more.
        instrument: terms of the symbol.
        leverage: leverage of the account; with 0 the margin is 0.
        currency: currency of the account.
        currency_digits: decimals to which the margin is rounded.
        instruments: terms by symbol, for conversion rates.
        quotes: current quotes.
        is_opening: whether to use the initial rates and amounts, as for the check of an order; else those of
            maintenance.

    Returns:
        The margin, 0 or more; None when a conversion rate or a quote is missing.
    """
    if not leverage or not (longs or shorts):
        return ZERO
    account = _Account(leverage, currency, instruments, quotes)
    quote = quotes.quote(instrument.symbol)
    bid, ask = (None, None) if quote is None else quote
    at = 0 if is_opening else 1
    money = instrument.margin_initial
    if not is_opening and instrument.margin_maintenance:
        money = instrument.margin_maintenance
    size, hedged = instrument.contract_size, instrument.margin_hedged
    rate_long, rate_short = instrument.margin_rates_long[at], instrument.margin_rates_short[at]
    covered = ZERO if hedged is None else min(longs, shorts)
    parts = [
        _margin(instrument, charge, account)
        for charge in (
            _Charge(longs - covered, size, money, rate_long, ask),
            _Charge(shorts - covered, size, money, rate_short, bid),
        )
        if charge.lots
    ]
    if covered:
        assert hedged is not None, instrument
        middle = None if bid is None or ask is None else (bid + ask) / 2
        both = _Charge(covered, hedged, hedged if money else ZERO, (rate_long + rate_short) / 2, middle)
        parts.append(_margin(instrument, both, account))
    amounts = [part for part in parts if part is not None]
    if len(amounts) < len(parts):
        return None
    return round_money(max(amounts) if hedged is None else sum(amounts, ZERO), currency_digits)


def _margin(instrument: Instrument, charge: _Charge, account: _Account) -> Decimal | None:
    """Margin of one charge in account currency, not rounded; None without a conversion rate or a quote."""
    mode, profit_currency = instrument.calculation_mode, instrument.profit_currency
    margin_currency = instrument.margin_currency or instrument.base_currency
    if charge.money or mode is CalculationMode.FUTURES:
        rate = account.cost(margin_currency)
        return None if rate is None else charge.lots * charge.money * charge.rate * rate
    units = charge.lots * charge.size * charge.rate
    if mode in LEVERAGED:
        units /= account.leverage
    if mode in BY_VOLUME:
        direct = account.cost(margin_currency)
        if direct is not None:
            return units * direct
        if margin_currency != instrument.base_currency:
            return None
    rate = account.cost(profit_currency)
    if charge.price is None or rate is None:
        return None
    if mode is CalculationMode.CFD_INDEX:
        units *= instrument.tick_ratio
    return units * charge.price * rate


def volumes_by_side(holdings: Iterable[tuple[str, Decimal]]) -> dict[str, tuple[Decimal, Decimal]]:
    """Sum the lots held long and the lots held short, each 0 or more, by symbol.

    Args:
        holdings: symbol and signed lots of each position; several positions may have the same symbol.
    """
    longs: defaultdict[str, Decimal] = defaultdict(Decimal)
    shorts: defaultdict[str, Decimal] = defaultdict(Decimal)
    for symbol, volume in holdings:
        if volume > 0:
            longs[symbol] += volume
        else:
            shorts[symbol] -= volume
    symbols = dict.fromkeys([*longs, *shorts])
    return {symbol: (longs.get(symbol, ZERO), shorts.get(symbol, ZERO)) for symbol in symbols}


def account_margin(
    holdings: Iterable[tuple[str, Decimal]],
    *,
    leverage: Decimal | int,
    currency: str,
    currency_digits: int,
    instruments: Mapping[str, Instrument],
    quotes: Quotes,
    opening: str = "",
) -> Decimal | None:
    """Margin of all positions together, in account currency.

    Args:
        holdings: symbol and signed lots of each position.
        leverage: notional / margin; with 0 the margin is 0.
        currency: currency of the account.
        currency_digits: decimals to which the margin of each symbol is rounded.
        instruments: terms by symbol.
        quotes: current quotes.
        opening: symbol of the order being checked, charged at initial rates; every other symbol is charged at
            maintenance rates. Empty for none.

    Returns:
        The margin, 0 or more; None when the margin of one symbol is not known.

    Raises:
        KeyError: `instruments` lacks a symbol of `holdings`.
    """
    total = ZERO
    for symbol, (longs, shorts) in volumes_by_side(holdings).items():
        margin = symbol_margin(
            longs=longs,
            shorts=shorts,
            instrument=instruments[symbol],
            leverage=leverage,
            currency=currency,
            currency_digits=currency_digits,
            instruments=instruments,
            quotes=quotes,
            is_opening=symbol == opening,
        )
        if margin is None:
            return None
        total += margin
    return total
