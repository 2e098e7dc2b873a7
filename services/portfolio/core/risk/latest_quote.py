"""The quote that rules on prices measure by."""

from __future__ import annotations

from proto.trading.money import Quote
from proto.trading.units import to_decimal
from services.portfolio.core.accounting.valuation import MarkQuotes
from services.portfolio.core.risk.types import OrderProposal, RiskContext


def latest_quote(order: OrderProposal, context: RiskContext) -> Quote | None:
    """The latest quote of the order's symbol that the process has, else its mark; None where it was never quoted."""
    if context.latest_bid_ask is not None:
        bid, ask = context.latest_bid_ask
        return Quote(to_decimal(bid), to_decimal(ask))
    return MarkQuotes(context.cursor.marks).quote(order.instrument.symbol)
