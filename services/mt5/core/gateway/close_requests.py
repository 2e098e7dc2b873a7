"""CLOSE: the gateway closes a position with a market BUY or SELL.

The gateway derives side and volume from the position, and the journal keeps the resulting order. So a repeated CLOSE
gets the stored reply, even when the position is already closed. If no reply is stored, the gateway makes the order from
the journal and not from the position, which may have changed since the first CLOSE.
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
    """The position to close; None if it does not exist. Request and positions have the broker's symbols.

    A request without a ticket closes the only position of a netting account in the symbol. On a hedging account it
    closes nothing, because several positions may be open in the symbol.
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
    """The order that an earlier CLOSE with the same id was about to place, from its effect in the journal."""
    return _order(request, Side(effect.action), effect.volume, effect.position)


def effect_of_empty_close(request: Close) -> Effect:
    """The effect that the journal keeps for a CLOSE that found no position."""
    return Effect(CLOSE, request.symbol, request.volume or Decimal(0), position=request.position)


def matches_effect(request: Close, effect: Effect) -> bool:
    """Whether a CLOSE may have had the effect that the journal keeps for its id."""
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
