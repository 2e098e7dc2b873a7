"""How many orders and lots may be in doubt before the desk halts."""

from __future__ import annotations

from proto.control import TradingState
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.state.account import AccountState
from services.portfolio.core.state.config import DeskConfig


def enforce_doubt_limits(account: AccountState, config: DeskConfig) -> None:
    """Halt a desk that does not know what has become of too many orders, or of too large ones."""
    book = account.book
    doubtful = [
        order for order_id in book.open_orders if (order := book.orders[order_id]).status is OrderStatus.IN_DOUBT
    ]
    volume = sum(order.volume - order.filled_volume for order in doubtful)
    if len(doubtful) > config.doubt_orders_max:
        reason = f"{len(doubtful)} orders in doubt, at most {config.doubt_orders_max} may be"
        account.restrict_trading(TradingState.HALTED, "IN_DOUBT_LIMIT", reason, by="doubt")
    elif volume > config.doubt_volume_max:
        reason = f"{volume:f} lots in doubt, at most {config.doubt_volume_max:f} may be"
        account.restrict_trading(TradingState.HALTED, "IN_DOUBT_LIMIT", reason, by="doubt")
