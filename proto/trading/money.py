"""Formulas of profit, currency conversion and commission, for the gateway and portfolio."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple, Protocol

from proto.trading.instrument import Instrument
from proto.trading.units import ZERO, round_money

AVERAGE_STEP: Final = Decimal("1e-12")
"""Step to which an average price is rounded: the last decimal that a price in an order or a deal can have."""

_ONE: Final = Decimal(1)


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


class Conversion:
    """Conversion of amounts in one currency into another one, by the pairs that an account knows.

    A gain in `source` is sold for `target`; a loss in `source` is bought with `target`. The rate of a pair quoted
    source/target is the bid for a gain and the ask for a loss. The rate of a pair quoted target/source is 1/ask for a
    gain and 1/bid for a loss. Of the pairs with a quote, the first one in `instruments` that is quoted source/target is
    used, else the first one that is quoted target/source. No rate is derived from other pairs.
    """

    __slots__ = ("direct", "inverse", "is_needed")

    def __init__(self, source: str, target: str, instruments: Mapping[str, Instrument]) -> None:
        """Find the pairs in `instruments`, the terms of the symbols that may serve as pairs."""
        self.is_needed = source != target
        """Whether the two currencies differ; otherwise every rate is 1."""
        self.direct: list[str] = []
        """Symbols quoted source/target."""
        self.inverse: list[str] = []
        """Symbols quoted target/source."""
        if self.is_needed:
            for terms in instruments.values():
                if terms.base_currency == source and terms.profit_currency == target:
                    self.direct.append(terms.symbol)
                elif terms.base_currency == target and terms.profit_currency == source:
                    self.inverse.append(terms.symbol)

    def pair(self, quoted: Container[str]) -> tuple[str, bool] | None:
        """The pair that `rate` uses while the symbols in `quoted` have a quote, and whether it is quoted target/source.

        Returns:
            ("", False) if no pair is needed; None if no pair is quoted.
        """
        if not self.is_needed:
            return "", False
        for symbols, is_inverse in ((self.direct, False), (self.inverse, True)):
            for symbol in symbols:
                if symbol in quoted:
                    return symbol, is_inverse
        return None

    def rate(self, amount_sign: int, quotes: Quotes) -> Decimal | None:
        """Units of the target for one unit of the source, at the less favorable side of the spread.

        Args:
            amount_sign: 0 or more for a gain, negative for a loss.
            quotes: the latest quotes.

        Returns:
            The rate, or None when no pair of the two currencies has been quoted.
        """
        if not self.is_needed:
            return _ONE
        for symbol in self.direct:
            if (quote := quotes.quote(symbol)) is not None:
                return quote.bid if amount_sign >= 0 else quote.ask
        for symbol in self.inverse:
            if (quote := quotes.quote(symbol)) is not None:
                return 1 / (quote.ask if amount_sign >= 0 else quote.bid)
        return None


class Conversions:
    """Conversions of several currencies into the currency of an account; the pairs of each are found once."""

    __slots__ = ("_found", "_instruments", "target")

    def __init__(self, target: str, instruments: Mapping[str, Instrument]) -> None:
        """Convert to `target` by the pairs in `instruments`, which must not change afterwards."""
        self.target = target
        self._instruments = instruments
        self._found: dict[str, Conversion] = {}

    def of(self, source: str) -> Conversion:
        """The conversion of amounts in the currency `source`."""
        found = self._found.get(source)
        if found is None:
            found = self._found[source] = Conversion(source, self.target, self._instruments)
        return found


def conversion_rate(
    amount_sign: int,
    *,
    source: str,
    target: str,
    instruments: Mapping[str, Instrument],
    quotes: Quotes,
) -> Decimal | None:
    """Units of `target` for one unit of `source`, by the rules of `Conversion`.

    Args:
        amount_sign: 0 or more for a gain, negative for a loss.
        source: currency of the amount.
        target: currency to convert to.
        instruments: terms of the symbols that may serve as pairs.
        quotes: the latest quotes of these symbols.

    Returns:
        The rate, or None when no pair of the two currencies has been quoted.
    """
    return _ONE if source == target else Conversion(source, target, instruments).rate(amount_sign, quotes)


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
