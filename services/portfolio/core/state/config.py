"""What the desk was told to do: the settings that decide."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.plan.plan import PLAIN, Plan
from services.portfolio.core.risk.limits import Limits


class DeskConfig(Struct, frozen=True, kw_only=True):
    """Symbols to trade, lots per entry, what the opposite signal does, the risk limits, the plan; `settings` are for the record.

    `signal_age_ns_max`: a signal whose tick is older than this by the venue's clock trades nothing. With more than
    `doubt_orders_max` orders or `doubt_volume_max` lots in doubt the desk halts. Every `reconcile_every_ns` ledger and venue are
    compared. All of these are for a live desk only.
    """

    symbols: tuple[str, ...]
    default_volume: Decimal
    on_opposite: OnOpposite
    limits: Limits
    settings: dict[str, str]
    plan: Plan = PLAIN
    signal_age_ns_max: int = 5_000_000_000
    doubt_orders_max: int = 3
    doubt_volume_max: Decimal = Decimal(5)
    reconcile_every_ns: int = 30_000_000_000
