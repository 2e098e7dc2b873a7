"""Builders for tests of `PortfolioManager`: a manager, fill reports of the venue, a trade, and invalid numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from services.portfolio import Order, PortfolioManager

BUY, SELL, HOLD = 1, -1, 0
PRICE = 1.1
NOW_NS = 1_767_600_000_000_000_000


def a_manager(**settings: Any) -> PortfolioManager:
    """Return a manager with a fixed clock."""
    return PortfolioManager(clock_ns=lambda: NOW_NS, **settings)


def filled(order: Order | None, **fields: Any) -> dict[str, Any]:
    """Return the venue's report that an order was filled at its own price."""
    assert order is not None
    return {"order_id": order.order_id, "status": "FILLED", "ticket": 7, "filled_price": order.price, **fields}


def trade(manager: PortfolioManager, signal: int, volume: Any = 0.01, price: Any = PRICE) -> Order:
    """Make an order and fill it at once."""
    order = manager.create_order(signal, price, volume)
    assert order is not None, manager.last_reason
    assert manager.on_fill(filled(order)), manager.last_reason
    return order


INVALID_NUMBERS = [
    0,
    -1,
    -0.0,
    float("nan"),
    float("inf"),
    float("-inf"),
    1e300,
    1e-300,
    "",
    "lots",
    None,
    True,
    b"1",
    [1],
    {},
    object(),
    10**6_000,
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("1e400"),
]
