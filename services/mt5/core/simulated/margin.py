"""Whether an account can afford what it holds: margin call and stop-out.

How much margin a position holds back is in `proto.trading.money`, free margin and margin level in
`proto.trading.margin`. Amounts here are in account currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal


def is_affordable(*, equity: Decimal, margin_before: Decimal, margin_after: Decimal) -> bool:
    """Whether an order may be executed: the equity covers the margin that is held back after it, or it adds none.

    What lowers the margin, or leaves it, is never refused: that is how an account gets out of trouble.
    """
    return margin_after <= margin_before or margin_after <= equity


def is_under_level(*, equity: Decimal, margin: Decimal, level_pct: Decimal | None) -> bool:
    """True when the margin level is under `level_pct`, exactly, whatever it is rounded to; never where there is no level or margin."""
    return level_pct is not None and margin > 0 and equity * 100 < margin * level_pct


def first_to_close(profits: Mapping[int, Decimal]) -> int | None:
    """The ticket of the position that a stop-out closes first: the largest loss (or the smallest gain), the older of two equal ones.

    Args:
        profits: unrealised profit by ticket; None is returned when there is none.
    """
    return min(profits, key=lambda ticket: (profits[ticket], ticket), default=None)
