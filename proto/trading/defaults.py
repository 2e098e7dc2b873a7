"""Defaults and bounds of an account, an order and a run, for settings and command-line options."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

DEFAULT_STRATEGY: Final = "ema_cross"

DEFAULT_VOLUME: Final = Decimal("0.01")
VOLUME_MAX: Final = Decimal(1_000_000)
"""Default and largest volume of an order, in lots."""

DEFAULT_BALANCE: Final = Decimal(10_000)
DEFAULT_CURRENCY: Final = "USD"
"""Balance of a new account, and its currency."""

DEFAULT_LEVERAGE: Final = 100
LEVERAGE_MAX: Final = 10_000
"""Default and largest leverage: notional divided by margin. With leverage 0 no margin is required."""

SEED_MAX: Final = 2**63 - 1
SPEED_MAX: Final = 1_000_000.0
"""Highest speed of a replay: market time divided by wall time."""
