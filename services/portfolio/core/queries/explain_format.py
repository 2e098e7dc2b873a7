"""Formats volumes, prices, events and deals for an explanation, within the size limits of a reply."""

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
"""Maximum number of lines of one step, so that the reply fits into a frame."""

TEXT_CHARS_MAX: Final = 500
LINE_CHARS_MAX: Final = 300


def format_event(event: Event) -> WhyLine:
    """Return a line that describes an event of an order; for most kinds of event it lists the event's fields."""
    match event:
        case OrderCreated(order=made):
            text, time_ns = f"created, its volume reserved: {made.status.value}", made.created_ns
        case OrderUpdated():
            text, time_ns = f"update: {event.status.value}", event.time_ns
            if event.retcode is not None:
                text += f", retcode {event.retcode}"
            if event.code or event.error:
                text += f", {' '.join(filter(None, (event.code, event.error)))}"
        case _:
            fields = to_builtins(event, str_keys=True)
            time_ns = int(fields.pop("time_ns", 0))
            kind = str(fields.pop("type")).replace("_", " ")
            for name in [name for name, value in fields.items() if isinstance(value, dict)]:
                fields |= fields.pop(name)
            rest = (
                f"{name.removesuffix('_ns')} {utc_text(value) if name.endswith('_ns') else value}"
                for name, value in fields.items()
                if name != "order_id" and value not in (None, "", 0)
            )
            text = f"{kind}: {', '.join(rest)}"
    return WhyLine(time_ns=time_ns, words=text[:LINE_CHARS_MAX])


def format_deal(deal: VenueDeal, order: Order | None, book: Book) -> str:
    """Describe a deal: price, slippage, profit, commission and swap.

    The slippage is in points against the quote of the decision, positive when worse; it is left out without an order.
    """
    price = format_price(deal.price, deal.symbol, book)
    text = f"deal {deal.deal}: {deal.kind.value} {decimal_text(deal.volume)} at {price}"
    text += f" ({deal.entry.value}, ticket {deal.ticket})"
    worse = deal_slippage(deal, order)
    terms = book.instruments.get(deal.symbol)
    if worse is not None and terms is not None:
        text += f", slippage {decimal_text(worse / terms.point)} points"
    parts = (("profit", deal.profit), ("commission", deal.commission), ("swap", deal.swap))
    return text + "".join(f", {name} {decimal_text(amount)}" for name, amount in parts if amount)


def command_facts(key: str, person: str) -> dict[str, str]:
    """The key of a person's command and the login name sent with it, without those that are empty."""
    return {name: value for name, value in (("command", key), ("person", person)) if value}


def format_lots(volume: Decimal) -> str:
    """Format a position: FLAT for 0, LONG for positive and SHORT for negative `volume`, with the absolute lots."""
    return "FLAT" if not volume else f"{'LONG' if volume > 0 else 'SHORT'} {decimal_text(abs(volume))} lots"


def format_price(price: Decimal, symbol: str, book: Book) -> str:
    """Format a price with at least the symbol's digits."""
    terms = book.instruments.get(symbol)
    text = decimal_text(price.quantize(Decimal(1).scaleb(-8)))
    if terms is None:
        return text
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(terms.digits, '0')}" if terms.digits else text


def truncate_lines(lines: list[WhyLine]) -> list[WhyLine]:
    """Return all lines if they are at most LINES_MAX, otherwise the first and the last LINES_MAX / 2 lines.

    A line between the two parts has the number of lines left out.
    """
    if len(lines) <= LINES_MAX:
        return lines
    left_out = WhyLine(time_ns=0, words=f"{len(lines) - LINES_MAX} more not shown")
    return [*lines[: LINES_MAX // 2], left_out, *lines[-LINES_MAX // 2 :]]


def truncate_facts(facts: dict[str, str]) -> dict[str, str]:
    """Cut each value to TEXT_CHARS_MAX characters."""
    return {name: value[:TEXT_CHARS_MAX] for name, value in facts.items()}
