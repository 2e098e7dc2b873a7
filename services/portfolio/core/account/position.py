"""Position accounting for one symbol, on a netting account and on a hedging one.

A position is the fold of its fills. Nothing here knows about sockets, time or orders: give it fills, ask it questions.

Each fill is of one ticket. A netting account has one position a symbol, and all of its fills are of ticket 0; on a hedging account the
venue names the ticket, and long and short may be held at once. Within a ticket a fill against what is held closes lots
first-in first-out; what is left of it after the last lot opens the other side. That makes the fold whole for fills in any order: a
close that is told before what it closes is closed by it in turn.

Lots say which entries are still open and at what prices. Legs say what each ticket has cost by the average price, which is how the venue
values it and books its profit (`proto.trading.cost_basis`); the two differ only once part of several entries has been closed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct, structs

from proto.trading.cost_basis import CostBasis, add_to_cost_basis, gross_profit_at
from proto.trading.enums import Side
from proto.trading.money import gross_profit, to_average_step
from proto.trading.units import decimal_text

ZERO: Final = Decimal(0)


class Lot(Struct, frozen=True):
    """What is left of one opening fill: volume in lots (> 0), price in profit currency, and the fill that opened it.

    `sign` is +1 for bought and -1 for sold; `position` the ticket that it is of, 0 on a netting account.
    """

    volume: Decimal
    price: Decimal
    opened_by: str
    time_ns: int
    sign: int
    position: int = 0


class ClosedLot(Struct, frozen=True):
    """A part of a lot that a fill has closed; `gross` is its profit in the symbol's profit currency."""

    opened_by: str
    volume: Decimal
    open_price: Decimal
    close_price: Decimal
    gross: Decimal


class Leg(Struct, frozen=True):
    """One ticket that is held, as the venue keeps it: `volume` in lots (> 0), `direction` +1 or -1.

    `cost` is the sum of price x signed volume by the average price; `opened_ns` when the ticket was opened, or turned.
    """

    ticket: int
    direction: int
    volume: Decimal
    cost: Decimal
    opened_ns: int

    @property
    def holding(self) -> CostBasis:
        """Its signed volume and its cost."""
        return CostBasis(self.volume * self.direction, self.cost)

    @property
    def avg_price(self) -> Decimal:
        """The average price at which it was opened, which a partial close leaves as it is."""
        return self.cost / (self.volume * self.direction)


class Position:
    """What is held of one symbol."""

    __slots__ = ("_legs", "_lots", "direction", "label", "multiplier", "net_volume", "symbol")

    def __init__(self, symbol: str, multiplier: Decimal, lots: Sequence[Lot] = (), legs: Sequence[Leg] = ()) -> None:
        """Start flat, or from the lots and legs of an earlier fold, which go together."""
        self.symbol = symbol
        self.multiplier = multiplier
        """`Instrument.multiplier`."""
        self.direction = 0
        """The sign of the net volume; 0 when flat, and when as much is held long as short."""
        self._lots: list[Lot] = list(lots)
        self._legs: dict[int, Leg] = {leg.ticket: leg for leg in legs}
        self._refresh()
        assert self.net_volume == sum((leg.holding.volume for leg in legs), ZERO), (lots, legs)

    @property
    def lots(self) -> tuple[Lot, ...]:
        """Open lots, the oldest first."""
        return tuple(self._lots)

    @property
    def legs(self) -> tuple[Leg, ...]:
        """What is held of each ticket, by ticket; on a netting account one with ticket 0."""
        return tuple(self._legs[ticket] for ticket in sorted(self._legs))

    def leg(self, ticket: int) -> Leg:
        """The one with a ticket that is held."""
        return self._legs[ticket]

    def without(self, tickets: Collection[int]) -> Position:
        """What is left of it beside the legs with these tickets, as a position of its own."""
        return Position(
            self.symbol,
            self.multiplier,
            [lot for lot in self._lots if lot.position not in tickets],
            [leg for leg in self._legs.values() if leg.ticket not in tickets],
        )

    def has_leg_against(self, direction: int) -> bool:
        """Whether some of what is held is of the other direction; on a hedging account more may be held beside it."""
        for leg in self._legs.values():  # noqa: SIM110 - a generator costs more, and each tick asks twice
            if leg.direction == -direction:
                return True
        return False

    @property
    def is_flat(self) -> bool:
        """True when nothing is held, neither long nor short."""
        return not self._lots

    @property
    def volume(self) -> Decimal:
        """Size of the net position in lots, without sign; 0 also when long and short are held alike."""
        return abs(self.net_volume)

    @property
    def gross_volume(self) -> Decimal:
        """Lots held long and short added up; the same as `volume` on a netting account."""
        return sum((lot.volume for lot in self._lots), ZERO)

    @property
    def avg_entry_price(self) -> Decimal | None:
        """Volume-weighted price of the open lots on the side of the net position, rounded to `AVERAGE_STEP`.

        On a netting account these are all lots. On a hedging account it is the average of the larger side alone, a figure for the eye
        that says nothing of the profit: `legs` have the prices. None when flat, and when there is no larger side.
        """
        lots = [lot for lot in self._lots if lot.sign == self.direction]
        if not lots:
            return None
        if len(lots) == 1:
            return lots[0].price
        cost = sum((lot.price * lot.volume for lot in lots), ZERO)
        return to_average_step(cost / sum((lot.volume for lot in lots), ZERO))

    def apply(
        self, *, side: Side, volume: Decimal, price: Decimal, deal: str, time_ns: int, ticket: int = 0
    ) -> list[ClosedLot]:
        """Fold one fill of `volume` lots (> 0) at `price` into a ticket and say which lots it closed, oldest first."""
        assert volume > 0, volume
        closings: list[ClosedLot] = []
        left, at = volume, 0
        while left and at < len(self._lots):
            if self._lots[at].position == ticket and self._lots[at].sign == -side.sign:
                left, at = self._close(at, left, price, closings)
            else:
                at += 1
        if left:
            self._lots.append(Lot(left, price, deal, time_ns, side.sign, ticket))
        self._hold(ticket, volume * side.sign, price, time_ns)
        self._refresh()
        return closings

    def gross_unrealized(self, *, bid: Decimal, ask: Decimal) -> Decimal:
        """Profit of the lots in profit currency if each were closed: what is long at the bid, what is short at the ask; 0 when flat.

        With what the closings so far have earned it adds up to the cash view of all fills; `gross_of` is the venue's figure.
        """
        return sum(
            (
                gross_profit(
                    signed_volume=lot.volume * lot.sign,
                    open_price=lot.price,
                    close_price=bid if lot.sign > 0 else ask,
                    multiplier=self.multiplier,
                )
                for lot in self._lots
            ),
            ZERO,
        )

    def gross_of(self, leg: Leg, *, bid: Decimal, ask: Decimal) -> Decimal:
        """Profit in profit currency if one leg were closed at its side of a quote, by its average price as the venue has it."""
        return gross_profit_at(leg.holding, price=bid if leg.direction > 0 else ask, multiplier=self.multiplier)

    def _hold(self, ticket: int, signed: Decimal, price: Decimal, time_ns: int) -> None:
        before = self._legs.get(ticket)
        holding = add_to_cost_basis(
            CostBasis() if before is None else before.holding, signed_volume=signed, price=price
        ).holding
        if not holding.volume:
            self._legs.pop(ticket, None)
            return
        direction = 1 if holding.volume > 0 else -1
        opened_ns = time_ns if before is None or before.direction != direction else before.opened_ns
        self._legs[ticket] = Leg(ticket, direction, abs(holding.volume), holding.cost, opened_ns)

    def _close(self, at: int, left: Decimal, price: Decimal, closings: list[ClosedLot]) -> tuple[Decimal, int]:
        """Close a lot as far as `left` goes; what is left then, and where the next lot stands."""
        lot = self._lots[at]
        closed = min(left, lot.volume)
        gross = gross_profit(
            signed_volume=closed * lot.sign, open_price=lot.price, close_price=price, multiplier=self.multiplier
        )
        closings.append(ClosedLot(lot.opened_by, closed, lot.price, price, gross))
        if closed == lot.volume:
            self._lots.pop(at)
            return left - closed, at
        self._lots[at] = structs.replace(lot, volume=lot.volume - closed)
        return left - closed, at + 1

    def _refresh(self) -> None:
        net = self.net_volume = sum((lot.volume * lot.sign for lot in self._lots), ZERO)
        self.direction = (net > 0) - (net < 0)
        if self.direction:
            self.label = f"{'LONG' if self.direction > 0 else 'SHORT'}({decimal_text(self.volume)})"
        else:
            self.label = f"HEDGED({decimal_text(self.gross_volume / 2)})" if self._lots else "FLAT"
