"""Exposure in account currency, with a proposed order and everything that open orders may still execute."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal

from proto.trading.enums import Side
from proto.trading.instrument import Instrument
from proto.trading.money import account_margin, conversion_rate
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.position import ZERO
from services.portfolio.core.accounting.valuation import MarkQuotes
from services.portfolio.core.risk.formatting import format_percent
from services.portfolio.core.risk.rule import LimitUtilization, format_headroom
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def notional(instrument: Instrument, volume: Decimal, context: RiskContext) -> Decimal | None:
    """Worth of `volume` lots in account currency at the mid of the mark; None when no rate is known.

    Formula: lots x multiplier x price, converted from the profit currency.
    """
    book, marks = context.book, MarkQuotes(context.cursor.marks)
    quote = marks.quote(instrument.symbol)
    assert book.stream is not None
    if quote is None:
        return None
    rate = conversion_rate(
        1,
        source=instrument.profit_currency,
        target=book.stream.currency,
        instruments=book.instruments,
        quotes=marks,
    )
    return None if rate is None else volume * instrument.multiplier * (quote.bid + quote.ask) / 2 * rate


def projected_net_volumes(order: OrderProposal | None, context: RiskContext) -> dict[str, Decimal]:
    """Signed net lots by symbol if the order is executed; of open orders the outcome that exposes more."""
    book = context.book
    held = {symbol: position.net_volume for symbol, position in book.positions.items() if not position.is_flat}
    outcomes: dict[str, list[Decimal]] = {symbol: [volume] * 3 for symbol, volume in held.items()}
    for order_id, symbol in book.open_orders.items():
        pending = book.orders[order_id]
        either = outcomes.setdefault(symbol, [ZERO] * 3)
        either[1 if pending.side is Side.BUY else 2] += (pending.volume - pending.filled_volume) * pending.side.sign
    asked = "" if order is None else order.instrument.symbol
    if order is not None:
        outcomes[asked] = [one + order.volume * order.direction for one in outcomes.get(asked, [ZERO])]
    return {symbol: max(found, key=abs) for symbol, found in outcomes.items()}


def projected_legs(order: OrderProposal | None, context: RiskContext) -> list[tuple[str, Decimal]]:
    """Symbol and signed lots held if the order is executed, each side of a symbol by itself on a hedging account.

    There an open order that names a ticket only closes and adds nothing. Any other adds to its side; the part of the
    order that does not open is taken from the other side.
    """
    book = context.book
    if not book.is_hedging:
        return list(projected_net_volumes(order, context).items())
    found: defaultdict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for symbol, position in book.positions.items():
        for leg in position.legs:
            found[symbol, leg.direction] += leg.volume
    for order_id, symbol in book.open_orders.items():
        pending = book.orders[order_id]
        if not pending.position:
            found[symbol, pending.side.sign] += pending.volume - pending.filled_volume
    if order is not None:
        symbol = order.instrument.symbol
        found[symbol, order.direction] += order.opening_volume
        found[symbol, -order.direction] -= min(order.volume - order.opening_volume, found[symbol, -order.direction])
    return [(symbol, volume * sign) for (symbol, sign), volume in found.items() if volume]


def exposures(order: OrderProposal | None, context: RiskContext) -> dict[str, Decimal] | None:
    """Signed notional by symbol if the order is executed; None when one of them has no known rate."""
    found = {}
    for symbol, volume in projected_net_volumes(order, context).items():
        worth = notional(context.book.instruments[symbol], volume, context)
        if worth is None:
            return None
        found[symbol] = worth
    return found


def projected_margin(order: OrderProposal | None, context: RiskContext) -> Decimal | None:
    """Margin at the leverage of the limits if the order is executed, in account currency; None without a rate."""
    book = context.book
    assert book.stream is not None
    return account_margin(
        projected_legs(order, context),
        leverage=context.limits.leverage,
        currency=book.stream.currency,
        currency_digits=book.stream.currency_digits,
        instruments=book.instruments,
        quotes=MarkQuotes(context.cursor.marks),
        opening="" if order is None else order.instrument.symbol,
    )


def gross_exposure(order: OrderProposal | None, context: RiskContext) -> Decimal | None:
    """Notional of everything held, long and short added up; None when a symbol has no known rate."""
    total = ZERO
    for symbol, volume in projected_legs(order, context):
        worth = notional(context.book.instruments[symbol], volume, context)
        if worth is None:
            return None
        total += abs(worth)
    return total


def currency_exposures(found: Mapping[str, Decimal], context: RiskContext) -> dict[str, Decimal]:
    """Net exposure by currency: a symbol counts for its base currency and against its profit currency."""
    legs: defaultdict[str, Decimal] = defaultdict(Decimal)
    for symbol, worth in found.items():
        terms = context.book.instruments[symbol]
        legs[terms.base_currency] += worth
        legs[terms.profit_currency] -= worth
    return dict(legs)


def latest_equity(context: RiskContext) -> Decimal:
    """The latest equity, the balance where none is known yet; 0 where it is negative."""
    latest = context.risk_state.peaks.equity
    return max(context.book.balance if latest is None else latest, ZERO)


def buying_power(context: RiskContext) -> Decimal:
    """Leveraged equity, in account currency; 0 without equity."""
    return latest_equity(context) * context.limits.leverage


def opening_volume(
    book: Book, symbol: str, side: Side, volume: Decimal, *, ticket: int = 0, before: int = 0
) -> Decimal:
    """Lots of an order that would add to the position if it were executed now; the rest closes.

    Other open orders of its side may close the position first. On a hedging account an order without a ticket opens
    with its whole volume.

    Args:
        book: the account.
        symbol: one with known terms.
        side: of the order.
        volume: lots that it may still trade.
        ticket: of the one position that it closes, 0 for any.
        before: count only orders with a lower number as others; 0 counts all that are open.
    """
    if ticket:
        return ZERO
    position = book.position(symbol)
    if book.is_hedging or position.direction != -side.sign:
        return volume
    others: Decimal = sum(
        (
            order.volume - order.filled_volume
            for order in book.open_orders_of(symbol)
            if order.side is side and (not before or order.number < before)
        ),
        ZERO,
    )
    return max(volume - max(position.volume - others, ZERO), ZERO)


def check_pct_limit(
    code: str, amount: Decimal | None, whole: Decimal, most_pct: Decimal, context: RiskContext
) -> Denial | None:
    """The denial of an amount, of either sign, above a percentage of a whole; None when it is within.

    An unknown amount (None) is denied: nothing is guessed.
    """
    assert context.book.stream is not None
    currency, limit = context.book.stream.currency, whole * most_pct / 100
    limit_text = f"{format_percent(most_pct)} of {whole:.0f} {currency}"
    if amount is None:
        return Denial(code, limit_text, "no known rate")
    return None if abs(amount) <= limit else Denial(code, limit_text, f"{abs(amount):.0f} {currency}")


def current_exposures(context: RiskContext) -> dict[str, Decimal] | None:
    """Signed notional by symbol without a further order; None before a stream and without a known rate."""
    return None if context.book.stream is None else exposures(None, context)


def pct_utilization(
    code: str, amounts: Mapping[str, Decimal | None], whole: Decimal, most_pct: Decimal, context: RiskContext
) -> Iterator[LimitUtilization]:
    """The rows of a limit in percent of a whole, by subject of the amounts."""
    assert context.book.stream is not None
    currency, limit = context.book.stream.currency, whole * most_pct / 100
    limit_text = f"{limit:.0f} {currency}"
    for subject, amount in sorted(amounts.items()):
        if amount is None:
            yield LimitUtilization(code, subject, limit_text, "no known rate")
        else:
            left = format_headroom(abs(amount), limit, currency)
            yield LimitUtilization(code, subject, limit_text, f"{abs(amount):.0f} {currency}", left)
