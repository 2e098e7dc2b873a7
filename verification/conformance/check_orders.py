"""Checks of market orders, refusals, repeated requests, fences and closes."""

from __future__ import annotations

from decimal import Decimal

from proto.gateway import Close, Fence, Modify, OrderReply, OrderReplyStatus
from proto.trading.enums import AccountMode, OrderType, Side, TimeInForce
from verification.conformance.client import ConformanceClient
from verification.conformance.registry import CheckRegistry, expect

check = CheckRegistry()
FILLED, REJECTED, EXPIRED = OrderReplyStatus.FILLED, OrderReplyStatus.REJECTED, OrderReplyStatus.EXPIRED


@check
def a_market_order_is_filled_once(client: ConformanceClient) -> None:
    """A market order is fully filled near the quote; a repetition has the same ticket and deal, and no new deal."""
    order = client.new_order()
    quote = client.quote()
    first = client.place_until_filled(order)
    expect(first.status == FILLED, f"replied {first.status}: {first.error}")
    expect(bool(first.ticket) and bool(first.deal), f"ticket {first.ticket}, deal {first.deal}")
    expect(first.filled_volume == order.volume, f"{first.filled_volume} of {order.volume} lots")
    price = first.filled_price or Decimal(0)
    expect(abs(price - quote.ask) <= quote.ask / 100, f"filled at {price} with the ask at {quote.ask}")
    again = client.place(order)
    actual = (again.status, again.ticket, again.deal, again.filled_price)
    expect(actual == (first.status, first.ticket, first.deal, first.filled_price), f"replied {actual} the second time")
    deals = client.deals_of(order.order_id)
    expect(len(deals) == 1, f"{len(deals)} deals under its id")


@check
def another_order_with_a_used_id_is_refused(client: ConformanceClient) -> None:
    """An order with a used id but another side or volume is refused with ID_CONFLICT, and makes no deal."""
    order = client.new_order()
    client.place_until_filled(order)
    count = len(client.deals())
    for other in (
        client.new_order(Side.SELL, order_id=order.order_id),
        client.new_order(order_id=order.order_id, volume=order.volume + client.instrument().volume_step),
    ):
        reply = client.place(other)
        expect(reply.error_code == "ID_CONFLICT", f"replied {reply.status} {reply.error_code}")
    expect(len(client.deals()) == count, "there are new deals")


@check
def deals_and_orders_have_the_clients_id(client: ConformanceClient) -> None:
    """GET_DEALS and GET_ORDERS report the client's order id, with the ticket and the deal of the reply."""
    bought = client.open_position()
    order_id = bought.reply.order_id
    [deal] = client.deals_of(order_id)
    actual = (deal.deal, deal.ticket, deal.price, deal.volume)
    reply = bought.reply
    expect(
        actual == (reply.deal, reply.ticket, reply.filled_price, reply.filled_volume), f"deal {actual}, reply {reply}"
    )
    listed = client.find_order(order_id)
    expect(listed is not None and listed.ticket == reply.ticket and listed.status == FILLED, f"listed as {listed}")


@check
def a_position_can_be_closed_in_parts(client: ConformanceClient) -> None:
    """CLOSE of half a position leaves the other half with the same ticket; CLOSE without a volume closes the rest."""
    position = client.open_position(lots=2).position
    half = position.volume / 2
    before = {held.ticket: held.volume for held in client.positions()}
    first = client.place_until_filled(
        Close(order_id=client.new_id(), symbol=client.symbol, position=position.ticket, volume=half)
    )
    expect(
        first.status == FILLED and first.filled_volume == half, f"replied {first.status}, {first.filled_volume} lots"
    )
    left = client.poll_until(
        lambda: {held.ticket: held.volume for held in client.positions()}, lambda held: held != before
    ).get(position.ticket)
    expect(left == before[position.ticket] - half, f"{left} lots are left of {before[position.ticket]}")
    rest = client.place_until_filled(Close(order_id=client.new_id(), symbol=client.symbol, position=position.ticket))
    expect(rest.status == FILLED and rest.filled_volume == left, f"replied {rest.status}, {rest.filled_volume} lots")
    gone = client.poll_until(
        lambda: [held.ticket for held in client.positions()], lambda tickets: position.ticket not in tickets
    )
    expect(position.ticket not in gone, "it is still listed")


@check
def a_repeated_close_has_the_same_reply(client: ConformanceClient) -> None:
    """A CLOSE that is repeated after the position is closed has the same reply."""
    position = client.open_position().position
    close = Close(order_id=client.new_id(), symbol=client.symbol, position=position.ticket)
    first = client.place_until_filled(close)
    again = client.place(close)
    expect(first.status == FILLED, f"replied {first.status}: {first.error}")
    actual = (again.status, again.ticket, again.deal)
    expect(actual == (first.status, first.ticket, first.deal), f"replied {actual} the second time")


@check
def a_close_of_an_unknown_position_is_refused(client: ConformanceClient) -> None:
    """CLOSE of an unknown position is REJECTED with UNKNOWN_POSITION and 10036."""
    reply = client.place(Close(order_id=client.new_id(), symbol=client.symbol, position=2**40))
    actual = (reply.status, reply.error_code, reply.retcode)
    expect(actual == (REJECTED, "UNKNOWN_POSITION", 10036), f"replied {actual}")


@check
def positions_follow_the_accounts_mode(client: ConformanceClient) -> None:
    """Two orders of one side make one position on a netting account, and two on a hedging account."""
    mode = client.hello().account_mode
    before = {held.ticket for held in client.positions()}
    client.open_position()
    client.open_position()
    expected = 2 if mode is AccountMode.HEDGING else 1

    def fresh() -> set[int]:
        return {held.ticket for held in client.positions()} - before

    found = client.poll_until(fresh, lambda tickets: len(tickets) == expected, seconds=5)
    expect(len(found) == expected, f"{len(found)} new positions on a {mode} account")


@check
def volumes_out_of_the_terms_are_refused(client: ConformanceClient) -> None:
    """A volume off the step, too large or too small is REJECTED with INVALID_VOLUME and 10014, and makes no deal."""
    terms, count = client.instrument(), len(client.deals())
    for volume in (
        terms.volume_min + terms.volume_step / 2,
        terms.volume_max + terms.volume_step,
        terms.volume_min / 2,
    ):
        reply = client.place(client.new_order(volume=volume))
        actual = (reply.status, reply.error_code, reply.retcode)
        expect(actual == (REJECTED, "INVALID_VOLUME", 10014), f"{volume} lots: replied {actual}")
    expect(len(client.deals()) == count, "there are new deals")


@check
def prices_on_the_wrong_side_are_refused(client: ConformanceClient) -> None:
    """A buy limit without a price, or with one above the market, is REJECTED with INVALID_PRICE and 10015."""
    beyond = client.far_price(Side.BUY, OrderType.STOP)
    for price in (None, beyond):
        reply = client.place(client.new_order(type=OrderType.LIMIT, price=price))
        actual = (reply.status, reply.error_code, reply.retcode)
        expect(actual == (REJECTED, "INVALID_PRICE", 10015), f"a buy limit at {price}: replied {actual}")


@check
def stops_on_the_wrong_side_are_refused(client: ConformanceClient) -> None:
    """A buy order with a stop loss above the market is REJECTED with INVALID_STOPS and 10016."""
    reply = client.place(client.new_order(stop_loss=client.far_price(Side.BUY, OrderType.STOP)))
    actual = (reply.status, reply.error_code, reply.retcode)
    expect(actual == (REJECTED, "INVALID_STOPS", 10016), f"replied {actual}")


@check
def a_gtd_order_without_an_expiry_is_refused(client: ConformanceClient) -> None:
    """GTD without `expires_ns` is REJECTED with INVALID_EXPIRATION and 10022."""
    price = client.far_price(Side.BUY, OrderType.LIMIT)
    reply = client.place(client.new_order(type=OrderType.LIMIT, price=price, time_in_force=TimeInForce.GTD))
    actual = (reply.status, reply.error_code, reply.retcode)
    expect(actual == (REJECTED, "INVALID_EXPIRATION", 10022), f"replied {actual}")


@check
def an_order_with_a_fenced_id_is_refused(client: ConformanceClient) -> None:
    """FENCE of an unused id is EXPIRED with FENCED, and so is an order that is placed with this id afterwards."""
    order = client.new_order()
    fenced = client.expect_reply(Fence(order_id=order.order_id), OrderReply)
    expect((fenced.status, fenced.error_code) == (EXPIRED, "FENCED"), f"replied {fenced.status} {fenced.error_code}")
    reply = client.place(order)
    expect((reply.status, reply.error_code) == (EXPIRED, "FENCED"), f"replied {reply.status} {reply.error_code}")
    expect(not client.deals_of(order.order_id), "it has a deal")


@check
def a_fence_of_a_filled_order_reports_the_fill(client: ConformanceClient) -> None:
    """FENCE of a filled order is answered with FILLED and the order's ticket."""
    reply = client.open_position().reply
    fenced = client.expect_reply(Fence(order_id=reply.order_id), OrderReply)
    expect((fenced.status, fenced.ticket) == (FILLED, reply.ticket), f"replied {fenced.status}, ticket {fenced.ticket}")


@check
def an_order_past_its_deadline_expires(client: ConformanceClient) -> None:
    """An order whose `valid_until_ns` has passed is EXPIRED, also when repeated, and has no deal."""
    order = client.new_order(valid_until_ns=1)
    for _ in range(2):
        reply = client.place(order)
        expect((reply.status, reply.error_code) == (EXPIRED, "EXPIRED"), f"replied {reply.status} {reply.error_code}")
    expect(not client.deals_of(order.order_id), "it has a deal")


@check
def an_order_that_was_never_placed_is_unknown(client: ConformanceClient) -> None:
    """ORDER_STATUS of an unused id is UNKNOWN, and an order with this id can still be placed."""
    order = client.new_order()
    known = client.status(order.order_id)
    expect((known.status, known.error_code) == (OrderReplyStatus.UNKNOWN, "UNKNOWN_ORDER"), f"replied {known}")
    reply = client.place_until_filled(order)
    expect(reply.status == FILLED, f"replied {reply.status}: {reply.error}")


@check
def stops_of_a_position_are_set_by_revision(client: ConformanceClient) -> None:
    """MODIFY sets a position's stops; a repeated revision has the same reply, a lower revision is STALE_REVISION."""
    position = client.open_position().position
    low, lower = (
        client.far_price(Side.BUY, OrderType.LIMIT),
        client.far_price(Side.BUY, OrderType.LIMIT) - client.instrument().point * 10,
    )
    second = Modify(symbol=client.symbol, position=position.ticket, stop_loss=low, revision=2)
    set_first = client.modify(second)
    expect(set_first.status == "OK", f"replied {set_first.status} {set_first.error_code}: {set_first.error}")
    shown = client.poll_until(
        lambda: next(held for held in client.positions() if held.ticket == position.ticket),
        lambda held: held.stop_loss == low,
    )
    expect(shown.stop_loss == low and shown.take_profit is None, f"{shown.stop_loss} and {shown.take_profit}")
    again = client.modify(second)
    expect(again.status == "OK", f"the same revision: replied {again.status} {again.error_code}")
    older = client.modify(Modify(symbol=client.symbol, position=position.ticket, stop_loss=lower, revision=1))
    actual = (older.status, older.error_code)
    expect(actual == (REJECTED, "STALE_REVISION"), f"a lower revision: replied {actual}")
    held = next(held for held in client.positions() if held.ticket == position.ticket)
    expect(held.stop_loss == low, f"the stop loss is {held.stop_loss} after the lower revision")
