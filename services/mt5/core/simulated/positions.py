"""Position accounting the way MetaTrader 5 keeps it: what a deal makes of the position that it is about.

A position is the fold of its deals. On a netting account that is the symbol's one position; on a hedging account a deal either
opens a position of its own or closes of the one that it names, so the same fold serves both. Nothing here knows about quotes,
currencies or orders. What it has cost is `proto.trading.cost_basis`'s to say; here it gets its ticket, its open price and its name.
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

    `magic` and `comment` are those of the order that opened it, `revision` that of the last modification of its stops, and
    `charged_ns` the time up to which its nights have been charged for.
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
        """Whether a tick could close it by its stop loss or its take profit."""
        return self.stop_loss is not None or self.take_profit is not None

    @property
    def side(self) -> Side:
        """BUY for long."""
        return Side.BUY if self.volume > 0 else Side.SELL


class PositionChange(NamedTuple):
    """What a deal does to a position: `closed_volume` signed as the position was, `closed_cost` that part's cost.

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

    More of the same side moves the open price to the volume-weighted average; less of it keeps the open price. A deal that
    crosses zero closes all and opens the rest at its own price, as a new position.
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
    """Gross profit, in the profit currency, of a signed `volume` that cost `cost` and is closed at `price`."""
    return gross_profit_at(CostBasis(volume, cost), price=price, multiplier=multiplier)


def _tidy(price: Decimal) -> Decimal:
    """Without trailing zeros, as a quote would be written."""
    shorter = price.normalize()
    return shorter if int(shorter.as_tuple().exponent) <= 0 else price.quantize(Decimal(1))
