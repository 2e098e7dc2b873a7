"""Limits on orders and lots in doubt."""

from __future__ import annotations

from proto.control import TradingState
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.state.account import AccountState
from services.portfolio.core.state.config import DeskConfig


def enforce_doubt_limits(account: AccountState, config: DeskConfig) -> None:
    """Halt the desk if more orders, or more lots, are in doubt than the limits allow."""
    book = account.book
    doubtful = [
        order for order_id in book.open_orders if (order := book.orders[order_id]).status is OrderStatus.IN_DOUBT
    ]
    volume = sum(order.volume - order.filled_volume for order in doubtful)
    if len(doubtful) > config.doubt_orders_max:
        reason = f"{len(doubtful)} orders in doubt, limit {config.doubt_orders_max}"
        account.restrict_trading(TradingState.HALTED, "IN_DOUBT_LIMIT", reason, by="doubt")
    elif volume > config.doubt_volume_max:
        reason = f"{volume:f} lots in doubt, limit {config.doubt_volume_max:f}"
        account.restrict_trading(TradingState.HALTED, "IN_DOUBT_LIMIT", reason, by="doubt")
