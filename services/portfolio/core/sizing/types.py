"""Inputs and results of sizing methods."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from proto.trading.instrument import Instrument
from services.portfolio.core.plan.plan import Exits
from services.portfolio.core.sizing.formatting import format_money


class SizingInput(NamedTuple):
    """An opening order, and the account at the signal's tick. Unknown values are None.

    - `direction`: +1 to buy, -1 to sell. `confidence`: the signal's confidence, 0 to 1.
    - `price`: the touch, or the price at which the order rests.
    - `currency`: the account currency, with `currency_digits` decimals. All amounts are in this currency.
    - `loss_rate`: price in account currency of one unit of profit currency, when a loss is converted.
    - `notional_per_lot`: notional of one lot. `commission_per_lot`: commission of each deal of one lot, positive.
    - `volatility_per_day`: standard deviation of the symbol's log returns over a day, 0.01 for 1 %.
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
        """Return an amount in account currency as text, with `currency_digits` decimals."""
        return format_money(amount, self.currency, self.currency_digits)


class RawSize(NamedTuple):
    """Lots (> 0) before limits and rounding, with an explanation."""

    volume: Decimal
    explanation: str


class NoTrade(NamedTuple):
    """Reason why nothing is opened, such as an unknown input."""

    reason: str


class OrderSize(NamedTuple):
    """Lots to order, 0 for no trade, with an explanation that contains every number used."""

    volume: Decimal
    explanation: str
