"""What the desk was told to do: the settings that decide."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.portfolio.core.risk import Limits
from services.portfolio.core.single_position import OnOpposite


class DeskRules(Struct, frozen=True, kw_only=True):
    """Symbols to trade, lots per entry, what the opposite signal does, the risk limits; `settings` are for the record.

    `signal_age_ns_max`: a signal whose tick is older than this by the venue's clock trades nothing; live only.
    """

    symbols: tuple[str, ...]
    default_volume: Decimal
    on_opposite: OnOpposite
    limits: Limits
    settings: dict[str, str]
    signal_age_ns_max: int = 5_000_000_000
