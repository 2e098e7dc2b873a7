"""Cost of an open position by the average price: how MetaTrader 5 values a position and books its profit.

A holding is the fold of signed volumes at prices. A deal of the same side adds to the cost; a deal of the other side
removes a part of the cost in proportion; a deal that crosses zero closes all of it and opens the rest at its own price.
The cost is exact, so that opening and closing prices add up to the profit even where an average price is rounded.
"""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import Final, NamedTuple

from proto.trading.money import gross_profit

COST_STEP: Final = Decimal("1e-15")
"""Finest part of a cost that is split in proportion; the other part is the remainder, so that nothing is lost."""

_WIDE: Final = Context(prec=60)
"""Precise enough that no product below is rounded, except where the code quantizes."""

_ZERO: Final = Decimal(0)


class CostBasis(NamedTuple):
    """A holding: `volume` in lots, signed, 0 when flat; `cost` is the sum of price x signed volume still open."""

    volume: Decimal = _ZERO
    cost: Decimal = _ZERO


class CostBasisChange(NamedTuple):
    """The holding after a deal, and the closed part: its volume, signed as the holding was, and its cost."""

    holding: CostBasis
    closed_volume: Decimal
    closed_cost: Decimal


def add_to_cost_basis(before: CostBasis, *, signed_volume: Decimal, price: Decimal) -> CostBasisChange:
    """Add a deal of `signed_volume` lots (> 0 bought, never 0) at `price`."""
    assert signed_volume, signed_volume
    with localcontext(_WIDE):
        volume, cost = before
        rest = volume + signed_volume
        if not volume or (volume > 0) == (signed_volume > 0):
            return CostBasisChange(CostBasis(rest, cost + price * signed_volume), _ZERO, _ZERO)
        if not rest:
            return CostBasisChange(CostBasis(), volume, cost)
        if (rest > 0) == (volume > 0):
            closed_cost = (cost * -signed_volume / volume).quantize(COST_STEP)
            return CostBasisChange(CostBasis(rest, cost - closed_cost), -signed_volume, closed_cost)
        return CostBasisChange(CostBasis(rest, price * rest), volume, cost)


def gross_profit_at(holding: CostBasis, *, price: Decimal, multiplier: Decimal) -> Decimal:
    """Profit in profit currency if the holding, or a part of one with its cost, is closed at `price`.

    The same as `gross_profit` for a volume opened at several prices: the exact cost replaces a rounded average.
    """
    with localcontext(_WIDE):
        return gross_profit(
            signed_volume=Decimal(1),
            open_price=holding.cost,
            close_price=price * holding.volume,
            multiplier=multiplier,
        )
