"""Profit and currency conversion: the one implementation that every core uses."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple, Protocol

from proto.instrument import Instrument


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
