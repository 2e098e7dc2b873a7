"""The quote that rules on prices measure by."""

from __future__ import annotations

from typing import Final

from proto.trading.money import Quote
from proto.trading.units import to_decimal
from services.portfolio.core.accounting.valuation import MarkQuotes
from services.portfolio.core.risk.rule import RuleCode
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext

NO_QUOTE: Final = RuleCode(
    "NO_QUOTE",
    "a pending price or a stop in a symbol without a quote to measure it by",
    "the symbol needs a quote",
)


def latest_quote(order: OrderProposal, context: RiskContext) -> Quote | None:
    """The latest quote of the order's symbol that the process has, else its mark; None where it was never quoted."""
    if context.latest_bid_ask is not None:
        bid, ask = context.latest_bid_ask
        return Quote(to_decimal(bid), to_decimal(ask))
    return MarkQuotes(context.cursor.marks).quote(order.instrument.symbol)


def no_quote(symbol: str) -> Denial:
    """The denial of a price that no quote can be compared with."""
    return Denial("NO_QUOTE", "a quoted symbol", f"none of {symbol}")
