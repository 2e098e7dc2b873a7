"""Margin of open positions and orders, by MetaTrader 5's formulas.

The part of a margin that does not depend on quotes is computed once, so that the margin of unchanged positions can be
computed at many quotes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum, auto
from typing import Final, NamedTuple

from proto.trading.enums import CalculationMode
from proto.trading.instrument import Instrument
from proto.trading.money import Conversion, Conversions, Quote, Quotes
from proto.trading.units import ZERO, round_money

LEVERAGED: Final = frozenset({CalculationMode.FOREX, CalculationMode.CFD_LEVERAGE})
"""Modes whose margin is divided by the leverage."""

BY_VOLUME: Final = frozenset({CalculationMode.FOREX, CalculationMode.FOREX_NO_LEVERAGE})
"""Modes whose margin is a share of the volume in base currency, so that the symbol's price does not matter."""


class _Price(Enum):
    """The price of a charge."""

    ASK = auto()
    BID = auto()
    MID = auto()


class _Charge(NamedTuple):
    """Margin of some lots as a function of quotes.

    With a rate of `direct`, the margin is `units` x rate. Otherwise it is `units` x price x rate of `priced`. It is
    unknown if `priced` is None, or if the price or the rate is missing.
    """

    units: Decimal
    price: _Price
    direct: Conversion | None
    priced: Conversion | None

    def amount(self, quote: Quote | None, rates: Quotes) -> Decimal | None:
        """Margin in account currency, not rounded; None if unknown. `rates` gives the conversion rates."""
        if self.direct is not None and (rate := self.direct.rate(-1, rates)) is not None:
            return self.units * rate
        if self.priced is None or quote is None or (rate := self.priced.rate(-1, rates)) is None:
            return None
        if self.price is _Price.MID:
            return self.units * ((quote.bid + quote.ask) / 2) * rate
        return self.units * (quote.ask if self.price is _Price.ASK else quote.bid) * rate


class SymbolMargin:
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
    """

    __slots__ = ("_charges", "_currency_digits", "_instrument")

    def __init__(
        self,
        *,
        longs: Decimal,
        shorts: Decimal,
        instrument: Instrument,
        leverage: Decimal | int,
        conversions: Conversions,
        currency_digits: int,
        is_opening: bool = False,
    ) -> None:
        """Compute the part that does not depend on quotes.

        Args:
            longs: lots held long, 0 or more.
            shorts: lots held short, 0 or more.
            instrument: terms of the symbol.
            leverage: leverage of the account; with 0 the margin is 0.
            conversions: conversions to account currency.
            currency_digits: decimals to which the margin is rounded.
            is_opening: whether to use the initial rates and amounts, as for the check of an order; else those of
                maintenance.
        """
        self._instrument = instrument
        self._currency_digits = currency_digits
        self._charges: list[_Charge] = []
        if not leverage or not (longs or shorts):
            return
        at = 0 if is_opening else 1
        money = instrument.margin_initial
        if not is_opening and instrument.margin_maintenance:
            money = instrument.margin_maintenance
        size, hedged = instrument.contract_size, instrument.margin_hedged
        rate_long, rate_short = instrument.margin_rates_long[at], instrument.margin_rates_short[at]
        covered = ZERO if hedged is None else min(longs, shorts)
        account = (leverage, conversions)
        if longs > covered:
            lots = longs - covered
            self._charges.append(_charge(instrument, lots, size, money, rate_long, _Price.ASK, *account))
        if shorts > covered:
            lots = shorts - covered
            self._charges.append(_charge(instrument, lots, size, money, rate_short, _Price.BID, *account))
        if covered:
            assert hedged is not None, instrument
            rate, money = (rate_long + rate_short) / 2, hedged if money else ZERO
            self._charges.append(_charge(instrument, covered, hedged, money, rate, _Price.MID, *account))

    def amount(self, quotes: Quotes, rates: Quotes | None = None) -> Decimal | None:
        """The margin at these quotes, 0 or more; None when a conversion rate or a quote is missing.

        Args:
            quotes: the quotes that give the prices.
            rates: the quotes that give the conversion rates, if they are others.
        """
        if not self._charges:
            return ZERO
        rates = quotes if rates is None else rates
        quote = quotes.quote(self._instrument.symbol)
        amounts: list[Decimal] = []
        for charge in self._charges:
            amount = charge.amount(quote, rates)
            if amount is None:
                return None
            amounts.append(amount)
        if len(amounts) == 1:
            total = amounts[0]
        else:
            total = max(amounts) if self._instrument.margin_hedged is None else sum(amounts, ZERO)
        return round_money(total, self._currency_digits)


def _charge(
    instrument: Instrument,
    lots: Decimal,
    size: Decimal,
    money: Decimal,
    rate: Decimal,
    price: _Price,
    leverage: Decimal | int,
    conversions: Conversions,
) -> _Charge:
    """Margin of `lots`.

    `size` is in units per lot. `money`, if above 0, is a fixed amount per lot in margin currency that replaces the
    mode's formula. `rate` is the margin rate.
    """
    mode = instrument.calculation_mode
    margin_currency = instrument.margin_currency or instrument.base_currency
    if money or mode is CalculationMode.FUTURES:
        return _Charge(lots * money * rate, price, conversions.of(margin_currency), None)
    units = lots * size * rate
    if mode in LEVERAGED:
        units /= leverage
    priced = conversions.of(instrument.profit_currency)
    if mode in BY_VOLUME:
        is_convertible_at_price = margin_currency == instrument.base_currency
        return _Charge(units, price, conversions.of(margin_currency), priced if is_convertible_at_price else None)
    if mode is CalculationMode.CFD_INDEX:
        units *= instrument.tick_ratio
    return _Charge(units, price, None, priced)


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
    """Margin of lots held long and short in one symbol, in account currency, by the formulas of `SymbolMargin`.

    Args:
        longs: lots held long, 0 or more.
        shorts: lots held short, 0 or more.
        instrument: terms of the symbol.
        leverage: leverage of the account; with 0 the margin is 0.
        currency: currency of the account.
        currency_digits: decimals to which the margin is rounded.
        instruments: terms by symbol, for conversion rates.
        quotes: current quotes.
        is_opening: whether to use the initial rates and amounts; else those of maintenance.

    Returns:
        The margin, 0 or more; None when a conversion rate or a quote is missing.
    """
    return SymbolMargin(
        longs=longs,
        shorts=shorts,
        instrument=instrument,
        leverage=leverage,
        conversions=Conversions(currency, instruments),
        currency_digits=currency_digits,
        is_opening=is_opening,
    ).amount(quotes)


def volumes_by_side(holdings: Iterable[tuple[str, Decimal]]) -> dict[str, tuple[Decimal, Decimal]]:
    """Sum the lots held long and the lots held short, each 0 or more, by symbol.

    Args:
        holdings: symbol and signed lots of each position; several positions may have the same symbol.
    """
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for symbol, volume in holdings:
        longs, shorts = found.get(symbol, (ZERO, ZERO))
        found[symbol] = (longs + volume, shorts) if volume > ZERO else (longs, shorts - volume)
    return found


class AccountMargin:
    """Margin of all positions together, in account currency."""

    __slots__ = ("_symbols",)

    def __init__(
        self,
        holdings: Iterable[tuple[str, Decimal]],
        *,
        leverage: Decimal | int,
        currency_digits: int,
        instruments: Mapping[str, Instrument],
        conversions: Conversions,
        opening: str = "",
    ) -> None:
        """Compute the part that does not depend on quotes.

        Args:
            holdings: symbol and signed lots of each position.
            leverage: notional / margin; with 0 the margin is 0.
            currency_digits: decimals to which the margin of each symbol is rounded.
            instruments: terms by symbol.
            conversions: conversions to account currency.
            opening: symbol of the order being checked, charged at initial rates; every other symbol is charged at
                maintenance rates. Empty for none.

        Raises:
            KeyError: `instruments` lacks a symbol of `holdings`.
        """
        self._symbols = [
            SymbolMargin(
                longs=longs,
                shorts=shorts,
                instrument=instruments[symbol],
                leverage=leverage,
                conversions=conversions,
                currency_digits=currency_digits,
                is_opening=symbol == opening,
            )
            for symbol, (longs, shorts) in volumes_by_side(holdings).items()
        ]

    def amount(self, quotes: Quotes, rates: Quotes | None = None) -> Decimal | None:
        """The margin at these quotes, 0 or more; None when the margin of one symbol is not known.

        The arguments are those of `SymbolMargin.amount`.
        """
        total = ZERO
        for symbol in self._symbols:
            margin = symbol.amount(quotes, rates)
            if margin is None:
                return None
            total += margin
        return total


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
    """Margin of all positions together at current quotes, in account currency.

    The arguments are those of `AccountMargin`; `leverage` is notional / margin.

    Returns:
        The margin, 0 or more; None when the margin of one symbol is not known.

    Raises:
        KeyError: `instruments` lacks a symbol of `holdings`.
    """
    return AccountMargin(
        holdings,
        leverage=leverage,
        currency_digits=currency_digits,
        instruments=instruments,
        conversions=Conversions(currency, instruments),
        opening=opening,
    ).amount(quotes)
