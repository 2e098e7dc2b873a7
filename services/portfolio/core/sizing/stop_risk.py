"""Loss of one lot at the stop loss, which several sizing methods use as the measure of risk."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from proto.trading.enums import side_of
from proto.trading.money import gross_profit
from proto.trading.price_rounding import PriceRole, price_away
from services.portfolio.core.sizing.types import NoTrade, SizingInput

_DEALS: Final = 2
"""Number of deals with commission: the opening and the closing deal."""


class StopRisk(NamedTuple):
    """Loss of one lot at the stop loss in account currency, positive, with an explanation."""

    loss_per_lot: Decimal
    explanation: str


def stop_risk(inputs: SizingInput) -> StopRisk | NoTrade:
    """Return the loss of one lot between entry price and stop loss, including the commission of both deals.

    The loss is positive, in account currency, converted at the rate for losses. The stop is rounded to a tick in the
    same way as the stop of the order. Gaps beyond the stop and swaps are unknown and not included.
    """
    terms, points = inputs.instrument, inputs.exits.stop_loss_points
    if points is None:
        return NoTrade("there is no stop_loss_points, from which the risk of a lot is computed")
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
