"""Net position accounting for one symbol.

A position is the fold of its fills. Nothing here knows about sockets, time or orders: give it fills, ask it questions.
A fill against the position closes lots first-in first-out; what is left of it after the last lot opens the other side.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct, structs

from proto.money import gross_profit
from proto.units import Side, plain

ZERO: Final = Decimal(0)


class Lot(Struct, frozen=True):
    """What is left of one opening fill: volume in lots (> 0), price in profit currency, and the fill that opened it."""

    volume: Decimal
    price: Decimal
    opened_by: str
    time_ns: int


class Leg(Struct, frozen=True):
    """One position as the venue counts it: ticket 0 on a netting account, lots without sign, direction +1 or -1."""

    ticket: int
    direction: int
    volume: Decimal


class Closing(Struct, frozen=True):
    """A part of a lot that a fill has closed; `gross` is its profit in the symbol's profit currency."""

    opened_by: str
    volume: Decimal
    open_price: Decimal
    close_price: Decimal
    gross: Decimal


class Position:
    """Net position of one symbol."""

    __slots__ = ("_lots", "contract_size", "direction", "label", "net_volume", "symbol")

    def __init__(self, symbol: str, contract_size: Decimal, lots: Sequence[Lot] = (), direction: int = 0) -> None:
        """Start flat, or from the lots of an earlier fold with the direction (+1, -1) that they have."""
        assert bool(lots) == bool(direction), (lots, direction)
        self.symbol = symbol
        self.contract_size = contract_size
        self.direction = direction
        self._lots: list[Lot] = list(lots)
        self._refresh()

    @property
    def lots(self) -> tuple[Lot, ...]:
        """Open lots, the oldest first."""
        return tuple(self._lots)

    @property
    def is_flat(self) -> bool:
        """True without a position."""
        return self.direction == 0

    @property
    def volume(self) -> Decimal:
        """Size in lots, without sign."""
        return abs(self.net_volume)

    @property
    def legs(self) -> list[Leg]:
        """What is held, by ticket."""
        return [] if self.is_flat else [Leg(0, self.direction, self.volume)]

    def leg(self, ticket: int) -> Leg:
        """The position with a ticket."""
        return next(leg for leg in self.legs if leg.ticket == ticket)

    @property
    def avg_entry_price(self) -> Decimal | None:
        """Volume-weighted price of the open lots; None when flat."""
        if not self._lots:
            return None
        if len(self._lots) == 1:
            return self._lots[0].price
        cost = sum((lot.price * lot.volume for lot in self._lots), ZERO)
        return cost / self.volume

    def apply(self, *, side: Side, volume: Decimal, price: Decimal, deal: str, time_ns: int) -> list[Closing]:
        """Fold one fill of `volume` lots (> 0) at `price` and say which lots it closed, oldest first."""
        assert volume > 0, volume
        closings: list[Closing] = []
        left = volume
        if self.direction == -side.sign:
            while left and self._lots:
                left = self._close_oldest(left, price, closings)
        if left:
            self.direction = side.sign
            self._lots.append(Lot(volume=left, price=price, opened_by=deal, time_ns=time_ns))
        elif not self._lots:
            self.direction = 0
        self._refresh()
        return closings

    def gross_unrealized(self, close_price: Decimal) -> Decimal:
        """Profit in profit currency if everything were closed at `close_price`; 0 when flat."""
        return sum(
            (
                gross_profit(
                    signed_volume=lot.volume * self.direction,
                    open_price=lot.price,
                    close_price=close_price,
                    contract_size=self.contract_size,
                )
                for lot in self._lots
            ),
            ZERO,
        )

    def _close_oldest(self, left: Decimal, price: Decimal, closings: list[Closing]) -> Decimal:
        lot = self._lots[0]
        closed = min(left, lot.volume)
        gross = gross_profit(
            signed_volume=closed * self.direction,
            open_price=lot.price,
            close_price=price,
            contract_size=self.contract_size,
        )
        closings.append(Closing(lot.opened_by, closed, lot.price, price, gross))
        if closed == lot.volume:
            self._lots.pop(0)
        else:
            self._lots[0] = structs.replace(lot, volume=lot.volume - closed)
        return left - closed

    def _refresh(self) -> None:
        self.net_volume = sum((lot.volume for lot in self._lots), ZERO) * self.direction
        if self.direction == 0:
            self.label = "FLAT"
        else:
            self.label = f"{'LONG' if self.direction > 0 else 'SHORT'}({plain(self.volume)})"
