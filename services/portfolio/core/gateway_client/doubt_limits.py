"""How many orders and lots may be in doubt before the desk halts."""

from __future__ import annotations

from proto.control import TradingState
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.state.portfolio_state import PortfolioState


def enforce_doubt_limits(state: PortfolioState) -> None:
    """Halt a desk that does not know what has become of too many orders, or of too large ones."""
    book, rules = state.account.book, state.config
    doubtful = [
        order for order_id in book.open_orders if (order := book.orders[order_id]).status is OrderStatus.IN_DOUBT
    ]
    volume = sum(order.volume - order.filled_volume for order in doubtful)
    if len(doubtful) > rules.doubt_orders_max:
        reason = f"{len(doubtful)} orders in doubt, at most {rules.doubt_orders_max} may be"
        state.account.restrict_trading(TradingState.HALTED, "IN_DOUBT_LIMIT", reason, by="doubt")
    elif volume > rules.doubt_volume_max:
        reason = f"{volume:f} lots in doubt, at most {rules.doubt_volume_max:f} may be"
        state.account.restrict_trading(TradingState.HALTED, "IN_DOUBT_LIMIT", reason, by="doubt")
