"""Names of the order policies that a backtest can run."""

from __future__ import annotations

from enum import StrEnum


class OrderPolicyName(StrEnum):
    """The policy for deadlines and polling of orders; see `services/portfolio/core/gateway_client/order_policy.py`."""

    LOCK_STEP = "lock-step"
    LIVE = "live"
