"""Rules: which alerts are sent to which targets, and how they are delayed, grouped and limited."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, time, tzinfo
from string import Formatter
from typing import Final

from msgspec import Struct

from proto.control import Severity, severity_rank
from proto.time import SECOND_NS
from services.notify.core.codes import NOTIFY_FAILS, matches
from services.notify.core.quiet_hours import Interval
from services.notify.core.rows import AlertRow

TEMPLATE_FIELDS: Final = (
    "mode",
    "desk",
    "code",
    "subject",
    "severity",
    "text",
    "time",
    "number",
    "rule",
    "link",
)
"""Fields of the templates of a rule; the page about alarms describes them."""

_SPACES: Final = re.compile(r"[ \t]{2,}")


class Rule(Struct, frozen=True, kw_only=True):
    """A rule of the rules file. `events` are codes or patterns; without `symbols` any subject matches."""

    name: str
    events: list[str]
    targets: list[str]
    severity: Severity = Severity.INFO
    symbols: list[str] = []
    after_s: int = 0
    title: str = "{mode} {desk}: {code} {subject}"
    text: str = "{text}"
    group_s: int = 5
    rate_max: int = 20
    rate_s: int = 3_600
    repeat_s: int = 0
    quiet: list[Interval] = []
    quiet_critical: bool = False
    escalate_after_s: int = 0
    escalate_to: list[str] = []
    ended: bool = True

    def matches(self, alert: AlertRow) -> bool:
        """Whether the rule is about an alert."""
        return (
            severity_rank(alert.severity) >= severity_rank(self.severity)
            and (not self.symbols or alert.subject in self.symbols)
            and any(matches(pattern, alert.code) for pattern in self.events)
        )

    def is_urgent(self, alert: AlertRow) -> bool:
        """Whether quiet hours do not delay an alert."""
        return not self.quiet or (alert.severity is Severity.CRITICAL and not self.quiet_critical)

    @property
    def rate_ns(self) -> int:
        """Nanoseconds within which at most `rate_max` messages are sent."""
        return self.rate_s * SECOND_NS


class Rules(Struct, frozen=True, kw_only=True):
    """What the rules file says, without the addresses of the targets.

    `summary_at` is the local time of the daily summary, None without one. `desk` is the name of the desk in messages.
    """

    desk: str
    rules: list[Rule]
    targets: list[str]
    zone: tzinfo = UTC
    page_url: str = ""
    summary_at: time | None = None

    def of(self, name: str) -> Rule | None:
        """The rule with a name; None if it was removed since a message was made."""
        return next((rule for rule in self.rules if rule.name == name), None)

    def of_end(self, name: str, alert: AlertRow, target: str) -> Rule:
        """The rule by which a target gets the end of an alert of whose beginning the rule with a name has told it.

        If that rule was removed since, it is the one by which the target would get the alert now, else a plain one.
        """
        return self.of(name) or self.recipients(alert)[1].get(target) or Rule(name=name, events=[], targets=[])

    def recipients(self, alert: AlertRow, *, failing: Collection[str] = ()) -> tuple[list[str], dict[str, Rule]]:
        """The names of the rules that match an alert, and for each target the first of them.

        The targets that are `failing` do not get NOTIFY_FAILS, which would reach them when it is over.
        """
        matching = [rule for rule in self.rules if rule.matches(alert)]
        by_target: dict[str, Rule] = {}
        for rule in matching:
            for target in rule.targets:
                if alert.code == NOTIFY_FAILS and target in failing:
                    continue
                by_target.setdefault(target, rule)
        return [rule.name for rule in matching], by_target

    @property
    def rate_ns_max(self) -> int:
        """The longest interval of a rate limit in nanoseconds."""
        return max((rule.rate_ns for rule in self.rules), default=0)


def template_problem(template: str) -> str:
    """What is wrong with a template; empty if it can be used."""
    try:
        for _, field, _, conversion in Formatter().parse(template):
            if field is not None and (field not in TEMPLATE_FIELDS or conversion):
                return f"no field {{{field}}}" if field not in TEMPLATE_FIELDS else f"no conversion !{conversion}"
        template.format(**dict.fromkeys(TEMPLATE_FIELDS, "x"))
    except (ValueError, LookupError, AttributeError) as error:
        return str(error)
    return ""


def filled(template: str, fields: dict[str, str]) -> str:
    """A template with its fields; spaces around an empty field become one."""
    lines = template.format(**fields).splitlines()
    return "\n".join(_SPACES.sub(" ", line).strip() for line in lines).strip()
