"""Configuration of a desk: the settings that affect its decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct

from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.plan.plan import PLAIN, Plan
from services.portfolio.core.risk.limits import Limits

WATCHED_SETTING: Final = "watched"
"""Key of the watched symbols in a stream's settings; absent if there are no watched symbols."""


CODE_SETTING: Final = "strategy_code"
"""Key of the strategies' code in a stream's settings, `NAME=DIGEST` separated by commas; absent if it has no digest."""

CODE_BEFORE_SETTING: Final = "strategy_code_before"
"""Key of the code of the account's previous stream, if a strategy had other code then."""


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


def stream_settings(limits: Limits, plan: Plan, watched: Sequence[str], code: str = "") -> dict[str, str]:
    """Return the settings that the ledger stores when a stream is opened; `code` is the value of CODE_SETTING."""
    named = {"risk": limits.name, "plan": plan.name}
    if watched:
        named[WATCHED_SETTING] = ",".join(watched)
    if code:
        named[CODE_SETTING] = code
    return named


def with_code_before(settings: dict[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a stream, with the code of the previous stream if a strategy has other code than then.

    Args:
        settings: settings of the stream that is opened.
        before: settings of the account's previous stream.
    """
    if not changed_code(settings, before):
        return settings
    return {**settings, CODE_BEFORE_SETTING: before[CODE_SETTING]}


def changed_code(settings: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """Return the names of the strategies of both streams that have other code in `settings` than in `before`."""
    codes, earlier = (
        dict(part.rpartition("=")[::2] for part in found.get(CODE_SETTING, "").split(","))
        for found in (settings, before)
    )
    return [name for name, digest in codes.items() if earlier.get(name, digest) != digest]
