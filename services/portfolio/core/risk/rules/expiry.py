"""A GTD order must expire in the future; other orders must have no expiry."""

from __future__ import annotations

from typing import Final

from proto.time import utc_text
from proto.trading.enums import TimeInForce
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode, TickRows, first_row_at, until_event
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


def until(ticks: TickRows, row: int, order: OrderProposal, context: RiskContext) -> int:
    """Return the first row after `row` whose time has reached the order's expiry (see `rule.Until`).

    Without an expiry, or with an expiry not later than the time of `row`, return the number of rows.
    """
    if order.expires_ns > ticks.time_ns[row]:
        return first_row_at(ticks, row, order.expires_ns)
    return until_event(ticks, row, order, context)


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
