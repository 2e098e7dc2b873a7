"""Current value and headroom of each risk limit, computed by the functions of the rules."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from proto.trading.units import decimal_text
from services.portfolio.core.account.foreign_orders import POLICY_TEXT, describe_foreign_positions
from services.portfolio.core.risk.rule import LimitUtilization
from services.portfolio.core.risk.rules import RULES
from services.portfolio.core.risk.types import RiskContext

_TICKETS_SHOWN: Final = 5
"""Number of foreign tickets shown in a row of the table, which has no space for more."""


def limit_utilization(context: RiskContext, now_ns: int) -> list[LimitUtilization]:
    """Return the rows of the limits that are set, at venue time `now_ns`.

    Limits with a current value come first, in the order in which the rules are checked. Then come the limits on a
    single order, and last the foreign orders.
    """
    return [
        *(
            row._replace(consequence=rule.consequence(context.limits))
            for rule in RULES
            if rule.utilization is not None
            for row in rule.utilization(context, now_ns)
        ),
        *_order_limits(context, now_ns),
        _foreign_orders(context),
    ]


def _order_limits(context: RiskContext, now_ns: int) -> Iterator[LimitUtilization]:
    for rule in RULES:
        ends_ns = 0 if rule.pause_end is None else rule.pause_end(context, now_ns)
        consequence = rule.consequence(context.limits)
        for limit in rule.limits:
            value = getattr(context.limits, limit.field)
            if limit.text and value is not None:
                shown = decimal_text(value) if isinstance(value, Decimal) else value
                yield LimitUtilization(
                    rule.code, "", limit.text.format(shown), "", consequence=consequence, ends_ns=ends_ns
                )


def _foreign_orders(context: RiskContext) -> LimitUtilization:
    """Return the row with policy, number of accepted foreign orders, and foreign tickets of a hedging account."""
    held = describe_foreign_positions(context.book)
    shown = [f"{len(context.book.acknowledged)} orders accepted", *held[:_TICKETS_SHOWN]]
    if len(held) > _TICKETS_SHOWN:
        shown.append(f"{len(held) - _TICKETS_SHOWN} more tickets")
    policy = context.limits.foreign_orders
    return LimitUtilization("FOREIGN_ORDERS", "", policy.value, "; ".join(shown), consequence=POLICY_TEXT[policy])
