"""Portfolio: decides orders, accounts for FIFO positions and profit, and keeps everything in a ledger."""

from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.position import Position
from services.portfolio.portfolio_manager import Order, PortfolioManager

__all__ = ["Order", "OrderStatus", "PortfolioManager", "Position"]
