"""CLOSE: a position closed at the market, as the BUY or SELL that it comes to.

The gateway finds out side and volume, and the order is journaled as what it is; a repeat that comes when the position is gone is known
by its id, and the order of one that was never answered is made again from the journal and not from the account.
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
    """The position that is meant; None when it is not there. `symbol` of both is the same kind of name.

    Without a ticket it is the one that a netting account has in the symbol: on a hedging account there may be several.
    """
    for position in positions:
        is_meant = position.ticket == request.position if request.position else mode is AccountMode.NETTING
        if is_meant and position.symbol == request.symbol:
            return position
    return None


def closing_order(request: Close, position: VenuePosition) -> PlaceOrder:
    """The order that closes it."""
    volume = position.volume if request.volume is None else request.volume
    return _order(request, position.side.opposite, volume, request.position or position.ticket)


def order_from_effect(request: Close, effect: Effect) -> PlaceOrder:
    """The order that an earlier call with the id was about to place."""
    return _order(request, Side(effect.action), effect.volume, effect.position)


def effect_of_empty_close(request: Close) -> Effect:
    """What is kept of a CLOSE that found nothing to close."""
    return Effect(CLOSE, request.symbol, request.volume or Decimal(0), position=request.position)


def matches_effect(request: Close, effect: Effect) -> bool:
    """Whether an id's effect can be that of this request."""
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
