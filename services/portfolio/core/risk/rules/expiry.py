"""A GTD order must expire in the future; other orders must have no expiry."""

from __future__ import annotations

from typing import Final

from proto.time import NEVER_NS, utc_text
from proto.trading.enums import TimeInForce
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, _context: RiskContext, now_ns: int) -> Denial | None:
    """Deny with INVALID_EXPIRATION a GTD order without a future expiry, or an expiry without GTD.

    `now_ns` is venue time.
    """
    if order.time_in_force is TimeInForce.GTD:
        if order.expires_ns > now_ns:
            return None
        observed = utc_text(order.expires_ns) if order.expires_ns else "no expiry"
        return Denial("INVALID_EXPIRATION", f"a GTD order's expiry after {utc_text(now_ns)}", observed)
    if not order.expires_ns:
        return None
    observed = f"{order.time_in_force.value} until {utc_text(order.expires_ns)}"
    return Denial("INVALID_EXPIRATION", "an expiry only with GTD", observed)


def until(order: OrderProposal, _context: RiskContext, now_ns: int) -> int:
    """Return the order's expiry if it is in the future (see `rule.Until`)."""
    return order.expires_ns if order.expires_ns > now_ns else NEVER_NS


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "INVALID_EXPIRATION",
            "a GTD order without an expiry after venue time; an expiry without GTD",
            "the expiry must be later than venue time, and only a GTD order may have one",
        ),
    ),
    phases=Phase.BASE,
    check=check,
    until=until,
)
