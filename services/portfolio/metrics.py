"""What the portfolio process counts for Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

from proto.control import DeskState
from services.portfolio.core.desk import Desk
from services.portfolio.core.valuation import total_unrealized_pnl

SIGNALS: Final = Gauge(
    "trading_portfolio_signals_decided_total", "Signals decided in this stream, by direction", ["direction"]
)
ORDERS: Final = Gauge("trading_portfolio_orders_total", "Orders of the account")
FILLS: Final = Gauge("trading_portfolio_deals_total", "Deals of the account")
BALANCE: Final = Gauge("trading_portfolio_balance_account", "Balance in account currency")
UNREALIZED: Final = Gauge("trading_portfolio_unrealized_pnl_account", "Unrealised profit in account currency")
POSITION: Final = Gauge("trading_portfolio_position_lots", "Net position, signed", ["symbol"])
HALTED: Final = Gauge("trading_portfolio_halted", "1 while the desk does not decide, for a reason that it tells")
MALFORMED: Final = Counter("trading_portfolio_malformed_messages_total", "Frames that were no message", ["socket"])


def show(desk: Desk) -> None:
    """Bring the gauges up to the state of the desk."""
    cursor, book = desk.cursor, desk.book
    for direction, value in (
        ("buy", cursor.buy),
        ("sell", cursor.sell),
        ("hold", cursor.hold),
        ("warming_up", cursor.warming_up),
    ):
        SIGNALS.labels(direction).set(value)
    ORDERS.set(len(book.orders))
    FILLS.set(len(book.deals))
    BALANCE.set(float(book.balance))
    HALTED.set(desk.state is DeskState.HALTED)
    for symbol, position in book.positions.items():
        POSITION.labels(symbol).set(float(position.net_volume))
    if book.stream is not None:
        unrealized = total_unrealized_pnl(book, cursor.marks)
        UNREALIZED.set(float("nan") if unrealized is None else float(unrealized))
