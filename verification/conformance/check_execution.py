"""Checks of executions by the venue when the market reaches a price or a time: fills, closes and expiries.

The price of an order or stop is set a few ticks from the market, and set again while the market moves away. A check
fails if a published tick has reached the price and the venue has not executed the order. The check is skipped if no
tick reaches the price in time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Final

from proto.gateway import DealEntry, DealReason, ErrorCode, Modify, OrderReply, OrderReplyStatus, Ping, PingReply
from proto.gateway.codes import RETCODE_DONE
from proto.time import SECOND_NS
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.money import Quote
from proto.trading.price_distance import closing_touch
from proto.trading.units import floor_to_step
from verification.conformance.client import AGAIN_S, UNSETTLED, ConformanceClient
from verification.conformance.registry import CheckRegistry, Skip, expect

check = CheckRegistry()
ACCEPTED, FILLED, EXPIRED = OrderReplyStatus.ACCEPTED, OrderReplyStatus.FILLED, OrderReplyStatus.EXPIRED

NEAR_TICKS: Final = 1
TAKEN: Final = (10008, 10009)
"""Retcodes of a resting order: 10008 order placed, 10009 request completed."""

NEAR_S: Final = 30.0
"""Longest time for the market to reach a price."""

ATTEMPT_S: Final = 1.0
"""Time after which the price is set near the market again."""

EXECUTION_S: Final = 5.0
"""Longest time from a published tick to the report of the execution."""

ARRIVAL_NS: Final = SECOND_NS // 2
"""Ticks within this time after the latest tick at placement are ignored: the order may not have reached the venue."""

OVERTAKEN: Final = ("INVALID_PRICE", "INVALID_STOPS", "FROZEN")
"""Refusals because the market has moved too close to a chosen price, or to a stop that is to be replaced."""

EXPIRY_NS: Final = SECOND_NS
"""Lifetime of the first GTD order. While the venue refuses the expiry, the lifetime is doubled, up to EXPIRY_NS_MAX."""

EXPIRY_NS_MAX: Final = 64 * SECOND_NS

EXPIRY_LATE_NS: Final = 30 * SECOND_NS
"""Longest time after the expiry, by the venue's clock, until an order must be EXPIRED."""


@check
def replies_have_the_retcode_of_their_status(client: ConformanceClient) -> None:
    """A resting order has the retcode 10008 or 10009, and a filled order has 10009."""
    limit = client.new_order(type=OrderType.LIMIT, price=client.far_price(Side.BUY, OrderType.LIMIT))
    resting = client.place(limit)
    expect(resting.status == ACCEPTED, f"a limit order far from the market is {resting.status}: {resting.error}")
    expect(resting.retcode in TAKEN, f"ACCEPTED with {resting.retcode}, expected one of {TAKEN}")
    client.cancel(limit.order_id)
    filled = client.open_position().reply
    expect(filled.retcode == RETCODE_DONE, f"FILLED with {filled.retcode}, expected {RETCODE_DONE}")
    listed = client.find_order(filled.order_id)
    is_done = listed is not None and listed.retcode == RETCODE_DONE
    expect(is_done, f"listed as {listed}, expected the retcode {RETCODE_DONE}")


@check
def an_order_beyond_the_free_margin_is_refused(client: ConformanceClient) -> None:
    """An order that needs more than the free margin is REJECTED with NO_MONEY and 10019.

    Raises:
        Skip: the account requires no margin, or no allowed volume needs enough margin.
    """
    terms = client.instrument()
    if not client.account().leverage:
        raise Skip("the account requires no margin (leverage 0)")
    lots = client.open_position().position.volume
    account = client.poll_until(client.account, lambda account: bool(account.margin))
    if not account.margin or account.free_margin is None:
        raise Skip(f"the account reports a margin of {account.margin} and a free margin of {account.free_margin}")
    needed = account.margin / lots * terms.volume_max
    if needed < 2 * account.free_margin:
        raise Skip(f"the largest order needs about {needed} of {account.free_margin} {account.currency} free margin")
    order = client.new_order(volume=terms.volume_max)
    reply = client.place_until_filled(order)
    if reply.error_code == "NO_LIQUIDITY":
        raise Skip(f"the market has no liquidity for {terms.volume_max} lots, so their margin was not checked")
    actual = (reply.status, reply.error_code, reply.retcode)
    expect(actual == (OrderReplyStatus.REJECTED, "NO_MONEY", 10019), f"{terms.volume_max} lots: replied {actual}")
    expect(not client.deals_of(order.order_id), "it has a deal")


@check
def a_limit_order_is_filled_when_the_market_reaches_it(client: ConformanceClient) -> None:
    """A limit order a few ticks from the market is filled at its price or better when the market reaches the price."""
    reply, price = _filled_near(client, Side.BUY, OrderType.LIMIT)
    expect(
        reply.filled_price is not None and reply.filled_price <= price, f"bought at {reply.filled_price}, limit {price}"
    )


@check
def a_stop_order_is_filled_when_the_market_reaches_it(client: ConformanceClient) -> None:
    """A stop order a few ticks from the market is filled when the market reaches its price."""
    _filled_near(client, Side.BUY, OrderType.STOP)


@check
def a_stop_loss_closes_its_position(client: ConformanceClient) -> None:
    """A stop loss a few ticks from the market closes the position when reached, with the reason STOP_LOSS."""
    _closed_near(client, DealReason.STOP_LOSS)


@check
def a_take_profit_closes_its_position(client: ConformanceClient) -> None:
    """A take profit a few ticks from the market closes the position when reached, with the reason TAKE_PROFIT."""
    _closed_near(client, DealReason.TAKE_PROFIT)


@check
def a_gtd_order_ends_at_its_expiry(client: ConformanceClient) -> None:
    """A GTD order is EXPIRED after its expiry and not before, and has no deal.

    Raises:
        Skip: the venue accepts no expiry near enough, or the symbol had no tick after the expiry.
    """
    price, ahead_ns = client.far_price(Side.BUY, OrderType.LIMIT), EXPIRY_NS
    while True:
        expires_ns = (_now_ns(client) + ahead_ns) // SECOND_NS * SECOND_NS
        order = client.new_order(
            type=OrderType.LIMIT, price=price, time_in_force=TimeInForce.GTD, expires_ns=expires_ns
        )
        reply = client.place(order)
        if reply.error_code != "INVALID_EXPIRATION":
            break
        ahead_ns *= 2
        if ahead_ns > EXPIRY_NS_MAX:
            raise Skip(f"the venue accepts no expiry as near as {ahead_ns // 2 / SECOND_NS:g} s: {reply.error}")
    expect(reply.status in (ACCEPTED, EXPIRED), f"replied {reply.status} {reply.error_code}: {reply.error}")
    late_ns = expires_ns + EXPIRY_LATE_NS

    def seen() -> tuple[OrderReply, int]:
        return client.status(order.order_id), _now_ns(client)

    ended, now_ns = client.poll_until(
        seen, lambda found: found[0].status != ACCEPTED or found[1] > late_ns, seconds=120
    )
    if ended.status == ACCEPTED and _newest(client)[1] < expires_ns:
        raise Skip(f"{client.symbol} had no tick after the order's expiry")
    expect(ended.status == EXPIRED, f"replied {ended.status} {(now_ns - expires_ns) / SECOND_NS:g} s after the expiry")
    expect(now_ns >= expires_ns, f"the order ended {(expires_ns - now_ns) / SECOND_NS:g} s before the expiry")
    expect(not client.deals_of(order.order_id), "it has a deal")


# ------------------------------------------------------------------------------------------------------ near the market


def _filled_near(client: ConformanceClient, side: Side, kind: OrderType) -> tuple[OrderReply, Decimal]:
    """Place orders near the market until one is filled; returns the reply for that order, and the order's price.

    Raises:
        Skip: the market has not reached a price in time.
    """
    deadline = time.monotonic() + NEAR_S
    while time.monotonic() < deadline:
        is_below = (side is Side.BUY) == (kind is OrderType.LIMIT)
        touch = closing_touch(side.opposite, client.quote())
        price = _beside(client, touch, is_below=is_below)
        order = client.new_order(side, type=kind, price=price)
        reply = client.place(order)
        if reply.error_code in OVERTAKEN:
            continue
        expect(reply.status in (ACCEPTED, FILLED), f"a {kind} at {price} is {reply.status}: {reply.error}")

        def is_settled(order_id: str = order.order_id) -> bool:
            return client.status(order_id).status not in UNSETTLED

        def is_reached(quote: Quote, price: Decimal = price, *, is_below: bool = is_below) -> bool:
            return _is_at(closing_touch(side.opposite, quote), price, is_below=is_below)

        is_executed = _is_executed(client, f"{side} {kind} at {price}", is_done=is_settled, is_reached=is_reached)
        known = client.status(order.order_id) if is_executed else client.cancel(order.order_id)
        if is_executed and known.error_code not in OVERTAKEN:
            expect(known.status == FILLED, f"a {kind} at {price} is {known.status}: {known.error}")
        if known.status == FILLED:
            expect(known.retcode == RETCODE_DONE, f"FILLED with {known.retcode}, expected {RETCODE_DONE}")
            deals = client.poll_until(partial(client.deals_of, order.order_id), bool)
            expect(len(deals) == 1, f"{len(deals)} deals under its id")
            return known, price
    raise Skip(f"the market did not reach a {kind} at the least distance allowed within {NEAR_S:g} s")


def _closed_near(client: ConformanceClient, reason: DealReason) -> None:
    """Set stops of a long position near the market until one closes the position.

    Raises:
        Skip: the market has not reached a stop in time.
    """
    position = client.open_position().position
    is_below = reason is DealReason.STOP_LOSS
    deadline, revision = time.monotonic() + NEAR_S, 0
    present: Decimal | None = None

    def is_gone() -> bool:
        return all(held.ticket != position.ticket for held in client.positions())

    while time.monotonic() < deadline:
        price = _beside(client, client.quote().bid, is_below=is_below)
        revision += 1
        loss, profit = (price, None) if is_below else (None, price)
        changed = client.modify(
            Modify(
                symbol=client.symbol, position=position.ticket, stop_loss=loss, take_profit=profit, revision=revision
            )
        )
        stands = price == present and changed.error_code == ErrorCode.NO_CHANGES  # the market has not moved
        if changed.status != "OK" and not stands and not is_gone():
            expect(changed.error_code in OVERTAKEN, f"MODIFY: {changed.error_code}: {changed.error}")
            continue
        present = price

        def is_reached(quote: Quote, price: Decimal = price) -> bool:
            return _is_at(quote.bid, price, is_below=is_below)

        if _is_executed(client, f"{reason} at {price}", is_done=is_gone, is_reached=is_reached):
            closing = client.poll_until(
                lambda: [
                    deal for deal in client.deals() if deal.position == position.ticket and deal.entry is DealEntry.OUT
                ],
                bool,
            )
            actual = [(deal.reason, deal.order_id, deal.volume) for deal in closing]
            expect(actual == [(reason, "", position.volume)], f"closed by {actual}")
            return
    raise Skip(f"the market did not reach a price at the least distance allowed within {NEAR_S:g} s")


def _is_executed(
    client: ConformanceClient, what: str, *, is_done: Callable[[], bool], is_reached: Callable[[Quote], bool]
) -> bool:
    """Whether an order or stop was executed; False if the market has not reached its price within ATTEMPT_S.

    Raises:
        AssertionError: a tick has reached the price, and the order or stop was not executed within EXECUTION_S.
    """
    sequence, time_ns = _newest(client)
    proves_ns = time_ns + ARRIVAL_NS
    deadline, reached = time.monotonic() + ATTEMPT_S, None
    while not is_done():
        if time.monotonic() > deadline:
            expect(reached is None, f"{what} was not executed within {EXECUTION_S:g} s of a tick at {reached}")
            return False
        if reached is None:
            for newest, time_ns, quote in client.ticks(after=sequence):
                sequence = newest
                if time_ns >= proves_ns and is_reached(quote):
                    reached = quote
                    deadline = time.monotonic() + EXECUTION_S
                    break
        time.sleep(AGAIN_S)
    return True


def _beside(client: ConformanceClient, touch: Decimal, *, is_below: bool) -> Decimal:
    """The nearest price to the touch that the venue accepts, moved away by NEAR_TICKS."""
    terms = client.instrument()
    least = max(terms.stops_level_points, terms.freeze_level_points) * terms.point
    away = least + NEAR_TICKS * terms.tick_size
    return floor_to_step(touch - away if is_below else touch + away, terms.tick_size)


def _is_at(touch: Decimal, price: Decimal, *, is_below: bool) -> bool:
    return touch <= price if is_below else touch >= price


def _newest(client: ConformanceClient) -> tuple[int, int]:
    """Sequence and time of the latest tick."""
    newest = client.hello().sequences[client.symbol]
    [(sequence, time_ns, _), *_] = client.ticks(after=newest - 1)
    return sequence, time_ns


def _now_ns(client: ConformanceClient) -> int:
    return client.expect_reply(Ping(), PingReply).now_ns
