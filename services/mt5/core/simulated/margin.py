"""Margin rules of orders, margin call and stop-out.

`proto.trading.position_margin` computes the margin of a position, and `proto.trading.margin` free margin and margin
level. Amounts here are in account currency.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal


def is_affordable(*, equity: Decimal, margin_after: Decimal, margin_before: Callable[[], Decimal | None]) -> bool:
    """Whether a deal is covered: equity covers the margin after the deal, or the deal does not raise the margin.

    A deal that does not raise the margin is always allowed, so that an account can always reduce its risk.

    Args:
        equity: before the deal, in account currency.
        margin_after: margin of all positions after the deal, in account currency.
        margin_before: returns the margin of all positions before the deal, None if unknown; called only if it matters.
    """
    if margin_after <= equity:
        return True
    before = margin_before()
    return before is not None and margin_after <= before


def is_under_level(*, equity: Decimal, margin: Decimal, level_pct: Decimal | None) -> bool:
    """Whether the margin level (`equity` / `margin`, in percent) is below `level_pct`, without rounding.

    False if `level_pct` is None or `margin` is 0.
    """
    return level_pct is not None and margin > 0 and equity * 100 < margin * level_pct


def first_to_close(profits: Mapping[int, Decimal]) -> int | None:
    """The ticket of the position that a stop-out closes first: lowest profit; of equal profits, lowest ticket.

    Args:
        profits: unrealized profit by ticket, in account currency; an empty mapping gives None.
    """
    return min(profits, key=lambda ticket: (profits[ticket], ticket), default=None)
