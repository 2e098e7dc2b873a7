"""What portfolio says to the gateway: the start, an order's way, the pull of deals, the reconciliation.

Each is a talk of `conversation`: it yields a request and goes on with the reply. Every request may be sent twice; a
talk sees one reply to each.
"""

from __future__ import annotations

from collections.abc import Sequence

from proto.control import DeskState
from proto.gateway import (
    Confirm,
    DealsReply,
    GetDeals,
    Hello,
    HelloReply,
    ModifyReply,
    OrderReply,
    OrderReplyStatus,
    OrderStatusQuery,
    VenueDeal,
)
from proto.time import utc_text
from services.portfolio.core.account.events import (
    CancelAsked,
    Event,
    IncarnationTaken,
    LeverageTold,
    OrderCreated,
    ProtectionSet,
    Reconciled,
    StreamOpened,
)
from services.portfolio.core.account.foreign_orders import cannot_ignore
from services.portfolio.core.account.order_status import OrderStatus, may_become
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.stream_state import TickCursor
from services.portfolio.core.gateway_client.instruments import learn_terms
from services.portfolio.core.gateway_client.lease import meet
from services.portfolio.core.gateway_client.reconciliation import compare
from services.portfolio.core.gateway_client.reconciliation_schedule import LATE_NS, Watch
from services.portfolio.core.gateway_client.reports import ENDED, deal_booked, guard_answered, updated
from services.portfolio.core.gateway_client.requests import cancel_of, guard_of, request_of
from services.portfolio.core.gateway_client.tasks import Talk
from services.portfolio.core.state.desk import Desk


def begin(desk: Desk, watch: Watch) -> Talk:
    """Meet the gateway, settle what is open, book what was missed, reconcile; then the desk may trade.

    A live desk trades beside its open orders: each of them blocks its own symbol until it is settled.
    """
    hello = yield Hello(client="portfolio")
    assert isinstance(hello, HelloReply)
    if not _open_stream(desk, hello):
        return
    desk.window = hello.window
    if desk.window == 0 and (problem := cannot_ignore(desk.rules.limits, hello.account_mode)):
        desk.halt(problem)
        return
    if desk.window == 0:
        desk.market.see_time(hello.now_ns, desk.now.mono_ns)
        meet(desk, hello)
    desk.enter(DeskState.RECONCILING, "the reconciliation with the gateway")
    yield from learn_terms(desk, *desk.rules.symbols)
    if desk.window:
        yield from open_commands(desk)
        if desk.cursor.ordinal:
            # One from before the start may be on its way: the venue must not step between what is asked of it below.
            yield Confirm(stream_id=desk.cursor.stream_id, ordinal=desk.cursor.ordinal)
    yield from pull_deals(desk)
    if desk.window:
        # The venue may stand a tick further than the desk, which has ended orders.
        yield from look_after(desk)
        yield from reconcile(desk, at_end=desk.book.ended is not None)
    else:
        yield from watch.look(is_start=True)
    if desk.state is DeskState.HALTED:
        return
    if desk.book.ended is not None:
        desk.enter(DeskState.FINISHED)
    elif desk.window and desk.cursor.ordinal == 0:
        desk.enter(DeskState.WAITING_FOR_SIGNALS, "a signal process for every symbol")
    else:
        desk.enter(DeskState.RUNNING)


def _open_stream(desk: Desk, hello: HelloReply) -> bool:
    """Take up the gateway's stream, the same one or a new one; False when the account cannot go on with it."""
    book, cursor = desk.book, desk.cursor
    if set(hello.sequences) != set(desk.rules.symbols):
        desk.halt(f"the gateway serves {', '.join(sorted(hello.sequences))}, expected {', '.join(desk.rules.symbols)}")
        return False
    if book.stream is not None:
        if book.stream.stream_id == hello.stream_id:
            if hello.window == 0 and book.stream.incarnation != desk.live_incarnation:
                desk.emit(
                    IncarnationTaken(
                        incarnation=desk.live_incarnation, why=desk.incarnation_reason, time_ns=hello.now_ns
                    )
                )
            if hello.leverage != book.stream.leverage:
                desk.emit(LeverageTold(leverage=hello.leverage, time_ns=hello.now_ns))
            return True
        if hello.currency != book.stream.currency:
            desk.halt(f"the account is in {hello.currency}, expected {book.stream.currency}")
            return False
        if hello.account_mode is not book.stream.account_mode:
            desk.halt(f"the account is {hello.account_mode}, expected {book.stream.account_mode}")
            return False
        if hello.window and hello.first_time_ns <= cursor.time_ns:
            desk.halt(
                f"the stream begins at {utc_text(hello.first_time_ns)}, expected it after the account's last tick at "
                f"{utc_text(cursor.time_ns)}"
            )
            return False
    desk.emit(
        StreamOpened(
            stream_id=hello.stream_id,
            incarnation=hello.stream_id[:8] if hello.window else desk.live_incarnation,
            orders_before=len(book.orders),
            deals_before=book.deal_cursor,
            account=hello.account,
            mode=hello.mode,
            fills=hello.fills,
            account_mode=hello.account_mode,
            currency=hello.currency,
            currency_digits=hello.currency_digits,
            data_sha256=hello.data_sha256,
            first_time_ns=hello.first_time_ns,
            settings=desk.rules.settings,
            leverage=hello.leverage,
        )
    )
    desk.cursor = TickCursor(
        stream_id=hello.stream_id, marks=cursor.marks, risk=cursor.risk, volatility=cursor.volatility
    )
    return True


def open_commands(desk: Desk) -> Talk:
    """Ask again for everything of a stepped stream that the venue may not have answered, in the order in which it was decided."""
    book = desk.book
    for key in [key for key, guard in sorted(book.protections.items()) if guard.is_asked]:
        yield from guard_position(desk, key)
    for order_id in [order_id for order_id in book.open_orders if book.orders[order_id].cancel_asked]:
        yield from cancel(desk, order_id)
    for order_id in list(book.open_orders):
        yield from carry(desk, book.orders[order_id])
    # What a stored answer says of the book is as old as the answer.
    desk.is_quiet = False


def carry_out(desk: Desk, events: Sequence[Event], *, tick_published_mono_ns: int) -> Talk:
    """Ask the venue of a stepped stream for what a tick's events want of it: stops, then ends, then orders."""
    for key in dict.fromkeys(event.protection.key for event in events if isinstance(event, ProtectionSet)):
        if (guard := desk.book.protections.get(key)) is not None and guard.is_asked:
            yield from guard_position(desk, key)
    for event in events:
        if isinstance(event, CancelAsked):
            yield from cancel(desk, event.order_id)
    for event in events:
        if isinstance(event, OrderCreated):
            yield from carry(desk, event.order, tick_published_mono_ns=tick_published_mono_ns)


def carry(desk: Desk, order: Order, *, tick_published_mono_ns: int | None = None) -> Talk:
    """See an order of a stepped stream to the venue: send it (again) until the venue has spoken, and book its deals.

    `tick_published_mono_ns` is when the tick that it was decided on left the gateway, None for an order taken over from an
    earlier process, whose latency nobody can tell.
    """
    asked_mono_ns = desk.now.mono_ns
    reply = yield request_of(order, is_stepped=True)
    assert isinstance(reply, OrderReply)
    yield from _take(desk, order.order_id, reply)
    if reply.status not in ENDED:
        desk.order_to_fill.observe(desk.now.mono_ns - asked_mono_ns)
        if tick_published_mono_ns is not None:
            desk.ticks_filled_mono_ns.append(tick_published_mono_ns)


def cancel(desk: Desk, order_id: str) -> Talk:
    """End an order of a stepped stream that rests; the venue may have been quicker, or may not want to."""
    reply = yield cancel_of(desk.book.orders[order_id], ordinal=desk.cursor.ordinal)
    assert isinstance(reply, OrderReply)
    yield from _take(desk, order_id, reply)
    desk.is_quiet = reply.quiet
    if desk.book.orders[order_id].status.is_open:
        desk.emit(CancelAsked(order_id=order_id, why="", ordinal=desk.cursor.ordinal, time_ns=desk.cursor.time_ns))


def guard_position(desk: Desk, key: str) -> Talk:
    """Ask the venue of a stepped stream for a position's stops as the desk wants them."""
    guard = desk.book.protections[key]
    reply = yield guard_of(guard, ordinal=desk.cursor.ordinal)
    assert isinstance(reply, ModifyReply)
    desk.emit(guard_answered(guard, reply, time_ns=desk.cursor.time_ns))
    while desk.book.deal_cursor < reply.deal_cursor:
        yield from pull_deals(desk)
    desk.is_quiet = reply.quiet


def look_after(desk: Desk) -> Talk:
    """Ask the venue of a stepped stream what has become of every order that is open: a tick has ended some."""
    for order_id in list(desk.book.open_orders):
        reply = yield OrderStatusQuery(order_id=order_id)
        assert isinstance(reply, OrderReply)
        yield from _take(desk, order_id, reply)


def _take(desk: Desk, order_id: str, reply: OrderReply) -> Talk:
    """Take in what the venue says of an order: its deals first, then where it stands."""
    while desk.book.deal_cursor < reply.deal_cursor:
        yield from pull_deals(desk)
    desk.is_quiet = reply.quiet
    order = desk.book.orders[order_id]
    status = ENDED.get(reply.status, OrderStatus.ACCEPTED if reply.status == OrderReplyStatus.ACCEPTED else None)
    if status is not None and status is not order.status and may_become(order.status, status):
        desk.emit(updated(order, status, reply))


def pull_deals(desk: Desk) -> Talk:
    """Book every deal that the venue has and the ledger has not; a live venue may show one late, below others."""
    after: int | None = desk.book.deal_cursor if desk.window else _overlap(desk)
    while after is not None:
        reply = yield GetDeals(after=after)
        assert isinstance(reply, DealsReply)
        for deal in reply.deals:
            if not desk.book.has_deal(deal.deal) and deal.symbol and deal.symbol not in desk.book.instruments:
                yield from learn_terms(desk, deal.symbol)
            # Another talk may have booked it while this one asked.
            if not desk.book.has_deal(deal.deal):
                _book(desk, deal)
        after = reply.next
    desk.deal_pulls += 1


def _book(desk: Desk, deal: VenueDeal) -> None:
    booked = deal_booked(desk.book, deal)
    desk.emit(booked)
    published_mono_ns = desk.published_mono_ns.pop(booked.order_id, None)
    if published_mono_ns is not None:
        desk.ticks_filled_mono_ns.append(published_mono_ns)


def _overlap(desk: Desk) -> int:
    """The number of a deal so old that the venue has shown all up to it, or before those that a comparison missed."""
    horizon_ns = desk.now.domain_ns - LATE_NS
    after = desk.book.deal_cursor
    for deal in reversed(desk.book.deals):
        if deal.time_ns < horizon_ns:
            break
        after = deal.deal - 1
    missed, desk.deals_from = desk.deals_from, None
    return after if missed is None else min(after, missed)


def reconcile(desk: Desk, *, at_end: bool) -> Talk:
    """Compare the ledger with the venue, keep what came of it, and halt on a difference."""
    differences = yield from compare(desk.book, desk.cursor)
    desk.emit(
        Reconciled(ordinal=desk.cursor.ordinal, at_end=at_end, balance=desk.book.balance, differences=differences)
    )
    if differences:
        first = differences[0]
        desk.halt(
            f"{len(differences)} differences from the venue, the first: {first.kind} {first.subject}: "
            f"ledger {first.ledger}, venue {first.venue}"
        )
