"""What one lot loses when its stop loss is hit: what methods measure risk by."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Final, NamedTuple

from proto.trading.money import gross_profit
from services.portfolio.core.sizing.formatting import money
from services.portfolio.core.sizing.types import NoTrade, SizingInput

_DEALS: Final = 2
"""A position is opened by one deal and closed by another; the broker asks its commission of each."""


class Stop(NamedTuple):
    """The loss of one lot at the stop in account currency (> 0), and the words for it."""

    loss_per_lot: Decimal
    words: str


def stop_of(given: SizingInput) -> Stop | NoTrade:
    """The loss of one lot from the order's price to its stop loss, at the rate of a loss, and the commission of both deals.

    A stop between two prices that the venue quotes stands at the further one. What the market jumps past the stop by, and swaps, are not in it: nobody knows them before.
    """
    terms, points = given.instrument, given.exits.stop_loss_points
    if points is None:
        return NoTrade("there is no stop_loss_points, which tells what a lot risks")
    if given.loss_rate is None:
        return NoTrade(f"no rate is known from {terms.profit_currency} to {given.currency}")
    away = (points * terms.point / terms.tick_size).to_integral_value(rounding=ROUND_CEILING) * terms.tick_size
    gross = gross_profit(
        signed_volume=Decimal(given.direction),
        open_price=given.price,
        close_price=given.price - given.direction * away,
        contract_size=terms.contract_size,
    )
    commission = _DEALS * terms.commission_per_lot
    loss = -gross * given.loss_rate + commission
    of_it = f", {money(commission, given.currency)} of it commission" if commission else ""
    return Stop(loss, f"{money(loss, given.currency)} a lot at the stop {points} points away{of_it}")
