"""Tables derived from the declarations of the rules: active rules under a set of limits, and properties of codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from services.portfolio.core.account.events import RiskReset
from services.portfolio.core.plan.plan import PLAIN, Plan
from services.portfolio.core.risk.equity_levels import EquityLevel
from services.portfolio.core.risk.limits import NO_LIMITS, Limits
from services.portfolio.core.risk.rule import Check, EquityWatch, Phase, RiskRule, RuleReset
from services.portfolio.core.risk.rules import RULES
from services.portfolio.core.risk.state import RiskState

OPENING_PHASES: Final = Phase.BEFORE_SIZING | Phase.SIZED

BASE_RULES: Final = tuple(rule for rule in RULES if Phase.BASE in rule.phases)
OPENING_RULES: Final = tuple(rule for rule in RULES if rule.phases & OPENING_PHASES and rule not in BASE_RULES)

HINT_OF_CODE: Final = {code.code: code.hint for rule in RULES for code in rule.codes}
"""Hint of every code, in the order of the rules."""

EXCEPTABLE_CODES: Final = frozenset(rule.code for rule in RULES if rule.can_be_excepted)
"""Codes of rules that a person may override for a manual order, by naming the code and giving a reason."""

RESET_OF_CODE: Final[dict[str, RuleReset]] = {
    rule.code: rule.reset for rule in sorted(RULES, key=lambda rule: rule.code) if rule.reset is not None
}
"""Resets of the rules that keep a state, by code."""

ON_RESUME: Final = {rule.code: rule.on_resume for rule in RULES if rule.on_resume is not None}
"""Functions that clear the state of a rule when a person resumes trading, by code.

Otherwise these rules would restrict the desk again at once.
"""

ENDS_WITH_DAY: Final = frozenset(rule.code for rule in RULES if rule.ends_with_day)
"""Codes of rules whose restriction of the desk `rearm_at_day_end` ends."""

CODES_WITH_CONDITION: Final = frozenset(code.code for rule in RULES if rule.has_condition for code in rule.codes)
"""Codes of the denials whose cause a condition of the desk reports."""

Update = Callable[[RiskState, Any, Limits], None]


def _updates() -> dict[type[Any], tuple[Update, ...]]:
    found: dict[type[Any], tuple[Update, ...]] = {}
    for rule in RULES:
        for event_type, update in (rule.updates or {}).items():
            found[event_type] = (*found.get(event_type, ()), update)
    return found


UPDATES_OF_EVENT: Final = _updates()
"""Functions that update the state of the rules from an event, by the event's type."""


class ActiveRules(NamedTuple):
    """The rules that may deny an order under a set of limits and a plan, and their checks, by phase."""

    limits: Limits
    plan: Plan
    by_phase: Mapping[Phase, tuple[RiskRule, ...]]
    base: tuple[Check, ...]
    before_sizing: tuple[Check, ...]
    opening: tuple[Check, ...]
    after_sizing: tuple[Check, ...]
    """Checks of the base rules and of the rules on a sized order, except those in `before_sizing`."""
    resting: tuple[Check, ...]
    closed_part: tuple[Check, ...]
    equity_watches: tuple[EquityWatch, ...]
    equity_levels: tuple[EquityLevel, ...]
    """Levels of the equity at which the result of a rule may change."""
    unlevelled_watches: tuple[str, ...]
    """Codes of the rules whose equity watch may change its result at any equity."""
    needs_equity: bool
    needs_spread: bool


def _activate(limits: Limits, plan: Plan) -> ActiveRules:
    active = [rule for rule in RULES if rule.is_active(limits, plan)]

    def checks(found: Callable[[RiskRule], object]) -> tuple[Check, ...]:
        return tuple(rule.check for rule in active if found(rule))

    return ActiveRules(
        limits,
        plan,
        by_phase={phase: tuple(rule for rule in active if phase in rule.phases) for phase in Phase},
        base=checks(lambda rule: Phase.BASE in rule.phases),
        before_sizing=checks(lambda rule: Phase.BEFORE_SIZING in rule.phases),
        opening=checks(lambda rule: rule.phases & OPENING_PHASES and Phase.BASE not in rule.phases),
        after_sizing=checks(
            lambda rule: rule.phases & (Phase.BASE | Phase.SIZED) and Phase.BEFORE_SIZING not in rule.phases
        ),
        resting=checks(lambda rule: Phase.RESTING in rule.phases),
        closed_part=checks(lambda rule: Phase.CLOSED_PART in rule.phases),
        equity_watches=tuple(rule.equity_watch for rule in active if rule.equity_watch is not None),
        equity_levels=tuple(level for rule in active if rule.equity_levels for level in rule.equity_levels(limits)),
        unlevelled_watches=tuple(rule.code for rule in active if rule.equity_watch and rule.equity_levels is None),
        needs_equity=any(rule.needs_equity for rule in active),
        needs_spread=any(rule.needs_spread for rule in active),
    )


_latest = _activate(NO_LIMITS, PLAIN)


def active_rules(limits: Limits, plan: Plan) -> ActiveRules:
    """Return the rules that are active under `limits` and `plan`.

    The result for the latest limits and plan is cached, because a desk has only one of each.
    """
    global _latest
    found = _latest
    if found.limits is not limits or found.plan is not plan:
        found = _latest = _activate(limits, plan)
    return found


def limits_of_code(code: str) -> tuple[str, ...]:
    """Return the fields of `Limits` that activate the rule with this code.

    The result is empty for a rule that needs no limit, and for an unknown code.
    """
    return tuple(limit.field for rule in RULES if rule.code == code for limit in rule.limits)


def remembered_values(risk_state: RiskState, code: str, symbol: str) -> dict[str, str]:
    """Return the stored state of a rule for a symbol, or for all if `symbol` is empty, as text by name."""
    return RESET_OF_CODE[code].values(risk_state, symbol)


def clear_rule(risk_state: RiskState, event: RiskReset) -> None:
    """Clear the state of the rule and symbol that the event names."""
    RESET_OF_CODE[event.rule].clear(risk_state, event)
