"""The quote that rules on prices measure by."""

from __future__ import annotations

from proto.trading.money import Quote
from proto.trading.units import exact
from services.portfolio.core.accounting.valuation import Marks
from services.portfolio.core.risk.types import Account, Proposal


def newest_quote(order: Proposal, account: Account) -> Quote | None:
    """The latest quote of the order's symbol that the process has, else its mark; None where it was never quoted."""
    if account.newest is not None:
        bid, ask = account.newest
        return Quote(exact(bid), exact(ask))
    return Marks(account.cursor.marks).quote(order.instrument.symbol)
