"""Values of positions at the current quotes, in account currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from proto.trading.cost_basis import CostBasis, gross_profit_at
from proto.trading.instrument import Instrument
from proto.trading.money import Conversions, Quotes
from proto.trading.position_margin import AccountMargin
from proto.trading.units import ZERO, round_money
from services.mt5.core.simulated.positions import Position


class Valuation:
    """Profit and margin of an account's positions. A value is None if a quote or conversion rate is missing."""

    def __init__(
        self,
        *,
        currency: str,
        currency_digits: int,
        leverage: int,
        instruments: Mapping[str, Instrument],
        quotes: Quotes,
    ) -> None:
        """Value positions of an account.

        Args:
            currency: the account currency.
            currency_digits: decimals to which profit and margin are rounded.
            leverage: notional / margin; with 0 the margin is 0.
            instruments: terms of the symbols, which also give the conversion rates; they must not change.
            quotes: the current quotes.
        """
        self._digits = currency_digits
        self._leverage = leverage
        self._instruments = instruments
        self._quotes = quotes
        self._conversions = Conversions(currency, instruments)

    def rate(self, sign: int, source: str) -> Decimal | None:
        """Account currency per unit of `source`, for a gain (`sign` > 0) or a loss (< 0)."""
        return self._conversions.of(source).rate(sign, self._quotes)

    def profit(self, holding: CostBasis, *, price: Decimal, symbol: str, rates: Quotes | None = None) -> Decimal | None:
        """Profit of closing a holding at `price`, rounded; < 0 for a loss.

        `rates` are the quotes that give the conversion rate, if not the current ones.
        """
        instrument = self._instruments[symbol]
        gross = gross_profit_at(holding, price=price, multiplier=instrument.multiplier)
        conversion = self._conversions.of(instrument.profit_currency)
        rate = conversion.rate(-1 if gross < ZERO else 1, self._quotes if rates is None else rates)
        return None if rate is None else round_money(gross * rate, self._digits)

    def unrealized(
        self, position: Position, *, quotes: Quotes | None = None, rates: Quotes | None = None
    ) -> Decimal | None:
        """Profit of closing a position at the touch.

        Args:
            position: an open position.
            quotes: the quotes that give the price, if not the current ones.
            rates: the quotes that give the conversion rate, if not the current ones.
        """
        symbol, volume = position.symbol, position.volume
        quote = (self._quotes if quotes is None else quotes).quote(symbol)
        if quote is None or symbol not in self._instruments:
            return None
        price = quote.bid if volume > ZERO else quote.ask
        return self.profit(CostBasis(volume, position.cost), price=price, symbol=symbol, rates=rates)

    def margin_of(self, positions: Iterable[Position], *, opening: str = "") -> AccountMargin | None:
        """Margin of positions as a function of quotes, with initial rates for the symbol `opening`.

        None if the terms of a symbol are missing.
        """
        holdings = [(position.symbol, position.volume) for position in positions] if self._leverage else []
        for symbol, _ in holdings:
            if symbol not in self._instruments:
                return None
        return AccountMargin(
            holdings,
            leverage=self._leverage,
            currency_digits=self._digits,
            instruments=self._instruments,
            conversions=self._conversions,
            opening=opening,
        )

    def margin(self, positions: Iterable[Position], *, opening: str = "") -> Decimal | None:
        """Margin of positions at the current quotes, with initial rates for the symbol `opening`."""
        found = self.margin_of(positions, opening=opening)
        return None if found is None else found.amount(self._quotes)
