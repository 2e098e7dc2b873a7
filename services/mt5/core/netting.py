"""Position accounting the way MetaTrader 5 keeps it: what a deal makes of the position that it is about.

A position is the fold of its deals. On a netting account that is the symbol's one position; on a hedging account a deal either
opens a position of its own or closes of the one that it names, so the same fold serves both. Nothing here knows about quotes, currencies or orders. The cost of what is open is kept
exactly, so that opening and closing prices of a position add up to its profit whatever the average price rounds to.
"""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import Final, NamedTuple

from msgspec import Struct, structs

from proto.gateway import DealEntry
from proto.money import gross_profit
from proto.units import Side

COST_STEP: Final = Decimal("1e-15")
"""Finest part of a cost that is split in proportion; the other part is what remains, so nothing is lost."""

_WIDE: Final = Context(prec=60)
"""Wide enough for every product below, so that none is rounded but where it says so."""

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


class Folded(NamedTuple):
    """What a deal does to a position: `closed_volume` signed as the position was, `closed_cost` that part's cost.

    `position` is what remains, None when flat; a position that the deal opens has ticket `new_ticket`.
    """

    entry: DealEntry
    position: Position | None
    closed_volume: Decimal
    closed_cost: Decimal


def fold(
    position: Position | None,
    *,
    symbol: str,
    side: Side,
    volume: Decimal,
    price: Decimal,
    time_ns: int,
    new_ticket: int,
) -> Folded:
    """Add a deal of `volume` lots (> 0) at `price` to a position.

    More of the same side moves the open price to the volume-weighted average; less of it keeps the open price. A deal that
    crosses zero closes all and opens the rest at its own price, as a new position.
    """
    assert volume > 0, volume
    with localcontext(_WIDE):
        return _fold(position, symbol, volume * side.sign, price, time_ns, new_ticket)


def value_difference(*, volume: Decimal, cost: Decimal, price: Decimal, contract_size: Decimal) -> Decimal:
    """Gross profit, in the profit currency, of a signed `volume` that cost `cost` and is closed at `price`.

    It is `gross_profit` for a volume that was opened at several prices: their exact cost takes the place of a rounded
    average.
    """
    with localcontext(_WIDE):
        return gross_profit(
            signed_volume=Decimal(1), open_price=cost, close_price=price * volume, contract_size=contract_size
        )


def _fold(
    position: Position | None, symbol: str, signed: Decimal, price: Decimal, time_ns: int, new_ticket: int
) -> Folded:
    if position is None:
        return Folded(DealEntry.IN, _opened(symbol, signed, price, time_ns, new_ticket), Decimal(0), Decimal(0))
    if (position.volume > 0) == (signed > 0):
        total = position.volume + signed
        cost = position.cost + price * signed
        average = (cost / total).quantize(PRICE_OPEN_STEP)
        grown = structs.replace(position, volume=total, cost=cost, price_open=_tidy(average))
        return Folded(DealEntry.IN, grown, Decimal(0), Decimal(0))
    rest = position.volume + signed
    if not rest:
        return Folded(DealEntry.OUT, None, position.volume, position.cost)
    if (rest > 0) == (position.volume > 0):
        closed_cost = (position.cost * -signed / position.volume).quantize(COST_STEP)
        smaller = structs.replace(position, volume=rest, cost=position.cost - closed_cost)
        return Folded(DealEntry.OUT, smaller, -signed, closed_cost)
    turned = _opened(symbol, rest, price, time_ns, new_ticket)
    return Folded(DealEntry.INOUT, turned, position.volume, position.cost)


def _opened(symbol: str, signed: Decimal, price: Decimal, time_ns: int, ticket: int) -> Position:
    return Position(ticket=ticket, symbol=symbol, volume=signed, cost=price * signed, price_open=price, time_ns=time_ns)


def _tidy(price: Decimal) -> Decimal:
    """Without trailing zeros, as a quote would be written."""
    shorter = price.normalize()
    return shorter if int(shorter.as_tuple().exponent) <= 0 else price.quantize(Decimal(1))
