"""Each event of the ledger as one line of text, with the symbol, code and order that it is about."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from proto.control import denial_message
from proto.trading.units import decimal_text
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import (
    CancelRequested,
    DealBooked,
    EpochTaken,
    Event,
    ForeignOrdersFound,
    IncarnationTaken,
    InstrumentLearned,
    JournalChanged,
    LeverageChanged,
    OrderCreated,
    OrderDenied,
    OrderModifyAnswered,
    OrderModifyRequested,
    OrderUpdated,
    ProtectionAnswered,
    ProtectionSet,
    Reconciled,
    RiskReset,
    StreamEnded,
    StreamOpened,
    TradingStateChanged,
)
from services.portfolio.core.account.orders import Cause, Order, OrderTerms
from services.portfolio.core.account.protection import Protection
from services.portfolio.core.decision.position_rule import SIGNAL_NAMES
from services.portfolio.core.queries.explain_format import LINE_CHARS_MAX, format_deal, format_event, format_price
from services.portfolio.core.state.config import CODE_BEFORE_SETTING

_WORD: Final = re.compile(r"(?<!^)(?=[A-Z])")

_NAMED_MAX: Final = 3
"""Largest number of differences that a line describes."""


class EventText(NamedTuple):
    """An event as text; the other fields are empty if the event has no such value.

    `tag` is the tag of the plan's entry, `code` the code of a rule, cause or reason, and `why_id` the id for WHY.
    """

    text: str
    symbol: str = ""
    tag: str = ""
    code: str = ""
    order_id: str = ""
    why_id: str = ""


def event_type(event: Event) -> str:
    """Return the name of an event's type, such as order_created."""
    return _WORD.sub("_", type(event).__name__).lower()


def event_text(event: Event, book: Book) -> EventText:
    """Describe an event in one line.

    Args:
        event: the event.
        book: has the instruments, and the orders that the event names.
    """
    line = _line(event, book)
    return line._replace(text=line.text[:LINE_CHARS_MAX])


def denied_direction(event: OrderDenied) -> str:
    """Return the denied direction as a word; empty for a change of an order or of stops."""
    return SIGNAL_NAMES[event.direction] if event.direction else ""


def event_time_ns(event: Event) -> int:
    """Return the time of an event in UTC nanoseconds; 0 for an event without one."""
    match event:
        case OrderCreated(order=order):
            return order.created_ns
        case DealBooked(deal=deal):
            return deal.time_ns
        case StreamOpened():
            return event.first_time_ns
        case InstrumentLearned() | Reconciled():
            return 0
        case _:
            return event.time_ns


def _line(event: Event, book: Book) -> EventText:
    match event:
        case OrderCreated() | OrderUpdated() | CancelRequested() | OrderModifyRequested() | OrderModifyAnswered():
            return _order_line(event, book)
        case OrderDenied():
            what = f"{denied_direction(event) or 'change'} of {event.symbol}"
            by = f"{event.person or 'a person'}'s " if event.cause == Cause.MANUAL else ""
            text = f"{by}{what} denied by {event.code}: {denial_message(limit=event.limit, observed=event.observed)}"
            return EventText(text, event.symbol, event.tag, event.code, why_id=event.denial_id or event.key)
        case DealBooked():
            return _deal_line(event, book)
        case ProtectionSet(protection=held):
            text = f"{_position(held.symbol, held.position)}: {_protection(held, book)}; {event.why}{_by(event.person)}"
            return EventText(text, held.symbol, held.tag)
        case ProtectionAnswered():
            return EventText(_protection_answer(event), event.key.partition("#")[0])
        case TradingStateChanged():
            code = event.causes[0].code if event.causes else ""
            closing = ", all positions are closed" if event.flatten else ""
            by = " ".join(filter(None, (event.by, event.person)))
            return EventText(f"trading is {event.state.value}{closing}, by {by}: {event.reason}", code=code)
        case RiskReset():
            rule = f"{event.rule} of {event.symbol or 'the desk'}"
            text = f"{event.person or 'a person'} reset {rule}: {event.reason}"
            return EventText(text, event.symbol, code=event.rule, why_id=event.rule)
        case _:
            return _account_line(event)


def _order_line(
    event: OrderCreated | OrderUpdated | CancelRequested | OrderModifyRequested | OrderModifyAnswered, book: Book
) -> EventText:
    order_id = event.order.order_id if isinstance(event, OrderCreated) else event.order_id
    order = event.order if isinstance(event, OrderCreated) else book.orders.get(order_id)
    code = ""
    match event:
        case OrderCreated(order=made):
            what = f"{made.type.value} {made.side.value} {decimal_text(made.volume)} {made.symbol}"
            text = f"order {what} created, cause: {made.decision.cause.value}{_by(made.person)}"
        case OrderUpdated():
            text, code = f"order {format_event(event).words}", event.code
        case CancelRequested():
            text = f"cancellation requested: {event.why}{_by(event.person)}"
            text = text if event.why else "the request to cancel was withdrawn"
        case OrderModifyRequested():
            text = f"modification {event.revision} requested: {_terms(event.terms, order, book)}"
            text += f"; {event.why}{_by(event.person)}" if event.why else ""
        case OrderModifyAnswered():
            answer = f"refused: {event.error}; in force" if event.error else "accepted"
            text = f"modification {event.revision} {answer}: {_terms(event.terms, order, book)}"
    symbol, tag = ("", "") if order is None else (order.symbol, order.tag)
    return EventText(text, symbol, tag, code, order_id, order_id)


def _deal_line(event: DealBooked, book: Book) -> EventText:
    deal, order = event.deal, book.orders.get(event.order_id)
    if not deal.kind.is_trade:
        text = f"deal {deal.deal}: {deal.kind.value} {decimal_text(deal.cash)}"
        text += f", {deal.comment}" if deal.comment else ""
        return EventText(text, deal.symbol, code=deal.kind.value, why_id=f"deal {deal.deal}")
    text = f"{deal.symbol} {format_deal(deal, order, book)}"
    tag = "" if order is None else order.tag
    return EventText(text, deal.symbol, tag, deal.reason.value, event.order_id, event.order_id or f"deal {deal.deal}")


def _account_line(
    event: StreamOpened
    | LeverageChanged
    | IncarnationTaken
    | InstrumentLearned
    | StreamEnded
    | Reconciled
    | ForeignOrdersFound
    | EpochTaken
    | JournalChanged,
) -> EventText:
    match event:
        case StreamOpened():
            account = f"account {event.account}, {event.account_mode.value}, {event.currency}"
            before = event.settings.get(CODE_BEFORE_SETTING)
            code = f"; the code of a strategy was {before} before" if before else ""
            return EventText(f"stream {event.stream_id} opened: {event.mode}, {account}, fills {event.fills}{code}")
        case LeverageChanged():
            return EventText(f"the venue changed the leverage to {event.leverage}")
        case IncarnationTaken():
            return EventText(f"new order ids begin with {event.incarnation}: {event.why}")
        case InstrumentLearned(instrument=instrument, changes=changes):
            text = f"the venue reported the terms of {instrument.symbol}"
            return EventText(f"{text}, changed: {'; '.join(changes)}" if changes else text, instrument.symbol)
        case StreamEnded():
            return EventText(f"stream {event.stream_id} ended at tick {event.ordinal}")
        case Reconciled():
            return _reconciled_line(event)
        case ForeignOrdersFound():
            numbers = ", ".join(map(str, event.tickets))
            return EventText(f"the venue has foreign orders, policy {event.policy.value}: {numbers}")
        case EpochTaken():
            return EventText(f"portfolio took the lease under epoch {event.epoch}")
        case JournalChanged():
            doubt = f", {len(event.doubtful)} open orders are in doubt" if event.doubtful else ""
            return EventText(f"the gateway has another journal{doubt}")


def _reconciled_line(event: Reconciled) -> EventText:
    if not event.differences:
        return EventText(f"ledger and venue agree, balance {decimal_text(event.balance)}")
    named = "; ".join(
        f"{one.kind} {one.subject}, ledger {one.ledger}, venue {one.venue}" for one in event.differences[:_NAMED_MAX]
    )
    return EventText(f"ledger and venue differ ({len(event.differences)}): {named}", code=event.differences[0].kind)


def _by(person: str) -> str:
    return f", by {person}" if person else ""


def _position(symbol: str, ticket: int) -> str:
    return f"stops of {symbol} position {ticket}" if ticket else f"stops of {symbol}"


def _protection(held: Protection, book: Book) -> str:
    parts = [
        f"{name} {format_price(price, held.symbol, book)}"
        for name, price in (("stop loss", held.stop_loss), ("take profit", held.take_profit))
        if price is not None
    ]
    if held.trailing_stop_points:
        parts.append(f"trailing stop {held.trailing_stop_points} points")
    return ", ".join(parts) or "none"


def _protection_answer(event: ProtectionAnswered) -> str:
    symbol, _, ticket = event.key.partition("#")
    answer = f"the venue refused the change: {event.error}" if event.error else "the venue accepted the change"
    return f"{_position(symbol, int(ticket or 0))}: {answer}"


def _terms(terms: OrderTerms, order: Order | None, book: Book) -> str:
    symbol = "" if order is None else order.symbol
    return (
        ", ".join(
            f"{name} {format_price(price, symbol, book)}"
            for name, price in (
                ("price", terms.limit_price),
                ("stop loss", terms.stop_loss),
                ("take profit", terms.take_profit),
            )
            if price is not None
        )
        or "no prices"
    )
