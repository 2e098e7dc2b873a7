"""Why something happened, or did not: the chain from a tick to a position, walked from any of its ends.

`subject_of` finds what is meant, the caller fetches the ledger's events about it, and `explain` puts them together with what is known
of the account. The links are tick, signal (or command), decision, order, gateway, deals and position.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from msgspec import to_builtins

from proto.gateway import DealKind, VenueDeal
from proto.time import utc_text
from proto.units import Side, exact, plain
from proto.views import WhyLine, WhyReply, WhyStep
from services.portfolio.core.asking import slippage
from services.portfolio.core.book import Book
from services.portfolio.core.cursor import TickCursor
from services.portfolio.core.events import DealBooked, Event, OrderCreated, OrderDenied, OrderUpdated
from services.portfolio.core.orders import Cause, Order
from services.portfolio.core.position import ZERO
from services.portfolio.core.remedies import remedy
from services.portfolio.core.single_position import SIGNAL_NAMES

LINES_MAX: Final = 30
"""Lines of one link: the first and the last of them, so that the reply fits into a frame."""

_WORDS_MAX: Final = 500
_BECAUSE: Final = {
    Cause.SIGNAL: "of a signal",
    Cause.MANUAL: "a person ordered it",
    Cause.TIME_EXIT: "the time of the position was over",
    Cause.FLATTEN: "everything was to be closed",
}
_SIGNS: Final = {DealKind.BUY: 1, DealKind.SELL: -1}
_LINE_MAX: Final = 300


class UnknownSubjectError(ValueError):
    """Nothing is known under this name."""


class Subject(NamedTuple):
    """What is to be explained: `kind` order, deal, denial or symbol, and what is known of it already."""

    kind: str
    name: str
    symbol: str = ""
    order: Order | None = None
    deal: VenueDeal | None = None
    denial_id: str = ""


def subject_of(text: str, book: Book, cursor: TickCursor) -> Subject:
    """What somebody means: the id of an order, a symbol, `deal N`, `ticket N`, a number that is either, or the id of a denial.

    Raises:
        UnknownSubjectError: there is no such deal or ticket.
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
    return Subject("denial", name, denial_id=name)


def _numbered(kind: str, number: int, book: Book) -> Subject:
    at = bisect_left(book.deals, number, key=_deal_number)
    if kind != "ticket" and at < len(book.deals) and book.deals[at].deal == number:
        deal = book.deals[at]
        return Subject("deal", str(number), deal.symbol, order=book.orders.get(deal.order_id), deal=deal)
    if kind != "deal":
        for order in book.orders.values():
            if order.ticket == number:
                return Subject("order", order.order_id, order.symbol, order=order)
        for deal in book.deals:
            if number in (deal.ticket, deal.position):
                return Subject("deal", str(deal.deal), deal.symbol, order=book.orders.get(deal.order_id), deal=deal)
    last = f", deals are numbered up to {book.deals[-1].deal}" if book.deals else ""
    raise UnknownSubjectError(f"there is no {kind or 'deal or ticket'} {number} on this account{last}")


def is_told(order: Order, events: Sequence[Event]) -> bool:
    """Whether the events have everything that became of an order that has ended."""
    if order.status.is_open:
        return False
    booked = [event.deal for event in events if isinstance(event, DealBooked)]
    ended = any(isinstance(event, OrderUpdated) and event.status is order.status for event in events)
    filled = sum((deal.volume for deal in booked), ZERO)
    return filled >= order.filled_volume and (ended or filled >= order.volume)


def explain(subject: Subject, events: Sequence[Event], book: Book, cursor: TickCursor) -> WhyReply:
    """The chain behind a subject; `events` are the ledger's about it.

    Raises:
        UnknownSubjectError: it is none of the kinds that can be explained.
    """
    if subject.kind == "symbol":
        return _of_symbol(subject.symbol, [event for event in events if isinstance(event, OrderDenied)], book, cursor)
    if subject.kind == "denial":
        for event in events:
            if isinstance(event, OrderDenied):
                return _of_denial(event, book)
        expected = "the id of an order or a denial, `deal N`, `ticket N`, or a symbol of the desk"
        raise UnknownSubjectError(f"nothing is known of {subject.name!r}, expected {expected}")
    booked = [event for event in events if isinstance(event, DealBooked)]
    if subject.order is None:
        assert subject.deal is not None
        return _of_strange_deal(subject.deal, booked, book)
    order = subject.order
    steps = [
        *_beginning(order, book),
        _decision(order, book),
        _order(order, [event for event in events if not isinstance(event, DealBooked)]),
        _gateway(order),
    ]
    deals = _deals_of(order, book)
    if deals:
        steps.append(_deals(order, deals, booked, book))
        steps.append(_position(order.symbol, deals, book))
    return WhyReply(kind=subject.kind, subject=subject.name, summary=_summary(order, subject.deal, book), steps=steps)


def _summary(order: Order, deal: VenueDeal | None, book: Book) -> str:
    decision = order.decision
    asked = f"{order.side.value} {plain(order.volume)} {order.symbol}"
    came = order.status.value
    if order.filled_volume and order.filled_price is not None:
        came += f", {plain(order.filled_volume)} lots at {_price(order.filled_price, order.symbol, book)}"
    if order.error and not order.filled_volume:
        came += f": {order.code or order.retcode or ''} {order.error}"
    by = _BECAUSE[decision.cause]
    if decision.cause is Cause.SIGNAL:
        who = decision.publisher or "the strategy"
        by = f"{who} said {SIGNAL_NAMES[decision.direction]} with confidence {decision.confidence:.4g}"
    head = f"deal {deal.deal} is of order {order.order_id}: " if deal is not None else ""
    return f"{head}{asked} is {came}, because {by}"[:_WORDS_MAX]


def _beginning(order: Order, book: Book) -> list[WhyStep]:
    decision = order.decision
    found = [
        _tick(order.symbol, decision.sequence, decision.ordinal, decision.time_ns, decision.bid, decision.ask, book)
    ]
    if decision.cause is Cause.SIGNAL:
        found.append(_signal(decision.publisher, decision.direction, decision.confidence, decision.time_ns))
    else:
        facts = {"made by": decision.cause.value}
        if order.key:
            facts["command"] = order.key
        found.append(WhyStep(name="cause", time_ns=decision.time_ns, facts=facts, lines=[]))
    return found


def _tick(symbol: str, sequence: int, ordinal: int, time_ns: int, bid: Decimal, ask: Decimal, book: Book) -> WhyStep:
    facts = {"symbol": symbol, "sequence": str(sequence), "ordinal": str(ordinal)}
    facts["bid"], facts["ask"] = _price(bid, symbol, book), _price(ask, symbol, book)
    terms = book.instruments.get(symbol)
    if terms is not None:
        facts["spread"] = f"{plain((ask - bid) / terms.point)} points"
    return WhyStep(name="tick", time_ns=time_ns, facts=facts, lines=[])


def _signal(publisher: str, direction: int, confidence: float, time_ns: int) -> WhyStep:
    facts = {"publisher": publisher or "not recorded", "direction": f"{SIGNAL_NAMES[direction]} ({direction:+d})"}
    facts["confidence"] = f"{confidence:.6g}"
    return WhyStep(name="signal", time_ns=time_ns, facts=facts, lines=[])


def _decision(order: Order, book: Book) -> WhyStep:
    decision = order.decision
    facts = {
        "strategy": order.tag,
        "position before": _lots(decision.position_before),
        "judgement": decision.reason or "none was needed",
        "sizing": decision.sizing or ("the desk's volume" if decision.cause is Cause.SIGNAL else "as told"),
        "volume": f"{plain(order.volume)} lots",
        "price": f"{_price(order.price, order.symbol, book)}, the {'ask' if order.side is Side.BUY else 'bid'}",
    }
    return WhyStep(name="decision", time_ns=decision.time_ns, facts=_cut(facts), lines=[])


def _order(order: Order, events: Sequence[Event]) -> WhyStep:
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
            facts[name] = plain(price)
    if order.trailing_stop_points:
        facts["trailing stop"] = f"{order.trailing_stop_points} points"
    if order.position:
        facts["closes position"] = str(order.position)
    if order.cancel_asked:
        facts["to be canceled"] = order.cancel_asked
    facts["status"] = order.status.value
    lines = [_line(event) for event in events]
    if not lines:
        lines = [
            WhyLine(time_ns=order.created_ns, words="made; the ledger's events about it are too far back to be shown")
        ]
    return WhyStep(name="order", time_ns=order.created_ns, facts=_cut(facts), lines=_some(lines))


def _line(event: Event) -> WhyLine:
    match event:
        case OrderCreated(order=made):
            words, time_ns = f"made and its volume reserved: {made.status.value}", made.created_ns
        case OrderUpdated():
            words, time_ns = f"the venue's word: {event.status.value}", event.time_ns
            if event.retcode is not None:
                words += f", retcode {event.retcode}"
            if event.code or event.error:
                words += f", {' '.join(filter(None, (event.code, event.error)))}"
        case _:
            told = to_builtins(event, str_keys=True)
            time_ns = int(told.pop("time_ns", 0))
            kind = str(told.pop("type")).replace("_", " ")
            for name in [name for name, value in told.items() if isinstance(value, dict)]:
                told |= told.pop(name)
            rest = (
                f"{name.removesuffix('_ns')} {utc_text(value) if name.endswith('_ns') else value}"
                for name, value in told.items()
                if name != "order_id" and value not in (None, "", 0)
            )
            words = f"{kind}: {', '.join(rest)}"
    return WhyLine(time_ns=time_ns, words=words[:_LINE_MAX])


def _gateway(order: Order) -> WhyStep:
    facts = {"ticket": "none yet" if order.ticket is None else str(order.ticket)}
    if order.retcode is not None:
        facts["retcode"] = str(order.retcode)
    if order.code:
        facts["code"] = order.code
    if order.error:
        facts["error"] = order.error
    if order.valid_until_ns:
        ms = (order.valid_until_ns - order.created_ns) / 1e6
        facts["valid"] = f"for {ms:.0f} ms after it was made"
    return WhyStep(name="gateway", time_ns=0, facts=_cut(facts), lines=[])


def _deals_of(order: Order, book: Book) -> list[VenueDeal]:
    """From the last to the first: an order's deals are mostly late in the book or near its end."""
    found: list[VenueDeal] = []
    left = order.filled_volume
    for deal in reversed(book.deals):
        if left <= 0:
            break
        if deal.order_id == order.order_id and deal.kind.is_trade:
            found.append(deal)
            left -= deal.volume
    return found[::-1]


def _deals(order: Order, deals: Sequence[VenueDeal], booked: Sequence[DealBooked], book: Book) -> WhyStep:
    closed = {event.deal.deal: event.closings for event in booked}
    lines = []
    for deal in deals:
        words = [_deal_words(deal, order, book)]
        for closing in closed.get(deal.deal, ()):
            opened = _price(closing.open_price, deal.symbol, book)
            words.append(f"closes {plain(closing.volume)} of deal {closing.opened_by} at {opened}")
        lines.append(WhyLine(time_ns=deal.time_ns, words="; ".join(words)[:_LINE_MAX]))
    facts = {"filled": f"{plain(order.filled_volume)} of {plain(order.volume)} lots"}
    if order.filled_price is not None:
        facts["average price"] = _price(order.filled_price, order.symbol, book)
    sums = {name: sum((getattr(deal, name) for deal in deals), ZERO) for name in ("profit", "commission", "swap")}
    currency = book.stream.currency if book.stream else ""
    facts |= {name: f"{plain(amount)} {currency}" for name, amount in sums.items()}
    facts["net"] = f"{plain(sum(sums.values(), ZERO))} {currency}"
    return WhyStep(name="deals", time_ns=deals[0].time_ns, facts=facts, lines=_some(lines))


def _deal_words(deal: VenueDeal, order: Order | None, book: Book) -> str:
    words = f"deal {deal.deal}: {deal.kind.value} {plain(deal.volume)} at {_price(deal.price, deal.symbol, book)}"
    words += f" ({deal.entry.value}, ticket {deal.ticket})"
    worse = slippage(deal, order)
    terms = book.instruments.get(deal.symbol)
    if worse is not None and terms is not None:
        words += f", slippage {plain(worse / terms.point)} points"
    parts = (("profit", deal.profit), ("commission", deal.commission), ("swap", deal.swap))
    return words + "".join(f", {name} {plain(amount)}" for name, amount in parts if amount)


def _position(symbol: str, deals: Sequence[VenueDeal], book: Book) -> WhyStep:
    first, last = deals[0].deal, deals[-1].deal
    held = book.positions.get(symbol)
    before = after = held.net_volume if held is not None else ZERO
    for deal in book.deals_after(first - 1):
        if deal.symbol == symbol and deal.kind in _SIGNS:
            signed = deal.volume * _SIGNS[deal.kind]
            before -= signed
            after -= signed if deal.deal > last else ZERO
    facts = {"before": _lots(before), "after": _lots(after), "by now": _lots(held.net_volume if held else ZERO)}
    if held is not None and held.avg_entry_price is not None:
        facts["average entry"] = _price(held.avg_entry_price, symbol, book)
    return WhyStep(name="position", time_ns=deals[-1].time_ns, facts=facts, lines=[])


def _of_strange_deal(deal: VenueDeal, booked: Sequence[DealBooked], book: Book) -> WhyReply:
    """A deal that no order of the desk made: a stop, a stop-out, somebody else's, or money."""
    facts = {"kind": deal.kind.value, "reason": deal.reason.value, "comment": deal.comment or "none"}
    if not deal.kind.is_trade:
        currency = book.stream.currency if book.stream else ""
        facts["amount"] = f"{plain(deal.cash)} {currency}"
        step = WhyStep(name="deals", time_ns=deal.time_ns, facts=_cut(facts), lines=[])
        words = f"deal {deal.deal} moved {facts['amount']} of cash: {deal.kind.value}"
        return WhyReply(kind="deal", subject=str(deal.deal), summary=words, steps=[step])
    opener = next((one for one in book.deals if deal.position and one.position == deal.position and one.order_id), None)
    if opener is not None:
        facts["position opened by"] = f"order {opener.order_id} (deal {opener.deal})"
    if deal.ticket in book.acknowledged:
        facts["order"] = f"{deal.ticket}, a stranger's that a person or the limit foreign_orders has let pass"
    closings = [closing for event in booked for closing in event.closings]
    lines = [WhyLine(time_ns=deal.time_ns, words=_deal_words(deal, None, book))]
    lines += [
        WhyLine(
            time_ns=deal.time_ns, words=f"closes {plain(one.volume)} of deal {one.opened_by} at {plain(one.open_price)}"
        )
        for one in closings
    ]
    words = f"deal {deal.deal} was not ordered by the desk: the venue gives {deal.reason.value} as its reason"
    steps = [
        WhyStep(name="deals", time_ns=deal.time_ns, facts=_cut(facts), lines=_some(lines)),
        _position(deal.symbol, [deal], book),
    ]
    return WhyReply(kind="deal", subject=str(deal.deal), summary=words, steps=steps)


def _of_denial(event: OrderDenied, book: Book) -> WhyReply:
    steps = [_tick(event.symbol, event.sequence, event.ordinal, event.time_ns, event.bid, event.ask, book)]
    facts = {}
    if event.cause == Cause.MANUAL:
        what = f"a person's {'change' if not event.direction else SIGNAL_NAMES[event.direction]} of {event.symbol}"
        made_by = {"made by": event.cause, "command": event.key}
        steps.append(WhyStep(name="cause", time_ns=event.time_ns, facts=made_by, lines=[]))
        facts["reason"] = event.reason
    else:
        what = f"{SIGNAL_NAMES[event.direction]} of {event.symbol}"
        steps.append(_signal(event.publisher, event.direction, event.confidence, event.time_ns))
    facts |= {"denied by": event.code, "limit": event.limit, "observed": event.observed}
    facts |= {"position before": _lots(event.position_before), "what would have to change": remedy(event.code)}
    steps.append(WhyStep(name="decision", time_ns=event.time_ns, facts=_cut(facts), lines=[]))
    words = f"{what} was DENIED by {event.code}: {event.observed}, limit {event.limit}"
    if event.reason:
        words += f"; the reason that was given: {event.reason}"
    return WhyReply(kind="denial", subject=event.denial_id or event.code, summary=words[:_WORDS_MAX], steps=steps)


def _of_symbol(symbol: str, denials: Sequence[OrderDenied], book: Book, cursor: TickCursor) -> WhyReply:
    """The latest signal that came to nothing, whichever of the two ways."""
    blocked, denied = cursor.blocked_signals.get(symbol), denials[-1] if denials else None
    held = book.positions.get(symbol)
    present = {"position": _lots(held.net_volume if held else ZERO), "trading": book.trading_state.value}
    waiting = book.open_orders_of(symbol)
    if waiting:
        present["open orders"] = ", ".join(order.order_id for order in waiting[:LINES_MAX])
    now = WhyStep(name="by now", time_ns=cursor.time_ns, facts=_cut(present), lines=[])
    if denied is not None and (blocked is None or denied.time_ns >= blocked.time_ns):
        told = _of_denial(denied, book)
        counted = cursor.denied.get(denied.code, 0)
        words = f"{told.summary}; denied by {denied.code} in this stream: {counted}"
        return WhyReply(kind="symbol", subject=symbol, summary=words[:_WORDS_MAX], steps=[*told.steps, now])
    if blocked is None:
        words = f"no signal of {symbol} has been blocked or denied"
        return WhyReply(kind="symbol", subject=symbol, summary=words, steps=[now])
    facts = {"blocked by": blocked.verdict, "judgement": cursor.last_blocked.get(symbol, "")}
    facts["what would have to change"] = remedy(blocked.verdict)
    bid, ask = exact(blocked.bid), exact(blocked.ask)
    steps = [
        _tick(symbol, blocked.sequence, blocked.ordinal, blocked.time_ns, bid, ask, book),
        _signal(blocked.publisher, blocked.direction, blocked.confidence, blocked.time_ns),
        WhyStep(name="decision", time_ns=blocked.time_ns, facts=_cut(facts), lines=[]),
        now,
    ]
    words = f"the latest {SIGNAL_NAMES[blocked.direction]} of {symbol} was BLOCKED: {blocked.verdict}"
    return WhyReply(kind="symbol", subject=symbol, summary=words, steps=steps)


def _lots(volume: Decimal) -> str:
    return "FLAT" if not volume else f"{'LONG' if volume > 0 else 'SHORT'} {plain(abs(volume))} lots"


def _price(price: Decimal, symbol: str, book: Book) -> str:
    """With the symbol's digits, or more where it has more."""
    terms = book.instruments.get(symbol)
    text = plain(price.quantize(Decimal(1).scaleb(-8)))
    if terms is None:
        return text
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(terms.digits, '0')}" if terms.digits else text


def _some(lines: list[WhyLine]) -> list[WhyLine]:
    if len(lines) <= LINES_MAX:
        return lines
    left_out = WhyLine(time_ns=0, words=f"{len(lines) - LINES_MAX} more that are not shown")
    return [*lines[: LINES_MAX // 2], left_out, *lines[-LINES_MAX // 2 :]]


def _cut(facts: dict[str, str]) -> dict[str, str]:
    return {name: value[:_WORDS_MAX] for name, value in facts.items()}


def _deal_number(deal: VenueDeal) -> int:
    return deal.deal
