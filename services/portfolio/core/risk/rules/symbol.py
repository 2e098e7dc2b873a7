"""A symbol is traded when the venue knows it, lets it be traded, and its market is open."""

from __future__ import annotations

from proto.trading.enums import TradeMode
from proto.trading.server_time import is_in_session
from services.portfolio.core.risk.formatting import format_server_weekday_time
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """UNKNOWN_SYMBOL and TRADE_DISABLED for any order; CLOSE_ONLY and MARKET_CLOSED for one that opens.

    A close may be tried outside of the sessions, too: what the venue says of it counts. A symbol whose sessions are not known is
    taken to be open.
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
    if terms.sessions and not is_in_session(terms.sessions, now_ns):
        return Denial("MARKET_CLOSED", f"a session of {terms.symbol}", format_server_weekday_time(now_ns))
    return None
