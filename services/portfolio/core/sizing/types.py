"""Input and results of sizing methods."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from proto.trading.instrument import Instrument
from services.portfolio.core.plan.plan import Exits
from services.portfolio.core.sizing.formatting import format_money


class SizingInput(NamedTuple):
    """An opening order, and the account at the signal's tick.

    None stands for unknown values. `direction` is +1 or -1; `price` the order's side of the quote, or the price that it
    rests at; `confidence` the signal's probability. `currency` is the account's, with `currency_digits` decimals;
    amounts are in it. `loss_rate` is the price of one unit of profit currency for a loss; `notional_per_lot` the value
    of one lot; `commission_per_lot` the positive rate charged on each deal of one lot; `volatility_per_day` the
    standard deviation of the symbol's log returns over a day, 0.01 for 1 %.
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
    """Lots (> 0) before bounds and rounding, with their explanation."""

    volume: Decimal
    explanation: str


class NoTrade(NamedTuple):
    """Reason for opening nothing: a result of the method, or an unknown input."""

    reason: str


class OrderSize(NamedTuple):
    """Lots to order, 0 for no trade, with an explanation that has every number used."""

    volume: Decimal
    explanation: str
