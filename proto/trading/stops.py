"""Stops of a position after a deal: MetaTrader's rule, which the venue executes and the desk predicts.

By MetaTrader's rule of inheritance the latest order that opens, adds or reverses decides, and one that closes a part
changes nothing. In MetaTrader an order that adds also removes each stop that it leaves out; here that stop stays, and a
gateway before a terminal sends it along.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from proto.gateway import DealEntry


class Stops(NamedTuple):
    """Prices at which a position is closed; None for no stop of that kind."""

    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


def stops_after(entry: DealEntry, *, given: Stops, held: Stops | None) -> Stops:
    """The stops of a position after a deal.

    Args:
        entry: what the deal did: IN opened or added, INOUT reversed, OUT closed.
        given: the stops of the order.
        held: those of the position before; None where there was none.

    Returns:
        After IN the order's stops, and for each that it leaves out the position's. After INOUT only the order's,
        because the position is a new one. After any other deal the position's.
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
