"""Utilization: where each risk limit stands, and what is left of it. The numbers are those that the rules compare."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from proto.trading.units import decimal_text
from services.portfolio.core.account.foreign_orders import describe_foreign_positions
from services.portfolio.core.risk.rule import LimitUtilization
from services.portfolio.core.risk.rules import RULES
from services.portfolio.core.risk.types import RiskContext

_TICKETS_SHOWN: Final = 5
"""Foreign tickets named in a row; more would not fit into a table."""


def limit_utilization(context: RiskContext, now_ns: int) -> list[LimitUtilization]:
    """A row for each limit that is set and has a value to show at venue time `now_ns`.

    Limits with a current value come first, in the order in which the rules are checked; then limits on an order alone,
    and foreign orders.
    """
    return [
        *(row for rule in RULES if rule.utilization is not None for row in rule.utilization(context, now_ns)),
        *_order_limits(context),
        _foreign_orders(context),
    ]


def _order_limits(context: RiskContext) -> Iterator[LimitUtilization]:
    for rule in RULES:
        for limit in rule.limits:
            value = getattr(context.limits, limit.field)
            if limit.text and value is not None:
                shown = decimal_text(value) if isinstance(value, Decimal) else value
                yield LimitUtilization(rule.code, "", limit.text.format(shown), "")


def _foreign_orders(context: RiskContext) -> LimitUtilization:
    """The policy, the count of foreign orders let pass, and the foreign tickets held on a hedging account."""
    held = describe_foreign_positions(context.book)
    shown = [f"{len(context.book.acknowledged)} orders let pass", *held[:_TICKETS_SHOWN]]
    if len(held) > _TICKETS_SHOWN:
        shown.append(f"{len(held) - _TICKETS_SHOWN} more tickets")
    return LimitUtilization("FOREIGN_ORDERS", "", context.limits.foreign_orders.value, "; ".join(shown))
