"""A halted desk sends nothing on a signal; one that may only reduce opens nothing. A person may close in any state."""

from __future__ import annotations

from proto.control import TradingState
from proto.trading.units import plain
from services.portfolio.core.risk.types import Account, Denial, Proposal


def check(order: Proposal, account: Account, _now_ns: int) -> Denial | None:
    """HALTED but for a close by hand, or REDUCE_ONLY for an order that opens."""
    state = account.book.trading_state
    if state is TradingState.HALTED and (order.opens > 0 or not order.by_person):
        return Denial("HALTED", TradingState.ACTIVE, state)
    if state is TradingState.REDUCE_ONLY and order.opens > 0:
        return Denial("REDUCE_ONLY", "0 lots", f"{plain(order.opens)} lots")
    return None
