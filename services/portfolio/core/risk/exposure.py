"""Exposure of positions, open orders and a proposed order, in account currency."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal

from proto.trading.enums import Side
from proto.trading.instrument import Instrument
from proto.trading.money import conversion_rate
from proto.trading.position_margin import account_margin
from proto.trading.units import ZERO, to_decimal
from services.portfolio.core.account.book import Book
from services.portfolio.core.accounting.valuation import MarkQuotes
from services.portfolio.core.risk.formatting import format_percent
from services.portfolio.core.risk.rule import LimitUtilization, measured_utilization
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def notional(instrument: Instrument, volume: Decimal, context: RiskContext) -> Decimal | None:
    """Return the notional of `volume` lots in account currency at the mid of the mark; None if no rate is known.

    Formula: lots x multiplier x price, converted from the profit currency.
    """
    book, mark = context.book, context.cursor.marks.get(instrument.symbol)
    assert book.stream is not None
    if mark is None:
        return None
    rate = conversion_rate(
        1,
        source=instrument.profit_currency,
        target=book.stream.currency,
        instruments=book.instruments,
        quotes=MarkQuotes(context.cursor.marks),
    )
    twice_mid = to_decimal(mark.bid) + to_decimal(mark.ask)
    return None if rate is None else volume * instrument.multiplier * twice_mid / 2 * rate


def projected_net_volumes(order: OrderProposal | None, context: RiskContext) -> dict[str, Decimal]:
    """Return the net lots by symbol, long positive, if `order` is executed; with None, without a further order.

    The open orders of a symbol may be executed in three ways: none of them, all buys or all sells. The way with the
    largest absolute net volume counts.
    """
    book = context.book
    nets = {symbol: held.net_volume for symbol, held in book.positions.items() if not held.is_flat}
    unfilled: dict[str, list[Decimal]] = {}
    for order_id, symbol in book.open_orders.items():
        nets.setdefault(symbol, ZERO)
        pending = book.orders[order_id]
        of_sides = unfilled.setdefault(symbol, [ZERO, ZERO])
        of_sides[0 if pending.side is Side.BUY else 1] += (pending.volume - pending.filled_volume) * pending.side.sign
    if order is not None:
        symbol = order.instrument.symbol
        nets[symbol] = nets.get(symbol, ZERO) + order.volume * order.direction
    for symbol, (buys, sells) in unfilled.items():
        net = nets[symbol]
        nets[symbol] = max(net, net + buys, net + sells, key=abs)
    return nets


def projected_legs(order: OrderProposal | None, context: RiskContext) -> list[tuple[str, Decimal]]:
    """Return pairs of a symbol and its lots, long positive, if the order is executed.

    On a netting account each symbol has one pair with its net volume (`projected_net_volumes`). On a hedging account
    each side of a symbol has a pair. There an open order that names a ticket only closes, and is left out. Any other
    open order adds to its side. The opening volume of the proposed order adds to its side, and the rest of its volume
    reduces the opposite side.
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
    """Return the notional by symbol in account currency, long positive, if the order is executed.

    Returns None if a symbol has no known rate into account currency.
    """
    found = {}
    for symbol, volume in projected_net_volumes(order, context).items():
        worth = notional(context.book.instruments[symbol], volume, context)
        if worth is None:
            return None
        found[symbol] = worth
    return found


def projected_margin(order: OrderProposal | None, context: RiskContext) -> Decimal | None:
    """Return the margin in account currency, at the leverage of the limits, if the order is executed.

    Returns None if no rate into account currency is known.
    """
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
    """Return the sum of the absolute notionals in account currency if the order is executed.

    Returns None if a symbol has no known rate into account currency.
    """
    total = ZERO
    for symbol, volume in projected_legs(order, context):
        worth = notional(context.book.instruments[symbol], volume, context)
        if worth is None:
            return None
        total += abs(worth)
    return total


def currency_exposures(found: Mapping[str, Decimal], context: RiskContext) -> dict[str, Decimal]:
    """Return the net exposure by currency, from the exposures `found` by symbol.

    The exposure of a symbol is added to its base currency and subtracted from its profit currency.
    """
    legs: defaultdict[str, Decimal] = defaultdict(Decimal)
    for symbol, worth in found.items():
        terms = context.book.instruments[symbol]
        legs[terms.base_currency] += worth
        legs[terms.profit_currency] -= worth
    return dict(legs)


def latest_equity(context: RiskContext) -> Decimal:
    """Return the latest equity in account currency, or the balance if no equity is known yet; at least 0."""
    latest = context.risk_state.peaks.equity
    return max(context.book.balance if latest is None else latest, ZERO)


def buying_power(context: RiskContext) -> Decimal:
    """Return the leveraged equity, in account currency: equity times leverage, at least 0."""
    return latest_equity(context) * context.limits.leverage


def opening_volume(
    book: Book, symbol: str, side: Side, volume: Decimal, *, ticket: int = 0, before: int = 0
) -> Decimal:
    """Return the lots of an order that would open or add to a position if the order were executed now.

    The rest of its volume closes. Other open orders of the same side are assumed to close the position first. On a
    hedging account the whole volume of an order without a ticket opens.

    Args:
        book: the account.
        symbol: a symbol with known terms.
        side: side of the order.
        volume: lots that the order may still trade.
        ticket: ticket of the position that the order closes, 0 for none.
        before: only open orders with a lower number are assumed to be executed first; 0 for all open orders.
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
    """Deny an amount whose absolute value is above `most_pct` percent of `whole`, both in account currency.

    An unknown amount (None) is denied, too. Returns None if the amount is within the limit.
    """
    if amount is not None and abs(amount) <= whole * most_pct / 100:
        return None
    assert context.book.stream is not None
    currency = context.book.stream.currency
    observed = "no known rate" if amount is None else f"{abs(amount):.0f} {currency}"
    return Denial(code, f"{format_percent(most_pct)} of {whole:.0f} {currency}", observed)


def current_exposures(context: RiskContext) -> dict[str, Decimal] | None:
    """Return the notional by symbol in account currency, long positive, without a further order.

    Returns None before the first stream, and if a symbol has no known rate.
    """
    return None if context.book.stream is None else exposures(None, context)


def pct_utilization(
    code: str, amounts: Mapping[str, Decimal | None], whole: Decimal, most_pct: Decimal, context: RiskContext
) -> Iterator[LimitUtilization]:
    """Yield a row for each subject of `amounts`, for a limit of `most_pct` percent of `whole`.

    Amounts and `whole` are in account currency.
    """
    assert context.book.stream is not None
    currency, limit = context.book.stream.currency, whole * most_pct / 100
    limit_text = f"{limit:.0f} {currency}"
    for subject, amount in sorted(amounts.items()):
        if amount is None:
            yield LimitUtilization(code, subject, limit_text, "no known rate")
        else:
            now_text = f"{abs(amount):.0f} {currency}"
            yield measured_utilization(
                code, subject, limit_text, now_text, amount=abs(amount), limit=limit, unit=currency
            )
