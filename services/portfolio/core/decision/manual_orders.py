"""What people order by hand: an order, the close of a position, the end or the change of what rests.

Each passes the rules that a signal's order passes, becomes events, and is answered when those are durable. A command that is said
again with its key is answered again and not done again. A stepped stream takes none: it trades at its own ticks alone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec import structs

from proto.control import (
    CancelCommand,
    CloseCommand,
    ControlError,
    ModifyCommand,
    OrderCommand,
    OrderCommandReply,
    PlaceCommand,
)
from proto.trading.enums import OrderType, TimeInForce
from proto.trading.units import exact, plain
from services.portfolio.core.account.events import CancelAsked, OrderChanged, OrderCreated, OrderDenied, ProtectionSet
from services.portfolio.core.account.foreign_orders import own_position
from services.portfolio.core.account.orders import Cause, Decision, OrderTerms
from services.portfolio.core.account.position import ZERO, Leg
from services.portfolio.core.account.protection import Protection, key_of
from services.portfolio.core.accounting.valuation import cost_rate
from services.portfolio.core.decision import idempotency
from services.portfolio.core.decision.escalation import heed
from services.portfolio.core.decision.idempotency import answered_before, digest
from services.portfolio.core.decision.order_factory import ORDER_LIFETIME_NS, order_made
from services.portfolio.core.plan.plan import MANUAL_TAG
from services.portfolio.core.risk.checks import check, check_always
from services.portfolio.core.risk.exposure import opened_part
from services.portfolio.core.risk.types import Account, Denial, Proposal
from services.portfolio.core.state.desk import Desk

TICKETS_NAMED_MAX: Final = 10
"""A refusal is a line; `paperdesk positions` has every ticket."""


def command(desk: Desk, asked: OrderCommand) -> OrderCommandReply | ControlError:
    """Do what a person has ordered, as far as the rules let it."""
    if not desk.is_live:
        return ControlError(error="orders by hand need a live market: a stepped stream trades at its own ticks alone")
    if (before := answered_before(desk.book, asked)) is not None:
        return before
    if isinstance(asked, PlaceCommand | CloseCommand) and not _may_number(desk):
        return ControlError(error="the desk has not met the gateway since its start, ask again when it has")
    match asked:
        case PlaceCommand():
            return _place(desk, asked)
        case CloseCommand():
            return _close(desk, asked)
        case CancelCommand():
            return _cancel(desk, asked)
        case ModifyCommand(order_id=""):
            return _guard(desk, asked)
        case ModifyCommand():
            return _change(desk, asked)


def _may_number(desk: Desk) -> bool:
    """Whether ids that the ledger gives out are new: those of an earlier incarnation may be the venue's already, and lost here."""
    stream = desk.book.stream
    return stream is not None and stream.incarnation == desk.live_incarnation


def closing_orders(
    desk: Desk,
    symbol: str,
    *,
    cause: Cause,
    reason: str,
    ticket: int = 0,
    volume: Decimal | None = None,
    key: str = "",
    asked: str = "",
) -> list[OrderCreated]:
    """Orders at the market that close what the desk trades of a symbol, or one ticket of it, or `volume` lots of that."""
    most = desk.book.instruments[symbol].volume_max
    decision = _decision(desk, symbol, cause, f"[{cause.upper()}] {reason}")
    made: list[OrderCreated] = []
    for leg in _chosen(desk, symbol, ticket):
        made.append(
            order_made(
                desk.book,
                structs.replace(decision, direction=-leg.direction),
                symbol=symbol,
                direction=-leg.direction,
                volume=min(leg.volume if volume is None else volume, most),
                valid_until_ns=decision.time_ns + ORDER_LIFETIME_NS,
                ahead=len(made),
                tag=MANUAL_TAG if cause is Cause.MANUAL else "desk",
                position=leg.ticket,
                time_in_force=TimeInForce.IOC,
                key=key,
                asked=asked,
                is_close=True,
            )
        )
    return made


def _chosen(desk: Desk, symbol: str, ticket: int) -> list[Leg]:
    """The leg with a ticket, whoever has opened it; without one all that the desk trades of the symbol."""
    if symbol not in desk.book.positions:
        return []
    if ticket:
        return [leg for leg in desk.book.positions[symbol].legs if leg.ticket == ticket]
    return list(own_position(desk.book, symbol, desk.rules.limits.foreign_orders).legs)


def _decision(desk: Desk, symbol: str, cause: Cause, reason: str) -> Decision:
    """What the desk sees of a symbol at the moment; without any quote the price of what it holds stands in for the record."""
    position = desk.book.position(symbol)
    quote = desk.market.quotes.get(symbol) or desk.cursor.marks.get(symbol)
    entry = position.avg_entry_price or ZERO
    bid, ask = (exact(quote.bid), exact(quote.ask)) if quote is not None else (entry, entry)
    return Decision(
        ordinal=desk.cursor.ordinal,
        sequence=desk.cursor.sequences.get(symbol, 0),
        time_ns=desk.domain_ns(desk.now.mono_ns),
        direction=0,
        confidence=1.0,
        bid=bid,
        ask=ask,
        rate=cost_rate(symbol, desk.book, desk.cursor.marks),
        position_before=own_position(desk.book, symbol, desk.rules.limits.foreign_orders).net_volume,
        reason=reason[:512],
        cause=cause,
    )


def _place(desk: Desk, asked: PlaceCommand) -> OrderCommandReply | ControlError:
    book, symbol = desk.book, asked.symbol
    instrument = book.instruments.get(symbol)
    if instrument is None:
        known = ", ".join(sorted(book.instruments))
        return ControlError(error=f"symbol is {symbol}, expected one that the desk trades: {known}"[:512])
    if desk.market.quotes.get(symbol) is None and desk.cursor.marks.get(symbol) is None:
        return ControlError(error=f"{symbol} has not been quoted yet")
    direction = asked.side.sign
    decision = structs.replace(_decision(desk, symbol, Cause.MANUAL, f"[MANUAL] {asked.reason}"), direction=direction)
    rests = asked.type is not OrderType.MARKET
    if rests and asked.price is None:
        return ControlError(error=f"price is missing, expected one for a {asked.type} order")
    touch = decision.ask if direction > 0 else decision.bid
    order = Proposal(
        instrument,
        direction,
        asked.volume,
        opened_part(book, symbol, asked.side, asked.volume),
        asked.price if rests and asked.price is not None else touch,
        1.0,
        stop_loss=asked.stop_loss,
        take_profit=asked.take_profit,
        type=asked.type,
        limit_price=asked.price if rests else None,
        time_in_force=asked.time_in_force or TimeInForce.GTC,
        expires_ns=asked.expires_ns,
    )
    denial = check(order, _account(desk, symbol), decision.time_ns)
    if denial is not None:
        heed(desk, denial)
        return _denied(desk, asked, symbol, decision, denial)
    made = order_made(
        book,
        decision,
        symbol=symbol,
        direction=direction,
        volume=asked.volume,
        valid_until_ns=decision.time_ns + ORDER_LIFETIME_NS,
        tag=MANUAL_TAG,
        key=asked.key,
        asked=digest(asked),
        type=asked.type,
        limit_price=asked.price if rests else None,
        time_in_force=asked.time_in_force or (None if rests else TimeInForce.IOC),
        stop_loss=asked.stop_loss,
        take_profit=asked.take_profit,
        trailing_stop_points=asked.trailing_stop_points,
        expires_ns=asked.expires_ns,
    )
    desk.emit(made)
    return _done(asked.key, [made])


def _close(desk: Desk, asked: CloseCommand) -> OrderCommandReply | ControlError:
    symbol = asked.symbol
    legs = _chosen(desk, symbol, asked.position)
    if not legs:
        return ControlError(error=f"there is no {_which(asked)} to close")
    if asked.volume is not None and len(legs) > 1:
        tickets = _tickets(legs)
        return ControlError(
            error=f"{symbol} has {len(legs)} positions (tickets {tickets}): name one with --position to close a part"
        )
    if asked.volume is not None and not ZERO < asked.volume <= legs[0].volume:
        return ControlError(
            error=f"volume is {plain(asked.volume)}, expected above 0 and at most the {plain(legs[0].volume)} lots that are held"
        )
    if (under_way := _under_way(desk, asked, legs)) is not None:
        return ControlError(
            error=f"{_which(asked)} is being closed by order {under_way}: ask again when that has ended, lest the other side is opened"
        )
    made = closing_orders(
        desk,
        symbol,
        cause=Cause.MANUAL,
        reason=asked.reason,
        ticket=asked.position,
        volume=asked.volume,
        key=asked.key,
        asked=digest(asked),
    )
    for one in made:
        order, decision = one.order, one.order.decision
        instrument = desk.book.instruments[symbol]
        proposal = Proposal(instrument, order.side.sign, order.volume, ZERO, order.price, 1.0, by_person=True)
        if (denial := check_always(proposal, _account(desk, symbol), decision.time_ns)) is not None:
            return _denied(desk, asked, symbol, decision, denial)
    for one in made:
        desk.emit(one)
    return _done(asked.key, made)


def _under_way(desk: Desk, asked: CloseCommand, legs: list[Leg]) -> str | None:
    """An order that may be closing the same lots already; None where there is enough for both."""
    for leg in legs:
        closing = [
            order
            for order in desk.book.open_orders_of(asked.symbol)
            if order.side.sign == -leg.direction and order.position == leg.ticket and not order.rests
        ]
        left = leg.volume - sum((order.volume - order.filled_volume for order in closing), ZERO)
        if closing and left < (leg.volume if asked.volume is None else asked.volume):
            return closing[0].order_id
    return None


def _cancel(desk: Desk, asked: CancelCommand) -> OrderCommandReply | ControlError:
    order = desk.book.orders.get(asked.order_id)
    if order is None or not order.status.is_open:
        stands = "not known here" if order is None else str(order.status)
        return ControlError(error=f"order {asked.order_id} is {stands}, expected one that is open")
    if not order.cancel_asked:
        now_ns = desk.domain_ns(desk.now.mono_ns)
        ordinal = desk.cursor.ordinal
        desk.emit(
            CancelAsked(
                order_id=order.order_id,
                why=asked.reason,
                ordinal=ordinal,
                time_ns=now_ns,
                key=asked.key,
                asked=digest(asked),
            )
        )
    desk.hurried.add(order.order_id)
    return idempotency.done(asked.key, [order.order_id])


def _change(desk: Desk, asked: ModifyCommand) -> OrderCommandReply | ControlError:
    order = desk.book.orders.get(asked.order_id)
    if order is None or not order.status.is_open or order.type is OrderType.MARKET:
        stands = "not known here" if order is None else f"{order.type} {order.status}"
        return ControlError(error=f"order {asked.order_id} is {stands}, expected a LIMIT or STOP order that is open")
    if order.revision > order.revision_answered:
        return ControlError(error=f"order {asked.order_id} is being modified, ask again when the venue has answered")
    before = order.terms
    terms = OrderTerms(
        limit_price=before.limit_price if asked.price is None else asked.price,
        stop_loss=asked.stop_loss,
        take_profit=asked.take_profit,
        expires_ns=asked.expires_ns or before.expires_ns,
    )
    instrument, price = desk.book.instruments[order.symbol], terms.limit_price
    assert price is not None, order
    rest = order.volume - order.filled_volume
    proposal = Proposal(
        instrument,
        order.side.sign,
        rest,
        ZERO,
        price,
        1.0,
        stop_loss=terms.stop_loss,
        take_profit=terms.take_profit,
        type=order.type,
        limit_price=price,
        time_in_force=order.time_in_force or TimeInForce.GTC,
        expires_ns=terms.expires_ns,
    )
    decision = _decision(desk, order.symbol, Cause.MANUAL, f"[MANUAL] {asked.reason}")
    if (denial := check_always(proposal, _account(desk, order.symbol), decision.time_ns)) is not None:
        return _denied(desk, asked, order.symbol, decision, denial)
    revision = order.revision + 1
    desk.emit(
        OrderChanged(
            order_id=order.order_id,
            terms=terms,
            revision=revision,
            time_ns=decision.time_ns,
            key=asked.key,
            asked=digest(asked),
        )
    )
    desk.hurried.add(order.order_id)
    return idempotency.done(asked.key, [order.order_id])


def _guard(desk: Desk, asked: ModifyCommand) -> OrderCommandReply | ControlError:
    """Give a position other stops; whoever sets a stop by hand takes it out of the hands of the desk's trailing."""
    book, symbol = desk.book, asked.symbol
    legs = _chosen(desk, symbol, asked.position)
    if len(legs) != 1:
        if not legs:
            return ControlError(error=f"there is no {_which(asked)} to change")
        return ControlError(
            error=f"{symbol} has {len(legs)} positions (tickets {_tickets(legs)}): name one with --position {symbol}:TICKET"
        )
    leg = legs[0]
    key = key_of(symbol, leg.ticket)
    before = book.protections.get(key) or Protection(symbol=symbol, position=leg.ticket, tag=MANUAL_TAG)
    decision = _decision(desk, symbol, Cause.MANUAL, f"[MANUAL] {asked.reason}")
    touch = decision.bid if leg.direction > 0 else decision.ask
    proposal = Proposal(
        book.instruments[symbol],
        leg.direction,
        leg.volume,
        ZERO,
        touch,
        1.0,
        stop_loss=asked.stop_loss,
        take_profit=asked.take_profit,
        by_person=True,
    )
    if (denial := check_always(proposal, _account(desk, symbol), decision.time_ns)) is not None:
        return _denied(desk, asked, symbol, decision, denial)
    after = structs.replace(
        before,
        stop_loss=asked.stop_loss,
        take_profit=asked.take_profit,
        trailing_stop_points=0,
        revision=before.revision + 1,
        error="",
    )
    desk.emit(
        ProtectionSet(
            protection=after,
            why=f"[MANUAL] {asked.reason}",
            ordinal=decision.ordinal,
            time_ns=decision.time_ns,
            bid=decision.bid,
            ask=decision.ask,
            key=asked.key,
            asked=digest(asked),
        )
    )
    return idempotency.done(asked.key, [])


def _account(desk: Desk, symbol: str) -> Account:
    quote = desk.market.quotes.get(symbol)
    mono_ns = desk.now.mono_ns
    return Account(
        desk.book,
        desk.cursor,
        desk.rules.limits,
        desk.storage_problem,
        0 if quote is None else max(0, desk.domain_ns(mono_ns) - quote.time_ns),
        None if quote is None else (quote.bid, quote.ask),
        desk.rules.plan,
    )


def _denied(desk: Desk, asked: OrderCommand, symbol: str, decision: Decision, denial: Denial) -> OrderCommandReply:
    cursor, key = desk.cursor, asked.key
    cursor.denied[denial.code] = cursor.denied.get(denial.code, 0) + 1
    assert desk.book.stream is not None
    desk.emit(
        OrderDenied(
            symbol=symbol,
            direction=decision.direction,
            ordinal=decision.ordinal,
            time_ns=decision.time_ns,
            code=denial.code,
            limit=denial.limit,
            observed=denial.observed,
            denial_id=f"{desk.book.stream.incarnation}-m{key}"[:64],
            sequence=decision.sequence,
            confidence=decision.confidence,
            bid=decision.bid,
            ask=decision.ask,
            position_before=decision.position_before,
            tag=MANUAL_TAG,
            cause=Cause.MANUAL.value,
            key=key,
            reason=asked.reason,
            asked=digest(asked),
        )
    )
    return idempotency.denied(key, desk.book.denials_by_key[key])


def _tickets(legs: list[Leg]) -> str:
    named = ", ".join(str(leg.ticket) for leg in legs[:TICKETS_NAMED_MAX])
    return named if len(legs) <= TICKETS_NAMED_MAX else f"{named} and {len(legs) - TICKETS_NAMED_MAX} more"


def _which(asked: CloseCommand | ModifyCommand) -> str:
    """The position that is meant, in words."""
    return f"position {asked.position} of {asked.symbol}" if asked.position else f"position in {asked.symbol}"


def _done(key: str, made: list[OrderCreated]) -> OrderCommandReply:
    return idempotency.done(key, [one.order.order_id for one in made])
