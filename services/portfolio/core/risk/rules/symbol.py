"""A symbol is traded when the venue knows it, lets it be traded, and its market is open."""

from __future__ import annotations

from proto.trading.enums import TradeMode
from services.portfolio.core.risk.formatting import format_server_weekday_time
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """UNKNOWN_SYMBOL and TRADE_DISABLED for any order; CLOSE_ONLY and MARKET_CLOSED for one that opens.

    A person may try to close outside of the sessions; the venue decides. The desk's own closes wait for the session
    elsewhere. A symbol without known sessions counts as open.
    """
    terms = order.instrument
    if terms.symbol not in context.book.instruments:
        return Denial("UNKNOWN_SYMBOL", "a symbol whose terms the venue has told", terms.symbol)
    if terms.trade_mode is TradeMode.DISABLED:
        return Denial("TRADE_DISABLED", f"trading in {terms.symbol}", terms.trade_mode)
    if order.opening_volume <= 0:
        return None
    if terms.trade_mode is TradeMode.CLOSE_ONLY:
        return Denial("CLOSE_ONLY", f"opening in {terms.symbol}", terms.trade_mode)
    return None if terms.is_traded(now_ns) else market_closed(terms.symbol, now_ns)


def market_closed(symbol: str, now_ns: int) -> Denial:
    """Outside of the sessions of a symbol."""
    return Denial("MARKET_CLOSED", f"a session of {symbol}", format_server_weekday_time(now_ns))
