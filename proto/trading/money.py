"""Profit, currency conversion, margin and commission: the one implementation that every core uses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple, Protocol

from proto.trading.instrument import Instrument
from proto.trading.units import round_money

_ZERO: Final = Decimal(0)

AVERAGE_STEP: Final = Decimal("1e-12")
"""An average price is kept to this, the finest that an order or a deal can carry."""


class Quote(NamedTuple):
    """Best bid and ask of one symbol, exact."""

    bid: Decimal
    ask: Decimal


class Quotes(Protocol):
    """Whoever knows the latest quote of a symbol."""

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote, or None when the symbol has not been quoted."""


def gross_profit(
    *, signed_volume: Decimal, open_price: Decimal, close_price: Decimal, contract_size: Decimal
) -> Decimal:
    """Profit in the profit currency of `signed_volume` lots (> 0 long) held from open to close.

    Formula: (close - open) x lots x contract size, the one MetaTrader 5 documents for FX and CFD calculation modes.
    """
    return (close_price - open_price) * signed_volume * contract_size


def average_price(*, price: Decimal, volume: Decimal, further_price: Decimal, further_volume: Decimal) -> Decimal:
    """Volume-weighted price of `volume` lots at `price` and `further_volume` lots more, rounded to `AVERAGE_STEP`.

    Exactly the price where there is but one. Each fill rounds, so that the same fills in another order may differ by a few steps.
    """
    if not volume or price == further_price:
        return further_price
    value = price * volume + further_price * further_volume
    return to_average_step(value / (volume + further_volume))


def to_average_step(price: Decimal) -> Decimal:
    """An average rounded to `AVERAGE_STEP`, without zeros at its end."""
    average = price.quantize(AVERAGE_STEP).normalize()
    return average if int(average.as_tuple().exponent) <= 0 else average.quantize(Decimal(1))


def conversion_rate(
    amount_sign: int,
    *,
    source: str,
    target: str,
    instruments: Mapping[str, Instrument],
    quotes: Quotes,
) -> Decimal | None:
    """Units of `target` for one unit of `source`, at the side of the spread that is against the holder.

    A gain in `source` is sold for `target`, a loss is bought with it: a pair quoted source/target is hit at the bid for
    a gain and at the ask for a loss; a pair quoted target/source the other way round, as 1/ask and 1/bid. Pairs are
    looked through in the order of `instruments`, direct before inverse.

    Returns:
        The rate, or None when no pair of the two currencies has been quoted: never a guess.
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


def commission_of(*, volume: Decimal, instrument: Instrument, currency_digits: int) -> Decimal:
    """What a deal of `volume` lots (> 0) moves in cash as commission, in account currency: 0 or less, rounded to its digits."""
    return -round_money(volume * instrument.commission_per_lot, currency_digits)


# ----------------------------------------------------------------------------------------------------------- margin


def margin_required(
    *,
    signed_volume: Decimal,
    instrument: Instrument,
    leverage: Decimal | int,
    currency: str,
    currency_digits: int,
    instruments: Mapping[str, Instrument],
    quotes: Quotes,
) -> Decimal | None:
    """What holding `signed_volume` lots (> 0 long) holds back, in account currency, rounded to its digits.

    Formulas, those of MetaTrader 5's calculation modes: where the margin currency is the profit currency (metals: CFD with
    leverage) lots x contract size x price / leverage, a long at the ask and a short at the bid; else (Forex) lots x contract
    size / leverage in the margin currency, the base currency where none is named. It is converted at the side against the
    holder. Where the margin currency has no quoted pair with the account's, it is valued in the profit currency at the
    symbol's own price, and converted from there: the same thing by another road.

    Returns:
        0 or more; None when there is no rate. With `leverage` 0 the venue asks for no margin, and that is 0.
    """
    if not signed_volume or not leverage:
        return _ZERO
    units = abs(signed_volume) * instrument.contract_size / leverage
    if instrument.margin_currency != instrument.profit_currency:
        source = instrument.margin_currency or instrument.base_currency
        direct = conversion_rate(-1, source=source, target=currency, instruments=instruments, quotes=quotes)
        if direct is not None:
            return round_money(units * direct, currency_digits)
        if source != instrument.base_currency:
            return None
    quote = quotes.quote(instrument.symbol)
    rate = conversion_rate(
        -1, source=instrument.profit_currency, target=currency, instruments=instruments, quotes=quotes
    )
    if quote is None or rate is None:
        return None
    return round_money(units * (quote.ask if signed_volume > 0 else quote.bid) * rate, currency_digits)


def charged_volumes(holdings: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """Signed lots by symbol that margin is asked for: of a symbol that is held both ways, the larger leg.

    Args:
        holdings: symbol and signed lots of each position; on a netting account there is one a symbol.
    """
    longs: defaultdict[str, Decimal] = defaultdict(Decimal)
    shorts: defaultdict[str, Decimal] = defaultdict(Decimal)
    for symbol, volume in holdings:
        (longs if volume > 0 else shorts)[symbol] += volume
    symbols = dict.fromkeys([*longs, *shorts])
    return {symbol: max(longs.get(symbol, _ZERO), shorts.get(symbol, _ZERO), key=abs) for symbol in symbols}


def account_margin(
    holdings: Iterable[tuple[str, Decimal]],
    *,
    leverage: Decimal | int,
    currency: str,
    currency_digits: int,
    instruments: Mapping[str, Instrument],
    quotes: Quotes,
) -> Decimal | None:
    """What positions hold back together, in account currency; None when the margin of one is not known.

    Args:
        holdings: symbol and signed lots of each position; a symbol that `instruments` lacks is a KeyError.
        leverage: how many times its margin a position may be worth; 0 for no margin at all.
        currency: the account's.
        currency_digits: decimals that it is kept to.
        instruments: terms by symbol.
        quotes: the present.
    """
    total = _ZERO
    for symbol, volume in charged_volumes(holdings).items():
        margin = margin_required(
            signed_volume=volume,
            instrument=instruments[symbol],
            leverage=leverage,
            currency=currency,
            currency_digits=currency_digits,
            instruments=instruments,
            quotes=quotes,
        )
        if margin is None:
            return None
        total += margin
    return total
