"""What a deal makes of the stops of the position that it is about: MetaTrader's rule, which the venue executes and the desk foresees.

By MetaTrader's rules of inheritance the latest order that opens, adds or reverses decides, and one that closes a part changes
nothing. There an order that adds also takes away what it leaves out; here that stays, and a gateway before a terminal sends it along.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from proto.gateway import DealEntry


class Stops(NamedTuple):
    """Prices at which a position is closed; None for no such stop."""

    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


def stops_after(entry: DealEntry, *, given: Stops, held: Stops | None) -> Stops:
    """The stops of the position that there is after a deal.

    Args:
        entry: what the deal did: IN opened or added, INOUT reversed, OUT took away.
        given: the stops of the order.
        held: those of the position before; None where there was none.

    Returns:
        After IN each stop that the order gives in place of the one held, and the held one where it gives none. After INOUT those
        of the order alone, because the position is a new one. After any other deal those held.
    """
    before = held or Stops()
    if entry is DealEntry.INOUT:
        return given
    if entry is DealEntry.IN:
        return Stops(
            before.stop_loss if given.stop_loss is None else given.stop_loss,
            before.take_profit if given.take_profit is None else given.take_profit,
        )
    return before
