"""Escalations: an alert that nobody has acknowledged and that still lasts is sent to further targets."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from proto.time import SECOND_NS
from services.notify.core.rules import Rule, Rules


class Escalation(Struct, frozen=True):
    """The time at which an alert of a rule is escalated; 0 when that was done."""

    rule: str
    alert: int
    due_ns: int


class Escalations:
    """The open alerts whose rule has an escalation, by rule and alert."""

    def __init__(self, entries: Iterable[Escalation]) -> None:
        """Continue with stored entries."""
        self._due = {(one.rule, one.alert): one.due_ns for one in entries}

    def begin(self, rule: Rule, alert: int, now_ns: int) -> None:
        """Start the time of an alert with its first message of a rule; a further message does not start it again."""
        if rule.escalate_after_s and rule.escalate_to:
            self._due.setdefault((rule.name, alert), now_ns + rule.escalate_after_s * SECOND_NS)

    def take_due(self, now_ns: int) -> list[tuple[str, int]]:
        """The rules and alerts whose time is over, each once."""
        due = [key for key, due_ns in self._due.items() if 0 < due_ns <= now_ns]
        for key in due:
            self._due[key] = 0
        return due

    def forget(self, alert: int) -> None:
        """Stop the escalations of an alert: it has ended, or a person has acknowledged it."""
        for key in [key for key in self._due if key[1] == alert]:
            del self._due[key]

    def next_due_ns(self) -> int | None:
        """Time of the next escalation in UTC nanoseconds; None without one."""
        return min((due_ns for due_ns in self._due.values() if due_ns), default=None)

    def clamp(self, rules: Rules, now_ns: int) -> None:
        """After a step of the clock back, bring the times back into the times of the rules."""
        for key, due_ns in self._due.items():
            rule = rules.of(key[0])
            span_s = 0 if rule is None else rule.escalate_after_s
            self._due[key] = min(due_ns, now_ns + span_s * SECOND_NS)

    @property
    def entries(self) -> list[Escalation]:
        """The entries to store."""
        return [Escalation(rule, alert, due_ns) for (rule, alert), due_ns in self._due.items()]
