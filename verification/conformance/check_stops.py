"""Checks of the stops of positions after orders, after a reversal, and after a lost reply."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from proto.gateway import Close, DealEntry, Fault, Modify, OrderReplyStatus, Simulate, SimulateReply, VenuePosition
from proto.trading.enums import AccountMode, OrderType, Side
from verification.conformance.client import ConformanceClient
from verification.conformance.registry import CheckRegistry, Skip, expect

check = CheckRegistry()
FILLED = OrderReplyStatus.FILLED


@check
def an_added_order_keeps_the_other_stops_of_its_position(client: ConformanceClient) -> None:
    """An order in a position's direction replaces only the stops it names (netting) or opens a position (hedging)."""
    low, high = _around(client)
    first = client.open_position(stop_loss=low, take_profit=high).position
    expect(_stops(first) == (low, high), f"opened with {_stops(first)}")
    lower = low - client.instrument().tick_size * 10
    cases: tuple[tuple[dict[str, Any], tuple[Decimal, Decimal]], ...] = (
        ({}, (low, high)),
        ({"stop_loss": lower}, (lower, high)),
    )
    for given, after in cases:
        before = first.volume
        reply = client.place_until_filled(client.new_order(**given))
        expect(reply.status == FILLED, f"replied {reply.status}: {reply.error}")
        if client.hello().account_mode is AccountMode.HEDGING:
            own = _shown(client, reply.position or 0)
            expect(_stops(own) == (given.get("stop_loss"), None), f"its own position has {_stops(own)}")
            expect(_stops(_shown(client, first.ticket)) == (low, high), "the first position has other stops")
            continue
        first = _shown(client, first.ticket, other_than=before)
        expect(_stops(first) == after, f"{_stops(first)} after an order with {given}, expected {after}")


@check
def a_partial_close_keeps_the_stops(client: ConformanceClient) -> None:
    """A partial close, by CLOSE or by an opposite order with stops, does not change the position's stops."""
    low, high = _around(client)
    position = client.open_position(lots=3, stop_loss=low, take_profit=high).position
    least = client.instrument().volume_min
    closed = client.place_until_filled(
        Close(order_id=client.new_id(), symbol=client.symbol, position=position.ticket, volume=least)
    )
    expect(closed.status == FILLED, f"replied {closed.status}: {closed.error}")
    left = _shown(client, position.ticket, other_than=position.volume)
    expect(_stops(left) == (low, high), f"{_stops(left)} after a partial close")
    sold = client.place_until_filled(client.new_order(Side.SELL, stop_loss=high, take_profit=low))
    expect(sold.status == FILLED, f"replied {sold.status}: {sold.error}")
    if client.hello().account_mode is AccountMode.NETTING:
        left = _shown(client, position.ticket, other_than=left.volume)
        expect(left.volume == least, f"{left.volume} lots are left")
    expect(
        _stops(_shown(client, position.ticket)) == (low, high), "the position has other stops after an opposite order"
    )


@check
def a_reversal_is_one_deal_with_the_stops_of_its_order(client: ConformanceClient) -> None:
    """A larger opposite order makes one INOUT deal (netting), or a second position on the other side (hedging)."""
    low, high = _around(client)
    long = client.open_position(stop_loss=low, take_profit=high).position
    order = client.new_order(Side.SELL, volume=long.volume * 3, stop_loss=high)
    reply = client.place_until_filled(order)
    expect(reply.status == FILLED, f"replied {reply.status}: {reply.error}")
    [deal] = client.poll_until(lambda: client.deals_of(order.order_id), bool)
    is_hedging = client.hello().account_mode is AccountMode.HEDGING
    entry = DealEntry.IN if is_hedging else DealEntry.INOUT
    expect(deal.entry is entry, f"a deal {deal.entry}, expected {entry}")
    expect(deal.position == reply.position, f"a deal of position {deal.position}, and a reply of {reply.position}")
    short = _shown(client, deal.position, side=Side.SELL)
    lots = long.volume * (3 if is_hedging else 2)
    expect((short.side, short.volume) == (Side.SELL, lots), f"{short.side} {short.volume} is listed, expected {lots}")
    expect(_stops(short) == (high, None), f"the short position has the stops {_stops(short)}")
    higher = high + client.instrument().tick_size * 10
    changed = client.modify(Modify(symbol=client.symbol, position=short.ticket, stop_loss=higher, revision=1))
    expect(
        changed.status == "OK",
        f"MODIFY of the short position: replied {changed.status} {changed.error_code}: {changed.error}",
    )
    half = Close(order_id=client.new_id(), symbol=client.symbol, position=short.ticket, volume=long.volume)
    closed = client.place_until_filled(half)
    expect(closed.status == FILLED, f"CLOSE of a part: replied {closed.status}: {closed.error}")


@check
def a_modification_with_a_lost_reply_can_be_repeated(client: ConformanceClient) -> None:
    """A MODIFY whose reply from the venue is lost is OK after the same revision is repeated."""
    position = client.open_position().position
    low, _ = _around(client)
    _lose_an_answer(client)
    changed = client.modify(Modify(symbol=client.symbol, position=position.ticket, stop_loss=low, revision=1))
    expect(changed.status == "OK", f"replied {changed.status} {changed.error_code}: {changed.error}")
    shown = _shown(client, position.ticket)
    expect(shown.stop_loss == low, f"the stop loss is {shown.stop_loss}, expected {low}")


def _lose_an_answer(client: ConformanceClient) -> None:
    """Make the venue lose the reply to its next call."""
    if client.lose_answer is not None:
        client.lose_answer()
    elif not isinstance(client.request(Simulate(fault=Fault.NO_REPLY, count=1)), SimulateReply):
        raise Skip("the venue cannot lose a reply on request")


def _around(client: ConformanceClient) -> tuple[Decimal, Decimal]:
    """Prices far below and far above the market."""
    return client.far_price(Side.BUY, OrderType.LIMIT), client.far_price(Side.BUY, OrderType.STOP)


def _shown(
    client: ConformanceClient, ticket: int, *, other_than: Decimal | None = None, side: Side | None = None
) -> VenuePosition:
    """Wait until a position is listed with a volume other than `other_than` and, if given, with side `side`."""

    def listed() -> VenuePosition | None:
        return next((held for held in client.positions() if held.ticket == ticket), None)

    def is_enough(held: VenuePosition | None) -> bool:
        return held is not None and held.volume != other_than and side in (None, held.side)

    found = client.poll_until(listed, is_enough)
    if found is None:
        raise AssertionError(f"position {ticket} is not listed")
    return found


def _stops(position: VenuePosition) -> tuple[Decimal | None, Decimal | None]:
    return position.stop_loss, position.take_profit
