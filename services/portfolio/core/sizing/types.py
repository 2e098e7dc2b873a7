"""What a sizing method is asked about, and what it answers."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from proto.trading.instrument import Instrument
from services.portfolio.core.plan.plan import Exits
from services.portfolio.core.sizing.formatting import format_money


class SizingInput(NamedTuple):
    """An order that is about to open something, and what is known of the account at the signal's tick.

    `direction` +1 or -1; `price` the side of the signal's quote that it would trade at; `confidence` the signal's
    probability. `currency` is the account's, with `currency_digits` decimals, and `equity` in it. `loss_rate` is
    account currency for one unit of the profit currency lost; `notional_per_lot` is one lot's worth in account
    currency, and `commission_per_lot` the commission of a deal of one; `volatility_per_day` the standard deviation of
    the symbol's log returns over a day, 0.01 for 1 %. None is for what is not known: nothing is guessed from it.
    """

    instrument: Instrument
    direction: int
    price: Decimal
    confidence: float
    currency: str
    currency_digits: int
    equity: Decimal | None
    loss_rate: Decimal | None
    notional_per_lot: Decimal | None
    commission_per_lot: Decimal | None
    volatility_per_day: float | None
    exits: Exits
    default_volume: Decimal

    def money_text(self, amount: Decimal) -> str:
        """An amount in the account's currency, to its decimals."""
        return format_money(amount, self.currency, self.currency_digits)


class RawSize(NamedTuple):
    """Lots (> 0) before they are bounded and rounded, and how they were found."""

    volume: Decimal
    explanation: str


class NoTrade(NamedTuple):
    """Why there is nothing to open: the method says so, or something that it needs is not known."""

    reason: str


class OrderSize(NamedTuple):
    """Lots that may be ordered, 0 for no trade, and the words with every number that they come from."""

    volume: Decimal
    explanation: str
