"""What one lot loses when its stop loss is hit: what methods measure risk by."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from proto.trading.enums import side_of
from proto.trading.money import gross_profit
from proto.trading.price_rounding import PriceRole, price_away
from services.portfolio.core.sizing.types import NoTrade, SizingInput

_DEALS: Final = 2
"""A position is opened by one deal and closed by another; the broker asks its commission of each."""


class StopRisk(NamedTuple):
    """The loss of one lot at the stop in account currency (> 0), and the words for it."""

    loss_per_lot: Decimal
    explanation: str


def stop_risk(inputs: SizingInput) -> StopRisk | NoTrade:
    """The loss of one lot from the order's price to its stop loss, at the rate of a loss, and the commission of both deals.

    The stop lies on the venue's tick, as the entry's will. Gaps past the stop and swaps are not included: they are
    unknown.
    """
    terms, points = inputs.instrument, inputs.exits.stop_loss_points
    if points is None:
        return NoTrade("there is no stop_loss_points, which tells what a lot risks")
    if inputs.loss_rate is None:
        return NoTrade(f"no rate is known from {terms.profit_currency} to {inputs.currency}")
    if inputs.commission_per_lot is None:
        return NoTrade(f"no rate is known from the commission's currency to {inputs.currency}")
    stop_loss = price_away(
        inputs.price, points, role=PriceRole.STOP_LOSS, side=side_of(inputs.direction), instrument=terms
    )
    gross = gross_profit(
        signed_volume=Decimal(inputs.direction),
        open_price=inputs.price,
        close_price=stop_loss,
        multiplier=terms.multiplier,
    )
    commission = _DEALS * inputs.commission_per_lot
    loss = -gross * inputs.loss_rate + commission
    of_it = f", {inputs.money_text(commission)} of it commission" if commission else ""
    return StopRisk(loss, f"{inputs.money_text(loss)} a lot at the stop {points} points away{of_it}")
