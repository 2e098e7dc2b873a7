"""Names of the order policies that a backtest can run."""

from __future__ import annotations

from enum import StrEnum


class OrderPolicyName(StrEnum):
    """How a backtest drives its orders; `services/portfolio/core/gateway_client/order_policy.py` has the policies."""

    LOCK_STEP = "lock-step"
    LIVE = "live"
