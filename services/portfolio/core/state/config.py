"""Configuration of a desk: the settings that affect its decisions."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct

from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.plan.plan import PLAIN, Plan
from services.portfolio.core.risk.limits import Limits

WATCHED_SETTING: Final = "watched"
"""Key of the watched symbols in a stream's settings; absent if there are no watched symbols."""


class DeskConfig(Struct, frozen=True, kw_only=True):
    """Settings of a desk. The last four apply only to a live desk.

    Attributes:
        symbols: traded symbols.
        watched: symbols that are not traded and whose ticks the desk receives.
        default_volume: lots of an entry if the plan has none.
        on_opposite: whether a signal closes or reverses a position in the opposite direction.
        limits: limits of the risk rules.
        settings: texts that the ledger stores with the stream.
        plan: sizing, entries and exits.
        signal_age_ns_max: an opening signal is denied if its tick is older than this, by the venue's clock.
        doubt_orders_max: the desk halts if more orders than this are in doubt.
        doubt_volume_max: the desk halts if more lots than this are in doubt.
        reconcile_every_ns: interval of the comparisons of ledger and venue.
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
        """All symbols with ticks: first the traded ones, then the watched ones."""
        return self.symbols + self.watched


def stream_settings(limits: Limits, plan: Plan, watched: Sequence[str]) -> dict[str, str]:
    """Return the settings that the ledger stores when a stream is opened."""
    named = {"risk": limits.name, "plan": plan.name}
    return named | {WATCHED_SETTING: ",".join(watched)} if watched else named
