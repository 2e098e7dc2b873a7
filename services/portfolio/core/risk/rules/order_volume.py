"""No single order opens more lots than the limit."""

from __future__ import annotations

from proto.trading.units import plain
from services.portfolio.core.risk.types import Account, Denial, Proposal


def check(order: Proposal, account: Account, _now_ns: int) -> Denial | None:
    """ORDER_VOLUME past the limit."""
    most = account.limits.order_volume_max
    if most is None or order.opens <= most:
        return None
    return Denial("ORDER_VOLUME", f"{plain(most)} lots", f"{plain(order.opens)} lots")
