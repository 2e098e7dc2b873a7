"""Position accounting as in MetaTrader 5: the effect of a deal on a position.

A netting account has at most one position in each symbol. On a hedging account a deal opens a position, or closes all
or a part of the position whose ticket the order names. `apply_deal` serves both account modes.
`proto.trading.cost_basis` computes the cost of a position; this module adds ticket and open price.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from msgspec import Struct, structs

from proto.gateway import DealEntry
from proto.trading.cost_basis import CostBasis, add_to_cost_basis
from proto.trading.enums import Side
from proto.trading.units import ZERO

PRICE_OPEN_STEP: Final = Decimal("1e-12")


class Position(Struct, frozen=True, kw_only=True):
    """An open position: `volume` in lots, > 0 is long, never 0; `cost` is the sum of price x open signed volume.

    `magic` and `comment` are those of the opening order. `revision` is that of the last modification of its stops.
    `charged_ns` is the time up to which its swaps are booked, UTC.
    """

    ticket: int
    symbol: str
    volume: Decimal
    cost: Decimal
    price_open: Decimal
    time_ns: int
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    revision: int = 0
    magic: int = 0
    comment: str = ""
    charged_ns: int = 0

    @property
    def has_stops(self) -> bool:
        """Whether the position has a stop loss or a take profit."""
        return self.stop_loss is not None or self.take_profit is not None

    @property
    def side(self) -> Side:
        """BUY for a long position, SELL for a short one."""
        return Side.BUY if self.volume > ZERO else Side.SELL


class PositionChange(NamedTuple):
    """The effect of a deal on a position.

    `position` is the position after the deal; None if it is closed. `closed_volume` is in lots, with the sign of the
    position before the deal, and `closed_cost` is the cost of that volume; both are 0 if nothing is closed.
    """

    entry: DealEntry
    position: Position | None
    closed_volume: Decimal
    closed_cost: Decimal


def apply_deal(
    position: Position | None,
    *,
    symbol: str,
    side: Side,
    volume: Decimal,
    price: Decimal,
    time_ns: int,
    new_ticket: int,
) -> PositionChange:
    """The effect of a deal of `volume` lots (> 0) at `price` on a position, which is None if the deal opens one.

    A deal on the position's side moves the open price to the volume-weighted average; a deal on the other side keeps
    it. A deal larger than the opposite position closes it, and opens a new position of the rest at the deal's price.
    An opened position has the ticket `new_ticket`.
    """
    assert volume > ZERO, volume
    signed = volume * side.sign
    before = CostBasis() if position is None else CostBasis(position.volume, position.cost)
    (rest, cost), closed_volume, closed_cost = add_to_cost_basis(before, signed_volume=signed, price=price)
    if position is None or (closed_volume and rest * position.volume < ZERO):
        turned = Position(ticket=new_ticket, symbol=symbol, volume=rest, cost=cost, price_open=price, time_ns=time_ns)
        return PositionChange(DealEntry.IN if position is None else DealEntry.INOUT, turned, closed_volume, closed_cost)
    if not closed_volume:
        average = (cost / rest).quantize(PRICE_OPEN_STEP)
        grown = structs.replace(position, volume=rest, cost=cost, price_open=_tidy(average))
        return PositionChange(DealEntry.IN, grown, closed_volume, closed_cost)
    smaller = structs.replace(position, volume=rest, cost=cost) if rest else None
    return PositionChange(DealEntry.OUT, smaller, closed_volume, closed_cost)


def _tidy(price: Decimal) -> Decimal:
    """A price without trailing zeros."""
    shorter = price.normalize()
    return shorter if int(shorter.as_tuple().exponent) <= 0 else price.quantize(Decimal(1))
