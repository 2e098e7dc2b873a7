"""Risk checks of an order, by phase. Rules are checked in the order of `rules.RULES`; the first denial is returned.

`outlook` tells, besides the first denial, how long this result holds.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import NamedTuple

from proto.time import NEVER_NS
from services.portfolio.core.risk.registry import OPENING_RULES, active_rules
from services.portfolio.core.risk.rule import Check, Phase
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


class Outlook(NamedTuple):
    """The first denial of an order by the rules of a phase, None if there is none, and how long its code holds.

    Before venue time `until_ns` the rules that can tell return the same codes, if nothing changes but the time, the
    quotes, and the confidence between `confidence_min` and `confidence_max`. `uncertain` has the codes of the rules up
    to the denial that cannot tell; any tick may change the result of these.
    """

    denial: Denial | None
    until_ns: int
    confidence_min: float
    confidence_max: float
    uncertain: tuple[str, ...]


def outlook(
    phase: Phase, order: OrderProposal, context: RiskContext, now_ns: int, excepted: Collection[str] = ()
) -> Outlook:
    """Check an order against the active rules of `phase` at venue time `now_ns`, and tell how long the result holds.

    With `Phase.BEFORE_SIZING` the denial is that of `check_before_sizing`, with `Phase.RESTING` that of
    `check_resting`, and with `Phase.BASE` that of `check_base_rules`. Denials with an `excepted` code are ignored.
    """
    until_ns, lowest, highest = NEVER_NS, -math.inf, math.inf
    uncertain: list[str] = []
    found: Denial | None = None
    for rule in active_rules(context.limits, context.plan).by_phase[phase]:
        denial = rule.check(order, context, now_ns)
        changes_ns = now_ns if rule.until is None else rule.until(order, context, now_ns)
        if changes_ns > now_ns:
            until_ns = min(until_ns, changes_ns)
        else:
            uncertain.append(rule.code)
        if rule.confidences is not None:
            least, most = rule.confidences(order, context)
            lowest, highest = max(lowest, least), min(highest, most)
        if denial is not None and denial.code not in excepted:
            found = denial
            break
    return Outlook(found, until_ns, lowest, highest, tuple(uncertain))


def check_order(
    order: OrderProposal, context: RiskContext, now_ns: int, excepted: Collection[str] = ()
) -> Denial | None:
    """Check an order against all rules at venue time `now_ns`.

    Denials with an `excepted` code are ignored, unless a base rule made them.

    Returns:
        The first denial; None if the order may be made.
    """
    rules = active_rules(context.limits, context.plan)
    denial = _first_denial(rules.base, order, context, now_ns)
    if denial is not None or not order.opening_volume > 0:
        return denial
    return _first_denial(rules.opening, order, context, now_ns, excepted)


def excepted_denials(
    order: OrderProposal, context: RiskContext, now_ns: int, excepted: Collection[str]
) -> dict[str, Denial]:
    """Return the denials at venue time `now_ns` that a person has overridden for an order, by code."""
    if not excepted or not order.opening_volume > 0:
        return {}
    found = (rule.check(order, context, now_ns) for rule in OPENING_RULES)
    return {denial.code: denial for denial in found if denial is not None and denial.code in excepted}


def check_before_sizing(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Check an opening order, before its sizing, against the rules that do not depend on its volume and price.

    This avoids the computation of the volume while a rule denies every tick. After None, `check_sized` must check the
    other rules. `now_ns` is venue time.
    """
    for check in active_rules(context.limits, context.plan).before_sizing:
        denial = check(order, context, now_ns)
        if denial is not None:
            return denial
    return None


def check_sized(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Check an opening order against the rules that `check_before_sizing` did not check, at the same tick.

    `now_ns` is venue time.
    """
    return _first_denial(active_rules(context.limits, context.plan).after_sizing, order, context, now_ns)


def check_resting(
    order: OrderProposal, context: RiskContext, now_ns: int, excepted: Collection[str] = ()
) -> Denial | None:
    """Return the denial that requires the cancel of a resting order at venue time `now_ns`; None if it may rest.

    Only rules of the phase RESTING are checked. Their denials usually last for many ticks, unlike those of rules such
    as SPREAD. The rules with an `excepted` code remain overridden for a manual order.
    """
    return _first_denial(active_rules(context.limits, context.plan).resting, order, context, now_ns, excepted)


def check_base_rules(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Check the rules that apply to every order, including an order that only closes, at venue time `now_ns`."""
    return _first_denial(active_rules(context.limits, context.plan).base, order, context, now_ns)


def check_closed_part(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Check the part that closes, of a market order that reverses a position, as `check_base_rules` would.

    The rules have allowed the whole order at the same tick, at venue time `now_ns`.
    """
    return _first_denial(active_rules(context.limits, context.plan).closed_part, order, context, now_ns)


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
