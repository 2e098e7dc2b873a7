"""A quote that is old is no price to decide on."""

from __future__ import annotations

from typing import Final

from services.portfolio.core.risk.types import Account, Denial, Proposal

_NS_PER_MS: Final = 1_000_000


def check(_order: Proposal, account: Account, _now_ns: int) -> Denial | None:
    """QUOTE_STALE past the limit by the venue's clock."""
    most = account.limits.quote_age_ms_max
    if most is None or account.age_ns <= most * _NS_PER_MS:
        return None
    return Denial("QUOTE_STALE", f"{most} ms", f"{account.age_ns // _NS_PER_MS} ms old")
