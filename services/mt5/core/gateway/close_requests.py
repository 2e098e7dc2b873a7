"""CLOSE: closing a position at the market by the BUY or SELL that follows from it.

The gateway derives side and volume from the position, and the journal keeps the resulting order. A repeat after the
position is closed is answered by its id; where the first call has no answer, its order is made again from the journal
and not from the account.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from proto.gateway import Buy, Close, PlaceOrder, Sell, VenuePosition
from proto.trading.enums import AccountMode, Side
from services.mt5.core.gateway.journal import Effect

CLOSE: Final = "CLOSE"


def position_to_close(request: Close, positions: Sequence[VenuePosition], mode: AccountMode) -> VenuePosition | None:
    """The position to close; None where there is none. Request and positions have the broker's symbols.

    Without a ticket it is the position of a netting account in the symbol; a hedging account may have several.
    """
    for position in positions:
        is_meant = position.ticket == request.position if request.position else mode is AccountMode.NETTING
        if is_meant and position.symbol == request.symbol:
            return position
    return None


def closing_order(request: Close, position: VenuePosition) -> PlaceOrder:
    """The order that closes a position, or the requested part of it."""
    volume = position.volume if request.volume is None else request.volume
    return _order(request, position.side.opposite, volume, request.position or position.ticket)


def order_from_effect(request: Close, effect: Effect) -> PlaceOrder:
    """The order that an earlier request with the id was about to place, from its effect in the journal."""
    return _order(request, Side(effect.action), effect.volume, effect.position)


def effect_of_empty_close(request: Close) -> Effect:
    """The effect in the journal of a CLOSE without a position."""
    return Effect(CLOSE, request.symbol, request.volume or Decimal(0), position=request.position)


def matches_effect(request: Close, effect: Effect) -> bool:
    """Whether the effect of an id may be that of this request."""
    if effect.action == CLOSE:
        return effect == effect_of_empty_close(request)
    return (
        effect.symbol == request.symbol
        and effect.position > 0
        and request.position in (0, effect.position)
        and request.volume in (None, effect.volume)
    )


def _order(request: Close, side: Side, volume: Decimal, position: int) -> PlaceOrder:
    kind = Buy if side is Side.BUY else Sell
    return kind(
        request_id=request.request_id,
        order_id=request.order_id,
        symbol=request.symbol,
        volume=volume,
        position=position,
        ordinal=request.ordinal,
        valid_until_ns=request.valid_until_ns,
        epoch=request.epoch,
    )
