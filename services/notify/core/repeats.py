"""Repeats: the same code and subject again within a time is not sent again, only counted.

A condition that has begun again and still lasts when that time is over is sent then, so that a flapping condition is
never taken as ended.
"""

from __future__ import annotations

from msgspec import Struct, structs

from proto.control import severity_rank
from proto.time import DAY_NS, SECOND_NS
from services.notify.core.rows import AlertRow
from services.notify.core.rules import Rule
from services.notify.core.text import Repeats

Key = tuple[str, str, str]


class RepeatEntry(Struct, frozen=True, kw_only=True):
    """The last alert of a rule, code and subject that was sent, with the count of those that came since.

    `earlier` is the count before this alert, since `earlier_ns`.
    """

    rule: str
    alert: AlertRow
    sent_ns: int
    count: int = 0
    earlier: int = 0
    earlier_ns: int = 0


class RepeatCounter:
    """Counts the repeats of each rule, code and subject."""

    def __init__(self, entries: list[RepeatEntry]) -> None:
        """Continue with stored entries."""
        self._entries = {(one.rule, one.alert.code, one.alert.subject): one for one in entries}

    def held_until_ns(self, rule: Rule, alert: AlertRow, now_ns: int, *, is_change: bool = False) -> int:
        """Count an alert if it repeats one that was sent: the end of the time without a second; 0 if it is sent.

        A graver alert is no repeat, nor one with another text if `is_change`: what lasts has changed.
        """
        if not rule.repeat_s:
            return 0
        key = (rule.name, alert.code, alert.subject)
        found = self._entries.get(key)
        is_repeat = (
            found is not None
            and found.sent_ns + rule.repeat_s * SECOND_NS > now_ns
            and not (is_change and found.alert.text != alert.text)
            and severity_rank(found.alert.severity) >= severity_rank(alert.severity)
        )
        if found is not None and is_repeat:
            self._entries[key] = structs.replace(found, count=found.count + 1)
            return found.sent_ns + rule.repeat_s * SECOND_NS
        earlier = {} if found is None else {"earlier": found.count, "earlier_ns": found.sent_ns}
        self._entries[key] = RepeatEntry(rule=rule.name, alert=alert, sent_ns=now_ns, **earlier)
        return 0

    def waits_until_ns(self, rule: Rule, alert: AlertRow) -> int:
        """The end of the time in which an alert that was counted is not sent; 0 if it repeats none."""
        found = self._entries.get((rule.name, alert.code, alert.subject))
        if found is None or found.alert.number >= alert.number:
            return 0
        return found.sent_ns + rule.repeat_s * SECOND_NS

    def forget(self, rule: str, alert: AlertRow) -> None:
        """Forget an alert that ended before it was sent, so that the next one is no repeat of it."""
        key = (rule, alert.code, alert.subject)
        if key in self._entries and self._entries[key].alert.number == alert.number:
            del self._entries[key]

    def first_of(self, rule: Rule, alert: AlertRow) -> AlertRow | None:
        """The alert that was sent of the same rule, code and subject; None without one."""
        found = self._entries.get((rule.name, alert.code, alert.subject))
        return None if found is None else found.alert

    def on_sent(self, rule: Rule, alert: AlertRow, now_ns: int) -> None:
        """Count from now on for an alert that was held, or began before the rule had it, and is sent now."""
        key = (rule.name, alert.code, alert.subject)
        found = self._entries.get(key)
        if rule.repeat_s and found is None and alert.lasts:
            self._entries[key] = RepeatEntry(rule=rule.name, alert=alert, sent_ns=now_ns)
        elif rule.repeat_s and found is not None and found.alert.number < alert.number:
            self._entries[key] = RepeatEntry(
                rule=rule.name,
                alert=alert,
                sent_ns=now_ns,
                earlier=max(0, found.count - 1),  # the alert itself was counted when it was held
                earlier_ns=found.sent_ns,
            )

    def of(self, rule: Rule, alert: AlertRow, *, is_ended: bool) -> Repeats | None:
        """The repeats to tell with an alert: those before it, or since it with its end."""
        found = self._entries.get((rule.name, alert.code, alert.subject))
        if found is None or found.alert.number != alert.number:
            return None
        return Repeats(found.count, found.sent_ns) if is_ended else Repeats(found.earlier, found.earlier_ns)

    def update(self, alert: AlertRow) -> None:
        """Take a changed row of an alert."""
        for key, found in self._entries.items():
            if key[1:] == (alert.code, alert.subject) and found.alert.number == alert.number:
                self._entries[key] = structs.replace(found, alert=alert)

    def expire(self, rules: dict[str, Rule], now_ns: int) -> None:
        """Forget entries whose time is over, those with a count after a further day."""
        for key, found in list(self._entries.items()):
            rule = rules.get(found.rule)
            if rule is None or not rule.repeat_s:
                del self._entries[key]
                continue
            end_ns = found.sent_ns + rule.repeat_s * SECOND_NS + (DAY_NS if found.count else 0)
            if end_ns <= now_ns:
                del self._entries[key]

    def clamp(self, now_ns: int) -> None:
        """After a step of the clock back, no alert was sent in the future."""
        for key, found in self._entries.items():
            if found.sent_ns > now_ns:
                self._entries[key] = structs.replace(found, sent_ns=now_ns)

    @property
    def entries(self) -> list[RepeatEntry]:
        """The entries to store."""
        return list(self._entries.values())
