"""Configuration of a desk: the settings that affect its trades."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct

from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.plan.plan import PLAIN, Plan
from services.portfolio.core.risk.limits import Limits

WATCHED_SETTING: Final = "watched"
"""Key of the watched symbols in a stream's settings; absent without one."""


class DeskConfig(Struct, frozen=True, kw_only=True):
    """Symbols, default lots of an entry, effect of an opposite signal, limits and plan.

    `settings` are stored with the stream, for the record. For a live desk only: a signal trades nothing if its tick is
    older than `signal_age_ns_max` by the venue's clock; the desk halts with more than `doubt_orders_max` orders or
    `doubt_volume_max` lots in doubt; ledger and venue are compared every `reconcile_every_ns`.
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
        """All symbols with ticks: traded, then watched."""
        return self.symbols + self.watched


def stream_settings(limits: Limits, plan: Plan, watched: Sequence[str]) -> dict[str, str]:
    """Settings that the ledger stores with the opening of a stream."""
    named = {"risk": limits.name, "plan": plan.name}
    return named | {WATCHED_SETTING: ",".join(watched)} if watched else named
