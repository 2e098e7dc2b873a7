"""Stops of a position after a deal. The venue applies this rule, and the desk predicts its result.

As in MetaTrader, the stops of a position come from the latest order that opened, increased or reversed it, and an order
that closes a part does not change them. In MetaTrader, an order that increases the position also removes each stop that
the order does not name. Here such a stop stays: the gateway adds the position's stop to the order before it calls the
terminal.
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
        entry: effect of the deal: IN opened or increased the position, INOUT reversed it, OUT closed or reduced it.
        given: stops of the order.
        held: stops of the position before the deal; None if there was no position.

    Returns:
        After IN, the order's stops; a stop that the order does not name is kept from the position. After INOUT, only
        the order's stops, because the position is new. After any other deal, the position's stops.
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
