"""Checks that resting orders are listed, modified and canceled."""

from __future__ import annotations

from typing import Any

from proto.gateway import Cancel, ErrorReply, Modify, OrderReply, OrderReplyStatus, Ping, PingReply, VenueOrder
from proto.trading.enums import OrderType, Side, TimeInForce
from verification.conformance.client import ConformanceClient
from verification.conformance.registry import CheckRegistry, expect

check = CheckRegistry()
ACCEPTED, CANCELED = OrderReplyStatus.ACCEPTED, OrderReplyStatus.CANCELED
HOUR_NS = 3_600_000_000_000
SECOND_NS = 1_000_000_000


@check
def a_limit_order_rests_and_is_canceled_once(client: ConformanceClient) -> None:
    """A limit order far from the market is ACCEPTED and listed; a repeated CANCEL is also answered with CANCELED."""
    reply = _resting(client, Side.BUY, OrderType.LIMIT)
    first, again = client.cancel(reply.order_id), client.cancel(reply.order_id)
    expect(first.status == CANCELED, f"replied {first.status} {first.error_code}: {first.error}")
    actual = (again.status, again.ticket)
    expect(actual == (CANCELED, reply.ticket), f"replied {actual} the second time")
    listed = client.find_order(reply.order_id)
    expect(listed is not None and listed.status == CANCELED, f"listed as {listed}")
    expect(not client.deals_of(reply.order_id), "it has a deal")


@check
def the_first_reply_to_a_cancel_has_no_error(client: ConformanceClient) -> None:
    """The first reply to CANCEL is CANCELED or CALL_IN_PROGRESS, without an error code."""
    reply = _resting(client, Side.BUY, OrderType.LIMIT)
    first = client.expect_reply(Cancel(order_id=reply.order_id), OrderReply)
    expect(first.status in (CANCELED, OrderReplyStatus.CALL_IN_PROGRESS), f"replied {first.status}: {first.error}")
    expect(first.error_code is None, f"replied {first.status} with {first.error_code}: {first.error}")
    actual = (first.symbol, first.action, first.ticket)
    expect(actual == (client.symbol, "BUY", reply.ticket), f"replied {actual}")
    ended = client.cancel(reply.order_id)
    expect(
        (ended.status, ended.error_code) == (CANCELED, None), f"replied {ended.status} {ended.error_code} in the end"
    )


@check
def a_stop_order_rests_and_is_canceled(client: ConformanceClient) -> None:
    """A sell stop order far from the market is ACCEPTED and listed, and CANCEL is answered with CANCELED."""
    reply = _resting(client, Side.SELL, OrderType.STOP)
    ended = client.cancel(reply.order_id)
    expect(ended.status == CANCELED, f"replied {ended.status} {ended.error_code}: {ended.error}")


@check
def a_resting_order_is_modified_by_revision(client: ConformanceClient) -> None:
    """MODIFY sets price and stops of a resting order; an older revision is refused and changes nothing."""
    reply = _resting(client, Side.BUY, OrderType.LIMIT)
    listed = client.find_order(reply.order_id)
    expect(listed is not None and listed.price is not None, f"listed as {listed}")
    assert listed is not None
    assert listed.price is not None
    point = client.instrument().point
    price, stop = listed.price - 50 * point, listed.price - 500 * point
    changed = client.modify(
        Modify(symbol=client.symbol, order_id=reply.order_id, price=price, stop_loss=stop, revision=5)
    )
    expect(changed.status == "OK", f"replied {changed.status} {changed.error_code}: {changed.error}")
    after = client.poll_until(
        lambda: client.find_order(reply.order_id), lambda order: order is not None and order.price == price
    )
    expect(after is not None and (after.price, after.stop_loss) == (price, stop), f"listed as {after}")
    older = client.modify(Modify(symbol=client.symbol, order_id=reply.order_id, price=listed.price, revision=4))
    expect(older.error_code == "STALE_REVISION", f"a lower revision: replied {older.status} {older.error_code}")
    kept = client.modify(Modify(symbol=client.symbol, order_id=reply.order_id, revision=6))
    expect(kept.status == "OK", f"without a price: replied {kept.status} {kept.error_code}")
    last = client.poll_until(
        lambda: client.find_order(reply.order_id), lambda order: order is not None and order.stop_loss is None
    )
    expect(last is not None and (last.price, last.stop_loss) == (price, None), f"listed as {last}")
    client.cancel(reply.order_id)


@check
def a_cancel_of_a_filled_order_reports_the_fill(client: ConformanceClient) -> None:
    """CANCEL of a filled order is answered with FILLED and ORDER_ENDED."""
    reply = client.open_position().reply
    ended = client.cancel(reply.order_id)
    actual = (ended.status, ended.error_code)
    expect(actual == (OrderReplyStatus.FILLED, "ORDER_ENDED"), f"replied {actual}")


@check
def gtd_and_day_orders_are_listed_as_such(client: ConformanceClient) -> None:
    """A GTD order is listed with its expiry to the second, and a DAY order with DAY."""
    expires_ns = (client.expect_reply(Ping(), PingReply).now_ns // SECOND_NS) * SECOND_NS + HOUR_NS
    dated = _resting(client, Side.BUY, OrderType.LIMIT, time_in_force=TimeInForce.GTD, expires_ns=expires_ns)
    listed = client.find_order(dated.order_id)
    expect(listed is not None and listed.expires_ns // SECOND_NS == expires_ns // SECOND_NS, f"listed as {listed}")
    day = _resting(client, Side.BUY, OrderType.LIMIT, time_in_force=TimeInForce.DAY)
    shown = client.find_order(day.order_id)
    expect(shown is not None and shown.time_in_force is TimeInForce.DAY, f"listed as {shown}")
    for reply in (dated, day):
        client.cancel(reply.order_id)


@check
def a_modification_keeps_the_time_in_force(client: ConformanceClient) -> None:
    """MODIFY of the price changes neither the time in force nor the expiry of a DAY or a GTD order."""
    expires_ns = (client.expect_reply(Ping(), PingReply).now_ns // SECOND_NS) * SECOND_NS + HOUR_NS
    _stays(client, time_in_force=TimeInForce.DAY)
    _stays(client, time_in_force=TimeInForce.GTD, expires_ns=expires_ns)


@check
def a_modification_with_another_symbol_is_refused(client: ConformanceClient) -> None:
    """MODIFY of an order with the wrong symbol is refused and changes nothing."""
    reply = _resting(client, Side.BUY, OrderType.LIMIT)
    listed = client.find_order(reply.order_id)
    refused = client.expect_reply(Modify(symbol="NOSUCHPAIR", order_id=reply.order_id, revision=1), ErrorReply)
    expect(refused.error_code in ("INVALID_FIELD", "UNKNOWN_SYMBOL"), f"replied {refused.error_code}")
    after = client.find_order(reply.order_id)
    expect(_terms(after) == _terms(listed), f"listed as {after}, it was {listed}")
    client.cancel(reply.order_id)


def _terms(order: VenueOrder | None) -> tuple[object, ...]:
    """The fields that a modification can change; the venue may change other fields at any time."""
    if order is None:
        raise AssertionError("the order is not listed")
    return order.status, order.volume, order.price, order.stop_loss, order.take_profit, order.expires_ns, order.revision


def _stays(client: ConformanceClient, **fields: Any) -> None:
    """Require that a new price changes neither the time in force nor the expiry of an order."""
    reply = _resting(client, Side.BUY, OrderType.LIMIT, **fields)
    before = client.find_order(reply.order_id)
    if before is None or before.price is None:
        raise AssertionError(f"listed as {before}")
    price = before.price - 50 * client.instrument().point
    changed = client.modify(Modify(symbol=client.symbol, order_id=reply.order_id, price=price, revision=1))
    expect(changed.status == "OK", f"replied {changed.status} {changed.error_code}: {changed.error}")
    after = client.poll_until(
        lambda: client.find_order(reply.order_id), lambda order: order is not None and order.revision > 0
    )
    actual = None if after is None else (after.price, after.time_in_force, after.expires_ns)
    expect(actual == (price, before.time_in_force, before.expires_ns), f"listed as {actual}, it was {before}")
    client.cancel(reply.order_id)


def _resting(client: ConformanceClient, side: Side, kind: OrderType, **fields: Any) -> OrderReply:
    """Place an order far from the market, and require that it is ACCEPTED and listed."""
    reply = client.place(client.new_order(side, type=kind, price=client.far_price(side, kind), **fields))
    expect(reply.status == ACCEPTED, f"a {kind} order is {reply.status} {reply.error_code}: {reply.error}")
    listed = client.poll_until(lambda: client.find_order(reply.order_id), lambda order: order is not None)
    expect(listed is not None and listed.status == ACCEPTED and listed.type is kind, f"listed as {listed}")
    return reply
