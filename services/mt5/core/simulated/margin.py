"""Margin rules: whether an order is covered, margin call, and stop-out.

Margin of a position is in `proto.trading.money`, free margin and margin level in `proto.trading.margin`. Amounts here
are in account currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal


def is_affordable(*, equity: Decimal, margin_before: Decimal, margin_after: Decimal) -> bool:
    """Whether an order may be executed: equity covers the margin after it, or the margin does not rise.

    An order that lowers the margin or leaves it is always allowed, because it is how an account reduces its risk.

    Args:
        equity: before the deal.
        margin_before: of all positions before it.
        margin_after: of all positions after it.
    """
    return margin_after <= margin_before or margin_after <= equity


def is_under_level(*, equity: Decimal, margin: Decimal, level_pct: Decimal | None) -> bool:
    """Whether the margin level is below `level_pct`, compared without rounding; False without a level or without margin."""
    return level_pct is not None and margin > 0 and equity * 100 < margin * level_pct


def first_to_close(profits: Mapping[int, Decimal]) -> int | None:
    """The ticket of the position that a stop-out closes first: the smallest profit, the older of two equal ones.

    Args:
        profits: unrealised profit by ticket; None is returned when there is none.
    """
    return min(profits, key=lambda ticket: (profits[ticket], ticket), default=None)
