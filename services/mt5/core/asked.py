"""What an order asks for, as the broker hears it, and the record that the broker makes of it."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from proto.gateway import OrderReplyStatus, VenueOrder
from proto.units import Side


class Asked(NamedTuple):
    """A market order under a magic; `symbol` is the broker's name, `volume` in lots."""

    magic: int
    comment: str
    symbol: str
    side: Side
    volume: Decimal

    def order(
        self,
        status: OrderReplyStatus,
        *,
        ticket: int,
        retcode: int,
        time_ns: int,
        ordinal: int,
        price: Decimal | None = None,
        deal: int = 0,
        reason: str = "",
    ) -> VenueOrder:
        """The broker's record of it; filled whole where a deal says so."""
        return VenueOrder(
            ticket=ticket,
            order_id=self.comment,
            symbol=self.symbol,
            side=self.side,
            volume=self.volume,
            filled_volume=self.volume if deal else Decimal(0),
            filled_price=price,
            status=status,
            retcode=retcode,
            reason=reason,
            deal=deal,
            time_ns=time_ns,
            ordinal=ordinal,
        )
