"""Explains an order, a deal, a denial, the state of a risk rule, or why a symbol has no orders.

`find_subject` finds the subject. The caller reads the ledger's events about the subject, and `explain` combines the
events with the state of the account. The steps of an order are tick, signal (or other cause), decision, order, gateway,
deals and position.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from msgspec import structs

from proto.control import denial_message
from proto.control.views import WhyLine, WhyReply, WhyStep
from proto.gateway import DealKind, VenueDeal
from proto.trading.enums import Side
from proto.trading.units import ZERO, decimal_text, to_decimal
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import (
    DealBooked,
    Event,
    OrderDenied,
    OrderUpdated,
    ProtectionAnswered,
    ProtectionSet,
    RiskReset,
)
from services.portfolio.core.account.orders import Cause, Order
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.decision.position_rule import SIGNAL_NAMES
from services.portfolio.core.queries.denial_hints import denial_hint
from services.portfolio.core.queries.explain_format import (
    LINE_CHARS_MAX,
    LINES_MAX,
    TEXT_CHARS_MAX,
    command_facts,
    format_deal,
    format_event,
    format_lots,
    format_price,
    truncate_facts,
    truncate_lines,
)
from services.portfolio.core.queries.explain_rules import explain_rule, is_rule, reset_step
from services.portfolio.core.queries.explain_stops import STOP_REASONS, deal_protection_key, opener_of, stop_step
from services.portfolio.core.state.persisted import PersistedState

_CAUSE_TEXTS: Final = {
    Cause.SIGNAL: "a signal",
    Cause.MANUAL: "a person's command",
    Cause.TIME_EXIT: "the position's time exit",
    Cause.FLATTEN: "FLATTEN",
}
_SIGNS: Final = {DealKind.BUY: 1, DealKind.SELL: -1}


class UnknownSubjectError(ValueError):
    """The text names no order, deal, denial, rule or symbol."""


class Subject(NamedTuple):
    """The subject of an explanation: `kind` is order, deal, denial, rule or symbol.

    The last three fields are set for a deal without an order of the desk: `opener` is the desk's first order in the
    deal's position, `opened_by` the number of that order's deal, and `key` the key of the position's protection.
    """

    kind: str
    name: str
    symbol: str = ""
    order: Order | None = None
    deal: VenueDeal | None = None
    denial_id: str = ""
    opener: Order | None = None
    opened_by: int = 0
    key: str = ""


def find_subject(text: str, book: Book, cursor: TickCursor) -> Subject:
    """Return the subject that a text names.

    Args:
        text: id of an order or denial, symbol, `deal N`, `ticket N`, `N` (a deal, else a ticket), code of a rule, or
            key of a denied command; any other text counts as the id of a denial.
        book: the account.
        cursor: a symbol with a mark in the cursor is known even without terms in the book.

    Raises:
        UnknownSubjectError: the account has no such deal or ticket.
    """
    name = " ".join(text.split())
    if (order := book.orders.get(name)) is not None:
        return Subject("order", name, order.symbol, order=order)
    for symbol in (name, name.upper()):
        if symbol in book.instruments or symbol in cursor.marks:
            return Subject("symbol", symbol, symbol)
    kind, _, number = name.rpartition(" ")
    if number.isascii() and number.isdecimal() and len(number) < 17 and kind.lower() in ("", "deal", "ticket"):
        return _numbered(kind.lower(), int(number), book)
    if is_rule(rule := name.upper()):
        return Subject("rule", rule)
    known = book.denials_by_key.get(name)
    return Subject("denial", name, denial_id=name if known is None else known.denial_id)


def _numbered(kind: str, number: int, book: Book) -> Subject:
    at = bisect_left(book.deals, number, key=_deal_number)
    if kind != "ticket" and at < len(book.deals) and book.deals[at].deal == number:
        return _deal_subject(book.deals[at], book)
    if kind != "deal":
        for order in book.orders.values():
            if order.ticket == number:
                return Subject("order", order.order_id, order.symbol, order=order)
        for deal in book.deals:
            if number in (deal.ticket, deal.position):
                return _deal_subject(deal, book)
    last = f", deals are numbered up to {book.deals[-1].deal}" if book.deals else ""
    raise UnknownSubjectError(f"this account has no {kind or 'deal or ticket'} {number}{last}")


def _deal_subject(deal: VenueDeal, book: Book) -> Subject:
    found = Subject("deal", str(deal.deal), deal.symbol, order=book.orders.get(deal.order_id), deal=deal)
    if found.order is not None or not deal.kind.is_trade:
        return found
    opening, opener = opener_of(deal, book)
    opened_by = 0 if opening is None else opening.deal
    return found._replace(opener=opener, opened_by=opened_by, key=deal_protection_key(deal, book))


def is_history_complete(order: Order, events: Sequence[Event]) -> bool:
    """Whether `events` include the end of an order and all its fills; False for an open order."""
    if order.status.is_open:
        return False
    booked = [event.deal for event in events if isinstance(event, DealBooked)]
    ended = any(isinstance(event, OrderUpdated) and event.status is order.status for event in events)
    filled = sum((deal.volume for deal in booked), ZERO)
    return filled >= order.filled_volume and (ended or filled >= order.volume)


def explain(subject: Subject, events: Sequence[Event], book: Book, kept: PersistedState) -> WhyReply:
    """Explain a subject from the ledger's `events` about it, in order, and from the state `kept` in the ledger.

    Raises:
        UnknownSubjectError: the ledger has no denial with this id.
    """
    if subject.kind == "rule":
        return explain_rule(subject.name, events, kept.cursor, kept.risk)
    if subject.kind == "symbol":
        found = _explain_symbol(
            subject.symbol, [event for event in events if isinstance(event, OrderDenied)], book, kept.cursor
        )
        resets = [event for event in events if isinstance(event, RiskReset)]
        return structs.replace(found, steps=[*found.steps, reset_step(resets)]) if resets else found
    if subject.kind == "denial":
        for event in events:
            if isinstance(event, OrderDenied):
                return _explain_denial(event, book)
        expected = "the id of an order or a denial, `deal N`, `ticket N`, the code of a rule, or a symbol of the desk"
        raise UnknownSubjectError(f"{subject.name!r} is unknown, expected {expected}")
    if subject.order is None:
        return _explain_deal_without_order(subject, events, book)
    order = subject.order
    steps = _steps_before_deals(order, events, book)
    deals = _deals_of(order, book)
    if deals:
        booked = [event for event in events if isinstance(event, DealBooked)]
        steps.append(_deals_step(order, deals, booked, book))
        steps.append(_position_step(order.symbol, deals, book))
    return WhyReply(kind=subject.kind, subject=subject.name, summary=_summary(order, subject.deal, book), steps=steps)


def _steps_before_deals(order: Order, events: Sequence[Event], book: Book) -> list[WhyStep]:
    """The steps of an order from its cause to the gateway's answer; deals and protections have their own steps."""
    updates = [event for event in events if not isinstance(event, DealBooked | ProtectionSet | ProtectionAnswered)]
    return [*_cause_steps(order, book), _decision_step(order, book), _order_step(order, updates), _gateway_step(order)]


def _summary(order: Order, deal: VenueDeal | None, book: Book) -> str:
    decision = order.decision
    order_text = f"{order.side.value} {decimal_text(order.volume)} {order.symbol}"
    outcome = order.status.value
    if order.filled_volume and order.filled_price is not None:
        outcome += (
            f", {decimal_text(order.filled_volume)} lots at {format_price(order.filled_price, order.symbol, book)}"
        )
    if order.error and not order.filled_volume:
        outcome += f": {order.code or order.venue_retcode or ''} {order.error}"
    by = _CAUSE_TEXTS[decision.cause]
    if decision.cause is Cause.SIGNAL:
        who = decision.publisher or "the strategy"
        by = f"{who} signaled {SIGNAL_NAMES[decision.direction]} with confidence {decision.confidence:.4g}"
    head = f"deal {deal.deal} belongs to order {order.order_id}: " if deal is not None else ""
    return f"{head}{order_text} is {outcome}; cause of the order: {by}"[:TEXT_CHARS_MAX]


def _cause_steps(order: Order, book: Book) -> list[WhyStep]:
    decision = order.decision
    found = [
        _tick_step(
            order.symbol, decision.sequence, decision.ordinal, decision.time_ns, decision.bid, decision.ask, book
        )
    ]
    if decision.cause is Cause.SIGNAL:
        found.append(_signal_step(decision.publisher, decision.direction, decision.confidence, decision.time_ns))
    else:
        facts = {"made by": decision.cause.value} | command_facts(order.key, order.person)
        found.append(WhyStep(name="cause", time_ns=decision.time_ns, facts=facts, lines=[]))
    return found


def _tick_step(
    symbol: str, sequence: int, ordinal: int, time_ns: int, bid: Decimal, ask: Decimal, book: Book
) -> WhyStep:
    facts = {"symbol": symbol, "sequence": str(sequence), "ordinal": str(ordinal)}
    facts["bid"], facts["ask"] = format_price(bid, symbol, book), format_price(ask, symbol, book)
    terms = book.instruments.get(symbol)
    if terms is not None:
        facts["spread"] = f"{decimal_text((ask - bid) / terms.point)} points"
    return WhyStep(name="tick", time_ns=time_ns, facts=facts, lines=[])


def _signal_step(publisher: str, direction: int, confidence: float, time_ns: int) -> WhyStep:
    facts = {"publisher": publisher or "not recorded", "direction": f"{SIGNAL_NAMES[direction]} ({direction:+d})"}
    facts["confidence"] = f"{confidence:.6g}"
    return WhyStep(name="signal", time_ns=time_ns, facts=facts, lines=[])


def _decision_step(order: Order, book: Book) -> WhyStep:
    decision = order.decision
    facts = {
        "strategy": order.tag,
        "position before": format_lots(decision.position_before),
        "judgement": decision.reason or "not needed",
        "sizing": _sizing(order, book),
        "volume": f"{decimal_text(order.volume)} lots",
        "price": f"{format_price(order.price, order.symbol, book)}, the {'ask' if order.side is Side.BUY else 'bid'}",
    }
    if decision.past_rules:
        facts["let past"] = "; ".join(passed.text for passed in decision.past_rules)
    return WhyStep(name="decision", time_ns=decision.time_ns, facts=truncate_facts(facts), lines=[])


def _sizing(order: Order, book: Book) -> str:
    """Describe how the order's volume was determined."""
    decision, closes = order.decision, ZERO
    if not book.is_hedging and decision.position_before * order.side.sign < 0:
        closes = min(abs(decision.position_before), order.volume)
    if decision.sizing:
        return f"{decision.sizing}; {decimal_text(closes)} lots more close the position" if closes else decision.sizing
    if decision.cause is Cause.MANUAL:
        return "as ordered"
    is_close = order.position or closes or decision.cause in (Cause.TIME_EXIT, Cause.FLATTEN)
    return "the position's volume" if is_close else "the desk's volume"


def _order_step(order: Order, events: Sequence[Event]) -> WhyStep:
    terms = order.terms
    facts = {"order": order.order_id, "number": str(order.number), "type": order.type.value}
    if order.time_in_force is not None:
        facts["time in force"] = order.time_in_force.value
    for name, price in (
        ("price", terms.limit_price),
        ("stop loss", terms.stop_loss),
        ("take profit", terms.take_profit),
    ):
        if price is not None:
            facts[name] = decimal_text(price)
    if order.trailing_stop_points:
        facts["trailing stop"] = f"{order.trailing_stop_points} points"
    if order.position:
        facts["closes position"] = str(order.position)
    if order.cancel_asked:
        facts["to be canceled"] = order.cancel_asked
    facts["status"] = order.status.value
    lines = [format_event(event) for event in events]
    if not lines:
        lines = [WhyLine(time_ns=order.created_ns, words="created; its events are too old to be shown")]
    return WhyStep(name="order", time_ns=order.created_ns, facts=truncate_facts(facts), lines=truncate_lines(lines))


def _gateway_step(order: Order) -> WhyStep:
    facts = {"ticket": "none yet" if order.ticket is None else str(order.ticket)}
    if order.venue_retcode is not None:
        facts["retcode"] = str(order.venue_retcode)
    if order.code:
        facts["code"] = order.code
    if order.error:
        facts["error"] = order.error
    if order.valid_until_ns:
        ms = (order.valid_until_ns - order.created_ns) / 1e6
        facts["valid"] = f"for {ms:.0f} ms after creation"
    return WhyStep(name="gateway", time_ns=0, facts=truncate_facts(facts), lines=[])


def _deals_of(order: Order, book: Book) -> list[VenueDeal]:
    """The deals of an order, oldest first.

    The search begins with the newest deal, because most queries concern recent orders.
    """
    found: list[VenueDeal] = []
    left = order.filled_volume
    for deal in reversed(book.deals):
        if left <= 0:
            break
        if deal.order_id == order.order_id and deal.kind.is_trade:
            found.append(deal)
            left -= deal.volume
    return found[::-1]


def _deals_step(order: Order, deals: Sequence[VenueDeal], booked: Sequence[DealBooked], book: Book) -> WhyStep:
    closed = {event.deal.deal: event.closings for event in booked}
    lines = []
    for deal in deals:
        parts = [format_deal(deal, order, book)]
        for closing in closed.get(deal.deal, ()):
            opened = format_price(closing.open_price, deal.symbol, book)
            parts.append(f"closes {decimal_text(closing.volume)} of deal {closing.opened_by} at {opened}")
        lines.append(WhyLine(time_ns=deal.time_ns, words="; ".join(parts)[:LINE_CHARS_MAX]))
    facts = {"filled": f"{decimal_text(order.filled_volume)} of {decimal_text(order.volume)} lots"}
    if order.filled_price is not None:
        facts["average price"] = format_price(order.filled_price, order.symbol, book)
    sums = {name: sum((getattr(deal, name) for deal in deals), ZERO) for name in ("profit", "commission", "swap")}
    currency = book.stream.currency if book.stream else ""
    facts |= {name: f"{decimal_text(amount)} {currency}" for name, amount in sums.items()}
    facts["net"] = f"{decimal_text(sum(sums.values(), ZERO))} {currency}"
    return WhyStep(name="deals", time_ns=deals[0].time_ns, facts=facts, lines=truncate_lines(lines))


def _position_step(symbol: str, deals: Sequence[VenueDeal], book: Book) -> WhyStep:
    first, last = deals[0].deal, deals[-1].deal
    held = book.positions.get(symbol)
    before = after = held.net_volume if held is not None else ZERO
    for deal in book.deals_after(first - 1):
        if deal.symbol == symbol and deal.kind in _SIGNS:
            signed = deal.volume * _SIGNS[deal.kind]
            before -= signed
            after -= signed if deal.deal > last else ZERO
    facts = {
        "before": format_lots(before),
        "after": format_lots(after),
        "by now": format_lots(held.net_volume if held else ZERO),
    }
    if held is not None and held.avg_entry_price is not None:
        facts["average entry"] = format_price(held.avg_entry_price, symbol, book)
    return WhyStep(name="position", time_ns=deals[-1].time_ns, facts=facts, lines=[])


def _explain_deal_without_order(subject: Subject, events: Sequence[Event], book: Book) -> WhyReply:
    """Explain a deal without an order of the desk: a stop, a stop-out, a foreign order or a movement of cash."""
    deal, opener = subject.deal, subject.opener
    assert deal is not None
    facts = {"kind": deal.kind.value, "reason": deal.reason.value, "comment": deal.comment or "none"}
    if not deal.kind.is_trade:
        currency = book.stream.currency if book.stream else ""
        facts["amount"] = f"{decimal_text(deal.cash)} {currency}"
        step = WhyStep(name="deals", time_ns=deal.time_ns, facts=truncate_facts(facts), lines=[])
        summary = f"deal {deal.deal} moved {facts['amount']} of cash: {deal.kind.value}"
        return WhyReply(kind="deal", subject=str(deal.deal), summary=summary, steps=[step])
    if opener is not None:
        facts["position opened by"] = f"order {opener.order_id} (deal {subject.opened_by})"
    if deal.ticket in book.acknowledged:
        facts["order"] = f"{deal.ticket}, foreign; accepted by a person or the limit foreign_orders"
    lines = [WhyLine(time_ns=deal.time_ns, words=format_deal(deal, None, book))]
    for event in events:
        if isinstance(event, DealBooked) and event.deal.deal == deal.deal:
            for one in event.closings:
                opened = format_price(one.open_price, deal.symbol, book)
                words = f"closes {decimal_text(one.volume)} of deal {one.opened_by} at {opened}"
                lines.append(WhyLine(time_ns=deal.time_ns, words=words))
    summary = f"deal {deal.deal} was not ordered by the desk: its reason at the venue is {deal.reason.value}"
    steps = [] if opener is None else _steps_before_deals(opener, events, book)
    if deal.reason in STOP_REASONS:
        stop = stop_step(deal, events, book)
        steps.append(stop)
        if "price" in stop.facts:
            summary += f"; its stop at {stop.facts['price']} was set by {stop.facts['set by']}"
    if opener is not None:
        summary += f"; the position was opened by order {opener.order_id}: {_summary(opener, None, book)}"
    steps += [
        WhyStep(name="deals", time_ns=deal.time_ns, facts=truncate_facts(facts), lines=truncate_lines(lines)),
        _position_step(deal.symbol, [deal], book),
    ]
    return WhyReply(kind="deal", subject=str(deal.deal), summary=summary[:TEXT_CHARS_MAX], steps=steps)


def _explain_denial(event: OrderDenied, book: Book) -> WhyReply:
    steps = [_tick_step(event.symbol, event.sequence, event.ordinal, event.time_ns, event.bid, event.ask, book)]
    facts = {}
    if event.cause == Cause.MANUAL:
        by = event.person or "a person"
        what = f"{by}'s {'change' if not event.direction else SIGNAL_NAMES[event.direction]} of {event.symbol}"
        made_by = {"made by": event.cause} | command_facts(event.key, event.person)
        steps.append(WhyStep(name="cause", time_ns=event.time_ns, facts=made_by, lines=[]))
        facts["reason"] = event.reason
    else:
        what = f"{SIGNAL_NAMES[event.direction]} of {event.symbol}"
        steps.append(_signal_step(event.publisher, event.direction, event.confidence, event.time_ns))
    facts |= {"denied by": event.code, "limit": event.limit, "observed": event.observed}
    facts |= {
        "position before": format_lots(event.position_before),
        "what would have to change": denial_hint(event.code),
    }
    steps.append(WhyStep(name="decision", time_ns=event.time_ns, facts=truncate_facts(facts), lines=[]))
    summary = f"{what} was DENIED by {event.code}: {denial_message(limit=event.limit, observed=event.observed)}"
    if event.reason:
        summary += f"; reason of the command: {event.reason}"
    return WhyReply(kind="denial", subject=event.denial_id or event.code, summary=summary[:TEXT_CHARS_MAX], steps=steps)


def _explain_symbol(symbol: str, denials: Sequence[OrderDenied], book: Book, cursor: TickCursor) -> WhyReply:
    """Explain a symbol's latest blocked or denied signal, and describe the symbol's current state."""
    blocked, denied = cursor.blocked_signals.get(symbol), denials[-1] if denials else None
    held = book.positions.get(symbol)
    present = {"position": format_lots(held.net_volume if held else ZERO), "trading": book.trading_state.value}
    waiting = book.open_orders_of(symbol)
    if waiting:
        present["open orders"] = ", ".join(order.order_id for order in waiting[:LINES_MAX])
    now = WhyStep(name="by now", time_ns=cursor.time_ns, facts=truncate_facts(present), lines=[])
    if denied is not None and (blocked is None or denied.time_ns >= blocked.time_ns):
        reply = _explain_denial(denied, book)
        counted = cursor.denied.get(denied.code, 0)
        summary = f"{reply.summary}; denied by {denied.code} in this stream: {counted}"
        return WhyReply(kind="symbol", subject=symbol, summary=summary[:TEXT_CHARS_MAX], steps=[*reply.steps, now])
    if blocked is None:
        summary = f"no signal of {symbol} has been blocked or denied"
        return WhyReply(kind="symbol", subject=symbol, summary=summary, steps=[now])
    facts = {"blocked by": blocked.verdict, "judgement": cursor.last_blocked.get(symbol, "")}
    facts["what would have to change"] = denial_hint(blocked.verdict)
    bid, ask = to_decimal(blocked.bid), to_decimal(blocked.ask)
    steps = [
        _tick_step(symbol, blocked.sequence, blocked.ordinal, blocked.time_ns, bid, ask, book),
        _signal_step(blocked.publisher, blocked.direction, blocked.confidence, blocked.time_ns),
        WhyStep(name="decision", time_ns=blocked.time_ns, facts=truncate_facts(facts), lines=[]),
        now,
    ]
    summary = f"the latest {SIGNAL_NAMES[blocked.direction]} of {symbol} was BLOCKED: {blocked.verdict}"
    return WhyReply(kind="symbol", subject=symbol, summary=summary, steps=steps)


def _deal_number(deal: VenueDeal) -> int:
    return deal.deal
