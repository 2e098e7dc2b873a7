"""Status replies of portfolio for tests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from proto.control import DeskState, StatusReply


def a_status_reply(**changed: Any) -> StatusReply:
    """The status of a running desk on the simulated venue before its first tick; `changed` sets other fields."""
    fields: dict[str, Any] = {
        "mode": "simulated",
        "state": DeskState.RUNNING,
        "waiting_for": "",
        "stream_id": "s",
        "ordinal": 0,
        "processed": 0,
        "signals_buy": 0,
        "signals_sell": 0,
        "orders": 0,
        "orders_open": 0,
        "denied": 0,
        "fills": 0,
        "currency": "USD",
        "balance": None,
        "equity": None,
        "realized_pnl": Decimal(0),
        "unrealized_pnl": None,
        "positions": {},
        "latency_us": {},
        "duplicates": 0,
        "malformed": 0,
    }
    return StatusReply(**{**fields, **changed})
