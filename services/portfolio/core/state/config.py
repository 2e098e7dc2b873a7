"""Configuration of a desk: the settings that decide its trades."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct

from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.plan.plan import PLAIN, Plan
from services.portfolio.core.risk.limits import Limits

WATCHED_SETTING: Final = "watched"
"""Key of the watched symbols in a stream's settings; absent without any."""


class DeskConfig(Struct, frozen=True, kw_only=True):
    """Symbols traded and watched, lots per entry, effect of an opposite signal, limits, plan; `settings` are a record.

    `signal_age_ns_max`: a signal whose tick is older than this by the venue's clock trades nothing. With more than
    `doubt_orders_max` orders or `doubt_volume_max` lots in doubt the desk halts. Every `reconcile_every_ns` ledger and venue are
    compared. All of these are for a live desk only.
    """

    symbols: tuple[str, ...]
    watched: tuple[str, ...] = ()
    default_volume: Decimal
    on_opposite: OnOpposite
    limits: Limits
    settings: dict[str, str]
    plan: Plan = PLAIN
    signal_age_ns_max: int = 5_000_000_000
    doubt_orders_max: int = 3
    doubt_volume_max: Decimal = Decimal(5)
    reconcile_every_ns: int = 30_000_000_000

    @property
    def quoted(self) -> tuple[str, ...]:
        """Every symbol that has ticks: those traded, then those watched."""
        return self.symbols + self.watched


def stream_settings(limits: Limits, plan: Plan, watched: Sequence[str]) -> dict[str, str]:
    """The settings that the ledger stores with the opening of a stream."""
    named = {"risk": limits.name, "plan": plan.name}
    return named | {WATCHED_SETTING: ",".join(watched)} if watched else named
