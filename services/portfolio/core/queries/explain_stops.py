"""The stop of a deal that no order made: which one stood, what set it, what the venue said to it, and what it cost.

A stop comes with an order that opens the position, and may be set anew: by a stop that trails, by a person, by what the venue was
found to have. `find_stop_origin` folds the ledger's events of the position until the deal; where the ledger does not go back so far, what
it has is folded.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from msgspec import structs

from proto.control.views import WhyLine, WhyStep
from proto.gateway import DealKind, DealReason, VenueDeal
from proto.trading.enums import Side
from proto.trading.units import decimal_text
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, Event, ProtectionAnswered, ProtectionSet
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.position import ZERO
from services.portfolio.core.account.protection import Protection, protection_after_deal, protection_key
from services.portfolio.core.queries.explain_format import LINE_CHARS_MAX, format_price, truncate_facts, truncate_lines

_FIELDS: Final = {DealReason.STOP_LOSS: "stop_loss", DealReason.TAKE_PROFIT: "take_profit"}
STOP_REASONS: Final = frozenset((*_FIELDS, DealReason.STOP_OUT))
"""Why the venue closes a position by itself."""


class StopOrigin(NamedTuple):
    """A price at which the venue was to close, and what set it: an order by its deal, or the desk by an event."""

    price: Decimal | None
    order: Order | None = None
    deal: VenueDeal | None = None
    setting: ProtectionSet | None = None


def deal_protection_key(deal: VenueDeal, book: Book) -> str:
    """The name under which the position of a trade is guarded."""
    return protection_key(deal.symbol, book.position_ticket(deal))


def deals_before(deal: VenueDeal, book: Book) -> list[VenueDeal]:
    """The trades that made the position which a trade then moved, the oldest first; the trade itself is not among them."""
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
            break  # it has opened the position, or turned it over
    return found[::-1]


def opener_of(deal: VenueDeal, book: Book) -> tuple[VenueDeal | None, Order | None]:
    """The first deal of the desk's own that the position of a trade has, with its order."""
    for one in deals_before(deal, book):
        order = book.orders.get(book.order_of_deal.get(one.deal, ""))
        if order is not None:
            return one, order
    return None, None


def find_stop_origin(deal: VenueDeal, events: Sequence[Event], book: Book) -> StopOrigin:
    """The stop that the venue has executed: the latest that stood before the deal, one that the venue refused left out."""
    field, stood = _FIELDS[deal.reason], [StopOrigin(None)]
    held: Protection | None = None
    for event in _until(deal, events, book):
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
            stood = _refused(stood, event, getattr(event, field))
            if held is not None and held.revision == event.revision:
                held = structs.replace(held, stop_loss=event.stop_loss, take_profit=event.take_profit)
            continue
        else:
            continue
        if made.price != stood[-1].price:
            stood.append(made)
    return stood[-1]


def stop_step(deal: VenueDeal, events: Sequence[Event], book: Book) -> WhyStep:
    """The link between an order that opened and a deal that the venue made by itself."""
    facts = {"reason": deal.reason.value}
    moves = [event for event in _until(deal, events, book) if isinstance(event, ProtectionSet | ProtectionAnswered)]
    lines = [_line(event, deal.symbol, book) for event in moves]
    if deal.reason not in _FIELDS:
        facts["set by"] = "the venue: the account's margin level had fallen to its stop-out"
        return WhyStep(name="stop", time_ns=deal.time_ns, facts=facts, lines=truncate_lines(lines))
    stop = find_stop_origin(deal, events, book)
    time_ns = deal.time_ns
    if stop.price is None:
        facts["set by"] = (
            "not found: the ledger's events about it are too far back to be shown, or somebody else set it"
        )
    else:
        facts["price"] = format_price(stop.price, deal.symbol, book)
        facts |= _of_order(stop) if stop.setting is None else _of_setting(stop.setting, events, deal, book)
        time_ns = stop.deal.time_ns if stop.deal is not None else stop.setting.time_ns if stop.setting else time_ns
        facts["slippage"] = _slippage(deal, stop.price, book)
    return WhyStep(name="stop", time_ns=time_ns, facts=truncate_facts(facts), lines=truncate_lines(lines))


def _until(deal: VenueDeal, events: Sequence[Event], book: Book) -> list[Event]:
    """The deals of the position, and what was said of its stops, before the deal was booked."""
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


def _refused(stood: list[StopOrigin], answer: ProtectionAnswered, price: Decimal | None) -> list[StopOrigin]:
    """What stands after the venue has refused a revision: what it has, by whatever set that."""
    latest = stood[-1].setting
    if latest is None or latest.protection.revision != answer.revision:
        return stood
    kept = stood[:-1]
    return kept if kept and kept[-1].price == price else [*kept, StopOrigin(price, setting=latest)]


def _of_order(stop: StopOrigin) -> dict[str, str]:
    assert stop.order is not None
    assert stop.deal is not None
    return {"set by": f"order {stop.order.order_id}, from its deal {stop.deal.deal} on"}


def _of_setting(event: ProtectionSet, events: Sequence[Event], deal: VenueDeal, book: Book) -> dict[str, str]:
    facts = {"set by": event.why, "ordinal": str(event.ordinal), "revision": str(event.protection.revision)}
    if event.key:
        facts["command"] = event.key
    facts["bid"], facts["ask"] = (format_price(price, deal.symbol, book) for price in (event.bid, event.ask))
    facts["answer"] = _answer(event, _until(deal, events, book))
    return facts


def _answer(event: ProtectionSet, events: Sequence[Event]) -> str:
    guard = event.protection
    if not guard.is_in_flight:
        return "none was needed: the venue has it so"
    for told in events:
        if isinstance(told, ProtectionAnswered) and told.revision >= guard.revision:
            return f"refused: {told.error}" if told.error else f"taken, retcode {told.retcode}"
    return "none before the deal: it may not have come to the venue in time"


def _slippage(deal: VenueDeal, price: Decimal, book: Book) -> str:
    """How much worse than the stop the deal is, as other slippage: positive when it costs."""
    assert deal.kind in (DealKind.BUY, DealKind.SELL)
    worse = (deal.price - price) * Side(deal.kind.value).sign
    terms = book.instruments.get(deal.symbol)
    return decimal_text(worse) if terms is None else f"{decimal_text(worse / terms.point)} points"


def _line(event: ProtectionSet | ProtectionAnswered, symbol: str, book: Book) -> WhyLine:
    guard = event.protection if isinstance(event, ProtectionSet) else event
    prices = [
        f"{name} {format_price(price, symbol, book)}"
        for name, price in (("stop loss", guard.stop_loss), ("take profit", guard.take_profit))
        if price is not None
    ]
    if isinstance(event, ProtectionSet):
        words = f"set, revision {guard.revision}: {', '.join(prices) or 'no stops'}, because {event.why}"
    elif event.error:
        words = f"revision {event.revision} was refused: {event.error}; the venue has {', '.join(prices) or 'no stops'}"
    else:
        words = f"revision {event.revision} was taken, retcode {event.retcode}"
    return WhyLine(time_ns=event.time_ns, words=words[:LINE_CHARS_MAX])
