"""The explanation of a risk rule: its latest denial, its resets and its stored state."""

from __future__ import annotations

from collections.abc import Sequence

from proto.control import denial_message, describe_values
from proto.control.views import WhyLine, WhyReply, WhyStep
from proto.time import utc_text
from services.portfolio.core.account.events import Event, OrderDenied, RiskReset
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.queries.denial_hints import DENIAL_HINTS, denial_hint
from services.portfolio.core.queries.explain_format import (
    LINE_CHARS_MAX,
    TEXT_CHARS_MAX,
    truncate_facts,
    truncate_lines,
)
from services.portfolio.core.risk.registry import EXCEPTABLE_CODES, RESET_OF_CODE, remembered_values
from services.portfolio.core.risk.state import RiskState


def is_rule(name: str) -> bool:
    """Whether `name` is a code of a risk rule, of the position rule or of the sizing."""
    return name in DENIAL_HINTS or name in RESET_OF_CODE


def explain_rule(rule: str, events: Sequence[Event], cursor: TickCursor, risk_state: RiskState) -> WhyReply:
    """Explain one rule.

    Args:
        rule: code of the rule.
        events: the ledger's latest denials by the rule and resets of the rule, in order.
        cursor: the tick cursor, with the counts of denials in this stream.
        risk_state: the state of the rules.
    """
    denials = [event for event in events if isinstance(event, OrderDenied)]
    resets = [event for event in events if isinstance(event, RiskReset)]
    counted = cursor.denied.get(rule, 0)
    summary = f"{rule} denied {counted} time{'s' * (counted != 1)} in this stream"
    steps = []
    if denials:
        latest = denials[-1]
        facts = {"symbol": latest.symbol, "limit": latest.limit, "observed": latest.observed}
        if latest.denial_id:
            facts["denial"] = latest.denial_id
        steps.append(WhyStep(name="latest denial", time_ns=latest.time_ns, facts=truncate_facts(facts), lines=[]))
        summary += f"; the latest: {latest.symbol}, {denial_message(limit=latest.limit, observed=latest.observed)}"
    if resets:
        latest_reset = resets[-1]
        steps.append(reset_step(resets))
        summary += (
            f"; reset by {latest_reset.person or 'a person'} at {utc_text(latest_reset.time_ns)}: {latest_reset.reason}"
        )
    present = remembered_values(risk_state, rule, "") if rule in RESET_OF_CODE else {}
    present["what would have to change"] = denial_hint(rule)
    if rule in RESET_OF_CODE:
        present["cleared by"] = f"paperdesk risk reset {rule} --reason ..."
    present["an order by hand passes it"] = f"with --past-rule {rule}" if rule in EXCEPTABLE_CODES else "never"
    steps.append(WhyStep(name="current state", time_ns=cursor.time_ns, facts=truncate_facts(present), lines=[]))
    return WhyReply(kind="rule", subject=rule, summary=summary[:TEXT_CHARS_MAX], steps=steps)


def reset_step(resets: Sequence[RiskReset]) -> WhyStep:
    """Return a step with the given resets, each with the rule's stored state before and after."""
    lines = [WhyLine(time_ns=reset.time_ns, words=_reset_text(reset)[:LINE_CHARS_MAX]) for reset in resets]
    return WhyStep(name="resets", time_ns=resets[-1].time_ns, facts={}, lines=truncate_lines(lines))


def _reset_text(reset: RiskReset) -> str:
    subject = f"{reset.rule} of {reset.symbol}" if reset.symbol else reset.rule
    return (
        f"{subject} reset by {reset.person or 'a person'}: {reset.reason}; "
        f"before {describe_values(reset.before)}; after {describe_values(reset.after)}"
    )
