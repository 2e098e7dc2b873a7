"""What the desk was told to do: the settings that decide."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.portfolio.core.risk import Limits
from services.portfolio.core.single_position import OnOpposite


class DeskRules(Struct, frozen=True, kw_only=True):
    """Symbols to trade, lots per entry, what the opposite signal does, the risk limits; `settings` are for the record."""

    symbols: tuple[str, ...]
    default_volume: Decimal
    on_opposite: OnOpposite
    limits: Limits
    settings: dict[str, str]
