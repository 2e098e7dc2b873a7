"""Position accounting as in MetaTrader 5: a position after each deal.

A position is the sum of its deals. A netting account has one position a symbol; on a hedging account a deal opens a
position or closes part of the one that it names, so that the same function serves both. Nothing here knows quotes,
currencies or orders. `proto.trading.cost_basis` has the cost of a position; ticket and open price are added here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from msgspec import Struct, structs

from proto.gateway import DealEntry
from proto.trading.cost_basis import CostBasis, add_to_cost_basis, gross_profit_at
from proto.trading.enums import Side

PRICE_OPEN_STEP: Final = Decimal("1e-12")


class Position(Struct, frozen=True, kw_only=True):
    """An open position: `volume` in lots, signed, never 0; `cost` is the sum of price x signed volume still open.

    `magic` and `comment` are those of the order that opened it, `revision` that of the last modification of its stops,
    and `charged_ns` the time up to which its nights have been charged for.
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
        """Whether it has a stop loss or a take profit."""
        return self.stop_loss is not None or self.take_profit is not None

    @property
    def side(self) -> Side:
        """BUY for long."""
        return Side.BUY if self.volume > 0 else Side.SELL


class PositionChange(NamedTuple):
    """The effect of a deal on a position: `closed_volume` is signed like the position, `closed_cost` is its cost.

    `position` is what remains, None when flat; a position that the deal opens has ticket `new_ticket`.
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
    """Add a deal of `volume` lots (> 0) at `price` to a position.

    More of the same side moves the open price to the volume-weighted average; less of it keeps the open price. A deal
    that crosses zero closes all and opens the rest at its own price, as a new position.
    """
    assert volume > 0, volume
    signed = volume * side.sign
    before = CostBasis() if position is None else CostBasis(position.volume, position.cost)
    (rest, cost), closed_volume, closed_cost = add_to_cost_basis(before, signed_volume=signed, price=price)
    if position is None or (closed_volume and rest * position.volume < 0):
        turned = Position(ticket=new_ticket, symbol=symbol, volume=rest, cost=cost, price_open=price, time_ns=time_ns)
        return PositionChange(DealEntry.IN if position is None else DealEntry.INOUT, turned, closed_volume, closed_cost)
    if not closed_volume:
        average = (cost / rest).quantize(PRICE_OPEN_STEP)
        grown = structs.replace(position, volume=rest, cost=cost, price_open=_tidy(average))
        return PositionChange(DealEntry.IN, grown, closed_volume, closed_cost)
    smaller = structs.replace(position, volume=rest, cost=cost) if rest else None
    return PositionChange(DealEntry.OUT, smaller, closed_volume, closed_cost)


def value_difference(*, volume: Decimal, cost: Decimal, price: Decimal, multiplier: Decimal) -> Decimal:
    """Gross profit, in the profit currency, of closing at `price` a signed `volume` with cost `cost`; < 0 for a loss."""
    return gross_profit_at(CostBasis(volume, cost), price=price, multiplier=multiplier)


def _tidy(price: Decimal) -> Decimal:
    """A price without trailing zeros."""
    shorter = price.normalize()
    return shorter if int(shorter.as_tuple().exponent) <= 0 else price.quantize(Decimal(1))
