"""Costs of fills, computed from the decision's quote, the deal, and the venue's charges.

All costs are in account currency in the cost sign: positive when paid. So `commission` and `swap` have the opposite
sign to deals, ledger and messages, which use the cash sign (docs/glossary.md). An earned swap and favourable slippage
are negative. Spread and slippage are the difference to a trade at the mid of the decision's quote. The price, and so
the profit, already contains them. Commission and swap are separate: net = profit - commission - swap, which is the
change of the balance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Final

from msgspec import Struct

from proto.gateway import VenueDeal
from proto.trading.enums import Side
from proto.trading.money import Quote, conversion_rate
from proto.trading.units import ZERO, round_money
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.cash import CashAccount, cash_flows
from services.portfolio.core.account.orders import Order

UNTAGGED: Final = ""
"""Tag of deals without an order of the desk."""


class FillCosts(Struct, frozen=True, kw_only=True):
    """One fill with its costs in account currency, positive when paid; `profit` is in the cash sign.

    `spread` is the cost of half the spread of the decision's quote. `slippage` is the cost of the difference between
    the fill's price and the order's side of that quote. Both are None if the deal has no order of the desk, for
    example at a stop loss, or if no rate into account currency was known.
    """

    deal: int
    order_id: str
    tag: str
    symbol: str
    side: Side
    volume: Decimal
    price: Decimal
    time_ns: int
    spread: Decimal | None
    slippage: Decimal | None
    profit: Decimal
    commission: Decimal
    swap: Decimal

    @property
    def net(self) -> Decimal:
        """Change of the balance by the fill."""
        return self.profit - self.commission - self.swap


class CostTotals(Struct, frozen=True, kw_only=True):
    """Total costs of several deals in account currency, positive when paid; `profit` and `net` are in the cash sign.

    `unquoted` is the number of fills whose spread and slippage are unknown and not included.
    """

    spread: Decimal
    slippage: Decimal
    commission: Decimal
    swap: Decimal
    profit: Decimal
    net: Decimal
    fills: int
    unquoted: int


def fill_costs(book: Book, deal: VenueDeal) -> FillCosts:
    """Return the costs of one booked trade.

    Formulas: spread = (ask - bid) / 2 x k and slippage = (price - touch) x S x k, each rounded to the account's digits.
    S is +1 for a buy and -1 for a sell, touch is the ask for a buy and the bid for a sell, and
    k = lots x multiplier x rate.
    """
    assert deal.kind.is_trade, deal
    order = book.orders.get(book.order_of_deal.get(deal.deal, ""))
    moved = cash_flows(deal)
    side, spread, slippage = Side(deal.kind.value), None, None
    rate = None if order is None else decision_rate(book, order)
    if order is not None and rate is not None:
        assert book.stream is not None
        quote = order.decision
        scale = deal.volume * book.instruments[deal.symbol].multiplier * rate
        touch = quote.ask if side is Side.BUY else quote.bid
        spread = round_money((quote.ask - quote.bid) / 2 * scale, book.stream.currency_digits)
        slippage = round_money((deal.price - touch) * side.sign * scale, book.stream.currency_digits)
    return FillCosts(
        deal=deal.deal,
        order_id="" if order is None else order.order_id,
        tag=UNTAGGED if order is None else order.tag,
        symbol=deal.symbol,
        side=side,
        volume=deal.volume,
        price=deal.price,
        time_ns=deal.time_ns,
        spread=spread,
        slippage=slippage,
        profit=moved.get(CashAccount.REALIZED_PNL, ZERO),
        commission=-moved.get(CashAccount.COMMISSION, ZERO),
        swap=-moved.get(CashAccount.SWAP, ZERO),
    )


def cost_totals(book: Book, deals: Iterable[VenueDeal]) -> CostTotals:
    """Return the total costs of deals.

    Commission and swap that the venue booked as separate deals are included; deposits and corrections are not.
    """
    fills: list[FillCosts] = []
    commission = swap = profit = ZERO
    for deal in deals:
        moved = cash_flows(deal)
        commission -= moved.get(CashAccount.COMMISSION, ZERO)
        swap -= moved.get(CashAccount.SWAP, ZERO)
        profit += moved.get(CashAccount.REALIZED_PNL, ZERO)
        if deal.kind.is_trade:
            fills.append(fill_costs(book, deal))
    return CostTotals(
        spread=sum((one.spread for one in fills if one.spread is not None), ZERO),
        slippage=sum((one.slippage for one in fills if one.slippage is not None), ZERO),
        commission=commission,
        swap=swap,
        profit=profit,
        net=profit - commission - swap,
        fills=len(fills),
        unquoted=sum(one.spread is None for one in fills),
    )


def allocate(amount: Decimal, weights: Sequence[Decimal], *, digits: int) -> list[Decimal]:
    """Split an amount in proportion to `weights` (> 0) into parts whose sum is exactly the amount.

    Each part has `digits` decimals, or as many as the amount if it has more. Largest remainder method: each part is
    truncated, then one unit of the last decimal is added to the parts with the largest remainders until the sum is
    right. Of equal remainders the earlier part comes first.
    """
    if len(weights) == 1 or not amount:
        return [amount] + [ZERO] * (len(weights) - 1)
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int), amount
    unit = Decimal(1).scaleb(min(-digits, exponent))
    total = sum(weights, ZERO)
    exact = [amount * weight / total for weight in weights]
    parts = [one.quantize(unit, rounding=ROUND_DOWN) for one in exact]
    missing = amount - sum(parts, ZERO)
    by_remainder = sorted(range(len(parts)), key=lambda at: (-abs(exact[at] - parts[at]), at))
    for at in by_remainder[: int(abs(missing) / unit)]:
        parts[at] += unit if missing > 0 else -unit
    return parts


class _DecisionQuote:
    """Quotes for `conversion_rate` that contain only the quote on which an order was decided."""

    def __init__(self, order: Order) -> None:
        self._order = order

    def quote(self, symbol: str) -> Quote | None:
        return Quote(self._order.decision.bid, self._order.decision.ask) if symbol == self._order.symbol else None


def decision_rate(book: Book, order: Order) -> Decimal | None:
    """Return the price of a unit of profit currency in account currency at the decision; None if unknown.

    It is the stored rate, or one computed from the decision's quote if none was stored.
    """
    decision = order.decision
    if not (decision.bid > 0 and decision.ask > 0):
        return None
    if decision.rate is not None:
        return decision.rate
    assert book.stream is not None
    terms = book.instruments[order.symbol]
    return conversion_rate(
        -1,
        source=terms.profit_currency,
        target=book.stream.currency,
        instruments={order.symbol: terms},
        quotes=_DecisionQuote(order),
    )
