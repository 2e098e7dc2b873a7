"""The quote with which rules compare the prices of an order."""

from __future__ import annotations

from typing import Final

from proto.trading.money import Quote
from proto.trading.units import to_decimal
from services.portfolio.core.accounting.valuation import MarkQuotes
from services.portfolio.core.risk.rule import RuleCode
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext

NO_QUOTE: Final = RuleCode(
    "NO_QUOTE",
    "a stop, or the price of a resting order, in a symbol without a quote",
    "the symbol needs a quote",
)


def latest_quote(order: OrderProposal, context: RiskContext) -> Quote | None:
    """Return the latest quote of the order's symbol, else its mark; None if the symbol has neither."""
    if context.latest_bid_ask is not None:
        bid, ask = context.latest_bid_ask
        return Quote(to_decimal(bid), to_decimal(ask))
    return MarkQuotes(context.cursor.marks).quote(order.instrument.symbol)


def no_quote(symbol: str) -> Denial:
    """Return the denial of an order whose prices need a quote, in a symbol without a quote."""
    return Denial("NO_QUOTE", f"a quote of {symbol}", "none")
