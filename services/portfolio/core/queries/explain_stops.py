"""Explains the stop by which the venue made a deal: price, origin, the venue's answer, and the slippage.

The order that opens a position sets its first stop. A trailing stop, a person or the reconciliation may replace that
stop. `find_stop_origin` applies the position's events in the ledger up to the deal, as far back as they are available.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from msgspec import structs

from proto.control.views import WhyLine, WhyStep
from proto.gateway import DealKind, DealReason, VenueDeal
from proto.trading.enums import Side
from proto.trading.units import ZERO, decimal_text
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, Event, ProtectionAnswered, ProtectionSet
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.protection import Protection, protection_after_deal, protection_key
from services.portfolio.core.queries.explain_format import (
    LINE_CHARS_MAX,
    command_facts,
    format_price,
    truncate_facts,
    truncate_lines,
)

_FIELDS: Final = {DealReason.STOP_LOSS: "stop_loss", DealReason.TAKE_PROFIT: "take_profit"}
STOP_REASONS: Final = frozenset((*_FIELDS, DealReason.STOP_OUT))
"""Reasons of deals by which the venue itself closes a position."""


class StopOrigin(NamedTuple):
    """A stop price, None for no stop, and its origin: an order with its deal, or a change by the desk (`setting`)."""

    price: Decimal | None
    order: Order | None = None
    deal: VenueDeal | None = None
    setting: ProtectionSet | None = None


def deal_protection_key(deal: VenueDeal, book: Book) -> str:
    """Return the key of the protection of a deal's position."""
    return protection_key(deal.symbol, book.position_ticket(deal))


def deals_before(deal: VenueDeal, book: Book) -> list[VenueDeal]:
    """Return the earlier deals of a deal's position, oldest first, beginning with the deal that opened the position."""
    ticket, held = book.position_ticket(deal), book.positions.get(deal.symbol)
    legs = () if held is None else held.legs
    net = sum((leg.holding.volume for leg in legs if leg.ticket == ticket), ZERO)
    found: list[VenueDeal] = []
    for one in reversed(book.deals):
        if one.symbol != deal.symbol or not one.kind.is_trade or book.position_ticket(one) != ticket:
            continue
        after, net = net, net - one.volume * Side(one.kind.value).sign
        if one.deal < deal.deal:
            found.append(one)
        if one.deal <= deal.deal and (not net or after * net < 0):
            break  # this deal opened the position, or reversed it
    return found[::-1]


def opener_of(deal: VenueDeal, book: Book) -> tuple[VenueDeal | None, Order | None]:
    """Return the position's first deal before `deal` that has an order of the desk, and the order; else two Nones."""
    for one in deals_before(deal, book):
        order = book.orders.get(book.order_of_deal.get(one.deal, ""))
        if order is not None:
            return one, order
    return None, None


def find_stop_origin(deal: VenueDeal, events: Sequence[Event], book: Book) -> StopOrigin:
    """Return the stop that the venue executed: the latest one set before the deal and not refused by the venue.

    Args:
        deal: the deal of a stop loss or take profit.
        events: events of the ledger, in order; events of other positions are ignored.
        book: the account.
    """
    field, valid_stops = _FIELDS[deal.reason], [StopOrigin(None)]
    held: Protection | None = None
    for event in _position_events_before(deal, events, book):
        if isinstance(event, DealBooked):
            booked, order = event.deal, book.orders.get(event.order_id)
            held = protection_after_deal(
                booked.entry,
                order,
                symbol=booked.symbol,
                position=book.position_ticket(booked),
                time_ns=booked.time_ns,
                before=held,
            )
            made = StopOrigin(None if held is None else getattr(held, field), order=order, deal=booked)
        elif isinstance(event, ProtectionSet):
            held = event.protection
            made = StopOrigin(getattr(held, field), setting=event)
        elif isinstance(event, ProtectionAnswered) and event.error:
            valid_stops = _without_refused(valid_stops, event, getattr(event, field))
            if held is not None and held.revision == event.revision:
                held = structs.replace(held, stop_loss=event.stop_loss, take_profit=event.take_profit)
            continue
        else:
            continue
        if made.price != valid_stops[-1].price:
            valid_stops.append(made)
    return valid_stops[-1]


def stop_step(deal: VenueDeal, events: Sequence[Event], book: Book) -> WhyStep:
    """Return the step that explains the stop behind a deal with one of `STOP_REASONS`."""
    facts = {"reason": deal.reason.value}
    moves = [
        event
        for event in _position_events_before(deal, events, book)
        if isinstance(event, ProtectionSet | ProtectionAnswered)
    ]
    lines = [_event_line(event, deal.symbol, book) for event in moves]
    if deal.reason not in _FIELDS:
        facts["set by"] = "the venue: the margin level fell to the stop-out level"
        return WhyStep(name="stop", time_ns=deal.time_ns, facts=facts, lines=truncate_lines(lines))
    stop = find_stop_origin(deal, events, book)
    time_ns = deal.time_ns
    if stop.price is None:
        facts["set by"] = "not found: its events are too old to be shown, or the desk did not set it"
    else:
        facts["price"] = format_price(stop.price, deal.symbol, book)
        facts |= _order_facts(stop) if stop.setting is None else _setting_facts(stop.setting, events, deal, book)
        time_ns = stop.deal.time_ns if stop.deal is not None else stop.setting.time_ns if stop.setting else time_ns
        facts["slippage"] = _slippage_text(deal, stop.price, book)
    return WhyStep(name="stop", time_ns=time_ns, facts=truncate_facts(facts), lines=truncate_lines(lines))


def _position_events_before(deal: VenueDeal, events: Sequence[Event], book: Book) -> list[Event]:
    """Events of the position's deals and stops that were recorded before the deal, in order."""
    key, found = deal_protection_key(deal, book), []
    for event in events:
        match event:
            case DealBooked(deal=booked):
                if booked.deal == deal.deal:
                    break
                is_about = booked.symbol == deal.symbol and deal_protection_key(booked, book) == key
            case ProtectionSet(protection=guard):
                is_about = guard.key == key
            case ProtectionAnswered():
                is_about = event.key == key
            case _:
                is_about = False
        if is_about:
            found.append(event)
    return found


def _without_refused(
    valid_stops: list[StopOrigin], answer: ProtectionAnswered, price: Decimal | None
) -> list[StopOrigin]:
    """The sequence of valid stops after the venue refused a revision.

    The refused stop is removed, and the last stop has the price that the venue reported.
    """
    latest = valid_stops[-1].setting
    if latest is None or latest.protection.revision != answer.revision:
        return valid_stops
    kept = valid_stops[:-1]
    return kept if kept and kept[-1].price == price else [*kept, StopOrigin(price, setting=latest)]


def _order_facts(stop: StopOrigin) -> dict[str, str]:
    assert stop.order is not None
    assert stop.deal is not None
    return {"set by": f"order {stop.order.order_id}, from its deal {stop.deal.deal} on"}


def _setting_facts(event: ProtectionSet, events: Sequence[Event], deal: VenueDeal, book: Book) -> dict[str, str]:
    facts = {"set by": event.why, "ordinal": str(event.ordinal), "revision": str(event.protection.revision)}
    facts |= command_facts(event.key, event.person)
    facts["bid"], facts["ask"] = (format_price(price, deal.symbol, book) for price in (event.bid, event.ask))
    facts["answer"] = _answer_text(event, _position_events_before(deal, events, book))
    return facts


def _answer_text(event: ProtectionSet, events: Sequence[Event]) -> str:
    guard = event.protection
    if not guard.is_in_flight:
        return "not needed: the venue already has it"
    for answer in events:
        if isinstance(answer, ProtectionAnswered) and answer.revision >= guard.revision:
            return f"refused: {answer.error}" if answer.error else f"accepted, retcode {answer.retcode}"
    return "none before the deal: the change may have reached the venue too late"


def _slippage_text(deal: VenueDeal, price: Decimal, book: Book) -> str:
    """The deal's price against the stop, positive when worse, in points; in price units if the terms are unknown."""
    assert deal.kind in (DealKind.BUY, DealKind.SELL)
    worse = (deal.price - price) * Side(deal.kind.value).sign
    terms = book.instruments.get(deal.symbol)
    return decimal_text(worse) if terms is None else f"{decimal_text(worse / terms.point)} points"


def _event_line(event: ProtectionSet | ProtectionAnswered, symbol: str, book: Book) -> WhyLine:
    guard = event.protection if isinstance(event, ProtectionSet) else event
    prices = [
        f"{name} {format_price(price, symbol, book)}"
        for name, price in (("stop loss", guard.stop_loss), ("take profit", guard.take_profit))
        if price is not None
    ]
    if isinstance(event, ProtectionSet):
        text = f"set, revision {guard.revision}: {', '.join(prices) or 'no stops'}, because {event.why}"
    elif event.error:
        text = f"revision {event.revision} refused: {event.error}; the venue has {', '.join(prices) or 'no stops'}"
    else:
        text = f"revision {event.revision} accepted, retcode {event.retcode}"
    return WhyLine(time_ns=event.time_ns, words=text[:LINE_CHARS_MAX])
