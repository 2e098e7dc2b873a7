"""The words that a chain of causes is told in: volumes, prices, events and deals, cut to what fits into a reply."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec import to_builtins

from proto.control.views import WhyLine
from proto.gateway import VenueDeal
from proto.time import utc_text
from proto.trading.units import decimal_text
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import Event, OrderCreated, OrderUpdated
from services.portfolio.core.account.orders import Order
from services.portfolio.core.queries.views import deal_slippage

LINES_MAX: Final = 30
"""Lines of one link: the first and the last of them, so that the reply fits into a frame."""

TEXT_CHARS_MAX: Final = 500
LINE_CHARS_MAX: Final = 300


def format_event(event: Event) -> WhyLine:
    """What an event has done to an order, one of another kind by its fields."""
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
    return WhyLine(time_ns=time_ns, words=words[:LINE_CHARS_MAX])


def format_deal(deal: VenueDeal, order: Order | None, book: Book) -> str:
    """A deal with its price, its slippage against the quote of its order, and its money."""
    words = f"deal {deal.deal}: {deal.kind.value} {decimal_text(deal.volume)} at {format_price(deal.price, deal.symbol, book)}"
    words += f" ({deal.entry.value}, ticket {deal.ticket})"
    worse = deal_slippage(deal, order)
    terms = book.instruments.get(deal.symbol)
    if worse is not None and terms is not None:
        words += f", slippage {decimal_text(worse / terms.point)} points"
    parts = (("profit", deal.profit), ("commission", deal.commission), ("swap", deal.swap))
    return words + "".join(f", {name} {decimal_text(amount)}" for name, amount in parts if amount)


def format_lots(volume: Decimal) -> str:
    """Signed lots as a position."""
    return "FLAT" if not volume else f"{'LONG' if volume > 0 else 'SHORT'} {decimal_text(abs(volume))} lots"


def format_price(price: Decimal, symbol: str, book: Book) -> str:
    """With the symbol's digits, or more where it has more."""
    terms = book.instruments.get(symbol)
    text = decimal_text(price.quantize(Decimal(1).scaleb(-8)))
    if terms is None:
        return text
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(terms.digits, '0')}" if terms.digits else text


def truncate_lines(lines: list[WhyLine]) -> list[WhyLine]:
    """The first and the last of many lines."""
    if len(lines) <= LINES_MAX:
        return lines
    left_out = WhyLine(time_ns=0, words=f"{len(lines) - LINES_MAX} more that are not shown")
    return [*lines[: LINES_MAX // 2], left_out, *lines[-LINES_MAX // 2 :]]


def truncate_facts(facts: dict[str, str]) -> dict[str, str]:
    """Facts none of which is longer than a reply lets it be."""
    return {name: value[:TEXT_CHARS_MAX] for name, value in facts.items()}
