"""Risk checks of an order, by phase. The first denial counts; `rules.RULES` has the order."""

from __future__ import annotations

from collections.abc import Collection

from services.portfolio.core.risk.registry import OPENING_RULES, active_rules
from services.portfolio.core.risk.rule import Check
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check_order(
    order: OrderProposal, context: RiskContext, now_ns: int, excepted: Collection[str] = ()
) -> Denial | None:
    """Check an order against all rules; denials of limits with an `excepted` code do not count.

    Returns:
        The first denial, None when the order may be made.
    """
    rules = active_rules(context.limits, context.plan)
    denial = _first_denial(rules.base, order, context, now_ns)
    if denial is not None or not order.opening_volume > 0:
        return denial
    return _first_denial(rules.opening, order, context, now_ns, excepted)


def excepted_denials(
    order: OrderProposal, context: RiskContext, now_ns: int, excepted: Collection[str]
) -> dict[str, Denial]:
    """The denials that an order is excepted from, by code; without rules that allow it."""
    if not excepted or not order.opening_volume > 0:
        return {}
    found = (rule.check(order, context, now_ns) for rule in OPENING_RULES)
    return {denial.code: denial for denial in found if denial is not None and denial.code in excepted}


def check_before_sizing(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Check the rules on an opening that do not depend on its volume and price.

    It avoids the sizing while a limit denies at every tick. If it returns None, `check_sized` checks the other rules.
    """
    for check in active_rules(context.limits, context.plan).before_sizing:
        denial = check(order, context, now_ns)
        if denial is not None:
            return denial
    return None


def check_sized(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Check an opening order against the remaining rules, after `check_before_sizing` at the same tick."""
    return _first_denial(active_rules(context.limits, context.plan).after_sizing, order, context, now_ns)


def check_resting(
    order: OrderProposal, context: RiskContext, now_ns: int, excepted: Collection[str] = ()
) -> Denial | None:
    """Why a resting order may no longer open anything; None while it may.

    Only limits whose denials last for a period count, not those that can change with every tick. A person's order
    remains excepted from the rules that it named.
    """
    return _first_denial(active_rules(context.limits, context.plan).resting, order, context, now_ns, excepted)


def check_base_rules(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Check the rules for every order, including one that only closes."""
    return _first_denial(active_rules(context.limits, context.plan).base, order, context, now_ns)


def _first_denial(
    checks: tuple[Check, ...],
    order: OrderProposal,
    context: RiskContext,
    now_ns: int,
    excepted: Collection[str] = (),
) -> Denial | None:
    for check in checks:
        denial = check(order, context, now_ns)
        if denial is not None and denial.code not in excepted:
            return denial
    return None
