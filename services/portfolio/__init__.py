"""Portfolio: decides what to trade, keeps FIFO positions and profit, and remembers everything in a ledger."""

from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.position import Position
from services.portfolio.portfolio_manager import Order, PortfolioManager

__all__ = ["Order", "OrderStatus", "PortfolioManager", "Position"]
