"""Position accounting for one symbol, on netting and hedging accounts.

A position is computed from its fills alone.

Each fill belongs to one ticket. A netting account has one position in each symbol, under ticket 0. On a hedging account
the venue assigns the tickets, and long and short positions in a symbol may be open together. Within a ticket, a fill of
the opposite side closes lots first in, first out, and its remaining volume opens a lot on its own side. Fills may
therefore come in any order: if the closing fill is reported first, the opening fill closes its lot.

A lot keeps the price of its opening fill. A leg keeps the average price of its ticket, at which the venue values the
ticket and books profit (`proto.trading.cost_basis`). After a partial close of several lots, the
average of the lots may differ from that of the leg.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

from msgspec import Struct, structs

from proto.trading.cost_basis import CostBasis, add_to_cost_basis, gross_profit_at
from proto.trading.enums import Side
from proto.trading.money import gross_profit, to_average_step
from proto.trading.units import ZERO, decimal_text


class Lot(Struct, frozen=True):
    """The part of an opening fill that no later fill has closed.

    `volume` is in lots (> 0), `price` in profit currency. `opened_by` is the number of the fill's deal. `sign` is +1
    for bought, -1 for sold. `position` is the ticket, 0 on a netting account.
    """

    volume: Decimal
    price: Decimal
    opened_by: str
    time_ns: int
    sign: int
    position: int = 0


class ClosedLot(Struct, frozen=True):
    """Part of a lot that a fill closed; `gross` is the profit of this part in profit currency, loss negative."""

    opened_by: str
    volume: Decimal
    open_price: Decimal
    close_price: Decimal
    gross: Decimal


class Leg(Struct, frozen=True):
    """One open ticket in the venue's accounting: `volume` in lots (> 0), `direction` +1 long or -1 short.

    `cost` is average price x signed volume. `opened_ns` is the venue time at which the ticket was opened or reversed.
    """

    ticket: int
    direction: int
    volume: Decimal
    cost: Decimal
    opened_ns: int

    @property
    def holding(self) -> CostBasis:
        """Signed volume and cost."""
        return CostBasis(self.volume * self.direction, self.cost)


class Position:
    """Open lots and legs of one symbol."""

    __slots__ = ("_label", "_leg_of", "direction", "legs", "lots", "multiplier", "net_volume", "symbol")

    def __init__(self, symbol: str, multiplier: Decimal, lots: Sequence[Lot] = (), legs: Sequence[Leg] = ()) -> None:
        """Start flat, or from the stored lots and legs of a position."""
        self.symbol = symbol
        self.multiplier = multiplier
        """`Instrument.multiplier`."""
        self.direction = 0
        """Sign of the net volume; 0 if the position is flat, or if its long and short volumes are equal."""
        self.lots: tuple[Lot, ...] = tuple(lots)
        """Open lots, the oldest first."""
        self.legs: tuple[Leg, ...] = ()
        """Open tickets, sorted; on a netting account at most one, ticket 0."""
        self._label = ""
        self._leg_of: dict[int, Leg] = {leg.ticket: leg for leg in legs}
        self._refresh()
        assert self.net_volume == sum((leg.holding.volume for leg in legs), ZERO), (lots, legs)

    def leg(self, ticket: int) -> Leg:
        """The leg of an open ticket."""
        return self._leg_of[ticket]

    def has_leg(self, ticket: int) -> bool:
        """Whether a ticket is open."""
        return ticket in self._leg_of

    def without(self, tickets: Collection[int]) -> Position:
        """Return a copy without the legs and lots of these tickets."""
        return Position(
            self.symbol,
            self.multiplier,
            [lot for lot in self.lots if lot.position not in tickets],
            [leg for leg in self.legs if leg.ticket not in tickets],
        )

    def has_leg_against(self, direction: int) -> bool:
        """Whether a leg is opposite to `direction` (+1 or -1)."""
        for leg in self.legs:  # noqa: SIM110 - a generator is slower, and each tick calls this twice
            if leg.direction == -direction:
                return True
        return False

    @property
    def label(self) -> str:
        """The position as text: direction and volume."""
        if not self._label:
            self._label = self._describe()
        return self._label

    @property
    def is_flat(self) -> bool:
        """Whether no lot is open, long or short."""
        return not self.lots

    @property
    def volume(self) -> Decimal:
        """Absolute net volume in lots; 0 also when long and short volumes are equal."""
        return abs(self.net_volume)

    @property
    def gross_volume(self) -> Decimal:
        """Long plus short volume in lots; equals `volume` on a netting account."""
        return sum((lot.volume for lot in self.lots), ZERO)

    @property
    def avg_entry_price(self) -> Decimal | None:
        """Volume-weighted price of the lots on the side of the net position.

        It is rounded to `AVERAGE_STEP`. On a netting account it covers all lots. On a hedging account it covers only
        the larger side, so that the profit cannot be computed from it; the prices of `legs` give the profit. None if
        the position is flat, or if both sides are equal.
        """
        lots = [lot for lot in self.lots if lot.sign == self.direction]
        if not lots:
            return None
        if len(lots) == 1:
            return lots[0].price
        cost = sum((lot.price * lot.volume for lot in lots), ZERO)
        return to_average_step(cost / sum((lot.volume for lot in lots), ZERO))

    def apply(
        self, *, side: Side, volume: Decimal, price: Decimal, deal: str, time_ns: int, ticket: int = 0
    ) -> list[ClosedLot]:
        """Apply a fill of `volume` lots (> 0) to a ticket; return the parts of lots that it closed, oldest first."""
        sign = side.sign
        closings, lots, left = self._match(sign, volume, price, ticket)
        if left:
            lots.append(Lot(left, price, deal, time_ns, sign, ticket))
        self.lots = tuple(lots)
        self._update_leg(ticket, volume * sign, price, time_ns)
        self._refresh()
        return closings

    def closed_by(self, *, side: Side, volume: Decimal, price: Decimal, ticket: int = 0) -> list[ClosedLot]:
        """Return the parts of lots that a fill of a ticket would close, oldest first; the position does not change."""
        return self._match(side.sign, volume, price, ticket)[0]

    def gross_unrealized(self, *, bid: Decimal, ask: Decimal) -> Decimal:
        """Return the unrealized profit of the lots in profit currency: long lots at the bid, short lots at the ask.

        The sum of this and `gross` of all closed lots is the profit of all fills if the position were closed at this
        quote. The venue instead values the legs, as `gross_of` does.
        """
        return sum(
            (
                gross_profit(
                    signed_volume=lot.volume * lot.sign,
                    open_price=lot.price,
                    close_price=bid if lot.sign > 0 else ask,
                    multiplier=self.multiplier,
                )
                for lot in self.lots
            ),
            ZERO,
        )

    def gross_of(self, leg: Leg, *, bid: Decimal, ask: Decimal) -> Decimal:
        """Return the unrealized profit of a leg in profit currency, from its average price, as the venue does."""
        return gross_profit_at(leg.holding, price=bid if leg.direction > 0 else ask, multiplier=self.multiplier)

    def _match(
        self, sign: int, volume: Decimal, price: Decimal, ticket: int
    ) -> tuple[list[ClosedLot], list[Lot], Decimal]:
        """Match a fill with the lots of its ticket.

        Returns:
            The closed parts of lots, the lots that stay open, and the volume of the fill that closes nothing.
        """
        assert volume > 0, volume
        closings, kept, left = list[ClosedLot](), list[Lot](), volume
        for lot in self.lots:
            if not left or lot.sign == sign or lot.position != ticket:
                kept.append(lot)
                continue
            closed = min(left, lot.volume)
            gross = gross_profit(
                signed_volume=closed * lot.sign, open_price=lot.price, close_price=price, multiplier=self.multiplier
            )
            closings.append(ClosedLot(lot.opened_by, closed, lot.price, price, gross))
            if closed != lot.volume:
                kept.append(structs.replace(lot, volume=lot.volume - closed))
            left -= closed
        return closings, kept, left

    def _update_leg(self, ticket: int, signed: Decimal, price: Decimal, time_ns: int) -> None:
        before = self._leg_of.get(ticket)
        holding = add_to_cost_basis(
            CostBasis() if before is None else before.holding, signed_volume=signed, price=price
        ).holding
        if not holding.volume:
            self._leg_of.pop(ticket, None)
            return
        direction = 1 if holding.volume > 0 else -1
        opened_ns = time_ns if before is None or before.direction != direction else before.opened_ns
        self._leg_of[ticket] = Leg(ticket, direction, abs(holding.volume), holding.cost, opened_ns)

    def _refresh(self) -> None:
        """Recompute everything that follows from lots and legs."""
        self.legs = tuple(map(self._leg_of.__getitem__, sorted(self._leg_of)))
        net = ZERO
        for lot in self.lots:
            net += lot.volume * lot.sign
        self.net_volume = net
        self.direction = (net > 0) - (net < 0)
        self._label = ""

    def _describe(self) -> str:
        if self.direction:
            return f"{'LONG' if self.direction > 0 else 'SHORT'}({decimal_text(self.volume)})"
        return f"HEDGED({decimal_text(self.gross_volume / 2)})" if self.lots else "FLAT"
