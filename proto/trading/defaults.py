"""Defaults and bounds of an account, an order and a run: settings, runs over recorded ticks and options take them from here."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

DEFAULT_STRATEGY: Final = "ema_cross"

DEFAULT_VOLUME: Final = Decimal("0.01")
VOLUME_MAX: Final = Decimal(1_000_000)
"""Volume of an order in lots."""

DEFAULT_BALANCE: Final = Decimal(10_000)
DEFAULT_CURRENCY: Final = "USD"
"""Cash of a new account, and its currency."""

DEFAULT_LEVERAGE: Final = 100
LEVERAGE_MAX: Final = 10_000
"""Notional divided by margin; 0 requires no margin."""

SEED_MAX: Final = 2**63 - 1
SPEED_MAX: Final = 1_000_000.0
"""Market time divided by wall time."""
