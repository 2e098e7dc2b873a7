"""Cost basis of an open position at its average price. MetaTrader 5 values positions and books profit with it.

A deal on the position's side adds to the cost. A deal on the other side removes a part of the cost in proportion to the
closed volume. A deal that reverses the position closes the whole position, and opens one with the rest of the deal's
volume at the deal's price. Closed and open cost always add up to the whole cost, even if an average price is rounded.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final, NamedTuple

from proto.trading.units import ZERO

COST_STEP: Final = Decimal("1e-15")
"""Step to which the closed part of a cost is rounded. The open part is the exact remainder."""

WIDE: Final = Context(prec=60)
"""Decimal context whose sums and products are exact here. Only a quotient is rounded, by `quantize`."""


class CostBasis(NamedTuple):
    """A holding: `volume` in lots, positive when long, 0 when flat; `cost` is the sum of price x open signed volume."""

    volume: Decimal = ZERO
    cost: Decimal = ZERO


class CostBasisChange(NamedTuple):
    """The holding after a deal, and the volume and cost of the part of the earlier holding that the deal closed.

    `closed_volume` has the sign of the earlier holding.
    """

    holding: CostBasis
    closed_volume: Decimal
    closed_cost: Decimal


def add_to_cost_basis(before: CostBasis, *, signed_volume: Decimal, price: Decimal) -> CostBasisChange:
    """Add a deal of `signed_volume` lots at `price`; the volume is positive for a buy, negative for a sell, never 0."""
    assert signed_volume, signed_volume
    volume, cost = before
    rest = WIDE.add(volume, signed_volume)
    if not volume or (volume > ZERO) == (signed_volume > ZERO):
        return CostBasisChange(CostBasis(rest, WIDE.fma(price, signed_volume, cost)), ZERO, ZERO)
    if not rest:
        return CostBasisChange(CostBasis(), volume, cost)
    if (rest > ZERO) == (volume > ZERO):
        closed = signed_volume.copy_negate()
        closed_cost = WIDE.quantize(WIDE.divide(WIDE.multiply(cost, closed), volume), COST_STEP)
        return CostBasisChange(CostBasis(rest, WIDE.subtract(cost, closed_cost)), closed, closed_cost)
    return CostBasisChange(CostBasis(rest, WIDE.multiply(price, rest)), volume, cost)


def gross_profit_at(holding: CostBasis, *, price: Decimal, multiplier: Decimal) -> Decimal:
    """Profit, in profit currency, of closing a holding or a part of one at `price`; negative for a loss.

    It is `gross_profit` of a volume opened at several prices, computed from the exact cost instead of a rounded average
    price: (price x volume - cost) x multiplier. `multiplier` is `Instrument.multiplier`.
    """
    value = WIDE.multiply(price, holding.volume)
    return WIDE.multiply(WIDE.subtract(value, holding.cost), multiplier)
