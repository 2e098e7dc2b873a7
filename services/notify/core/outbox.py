"""Messages on their way to the targets: grouping, delays, limits, tries and back-off.

A message that has not been tried takes further alerts of its rule while it waits: for its group, for the end of quiet
hours, for its rate limit or for an earlier message. With its first try its text is fixed. Each target has at most one
message in flight.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec import structs

from proto.notify import MessageKind, MessageState, WaitReason
from proto.time import HOUR_NS, SECOND_NS, Now
from services.notify.core.quiet_hours import quiet_until
from services.notify.core.rows import UNFINISHED, AlertRow, MessageRow
from services.notify.core.rules import Rule, Rules

ALERTS_PER_MESSAGE_MAX: Final = 20
"""Most alerts of one message, whose text some targets limit; a further alert begins another message."""

RETRY_S_MAX: Final = 300
"""Longest pause of the back-off of a target that fails: 1 s, doubled after each failure."""

FRESH_WAIT_NS: Final = 10 * SECOND_NS
"""Longest pause after a failure before a message that was not tried yet, because only one message may be bad."""

GIVEN_UP_NS: Final = 24 * HOUR_NS
"""Time since the first try after which a failing message is given up."""

FAILURES_MIN: Final = 3
"""Failures in a row from which a target counts as failing; a single one is usual in a network."""

_UNGROUPED: Final = (MessageKind.ESCALATION, MessageKind.SUMMARY)
"""Kinds of messages that do not wait for further alerts; those of one step still come together."""

_FAILURES_COUNTED_MAX: Final = 3
"""Failures above which messages count as equal, so that after an outage the oldest is sent first."""

Render = Callable[[MessageRow], MessageRow | None]
"""Returns a message with its text; None if none of its alerts is to be sent any more."""


_GroupKey = tuple[str, str, MessageKind, bool]


class _Target:
    """State of one target in this process."""

    def __init__(self) -> None:
        self.in_flight = 0
        """Number of the message that is being tried; 0 for none."""
        self.failures = 0
        """Failures since the last success."""
        self.failed_mono_ns = 0
        self.error = ""
        self.last_failed = 0
        """Number of the message whose try failed last; 0 after a success."""

        self.failures_of: dict[int, int] = {}
        """Failures of each message in this process, by its number."""

    def free_mono_ns(self, message: MessageRow) -> int:
        """Monotonic time from which a message may be tried."""
        if not self.failures:
            return 0
        pause_ns = min(1 << min(self.failures - 1, 20), RETRY_S_MAX) * SECOND_NS
        return self.failed_mono_ns + (pause_ns if message.number in self.failures_of else min(pause_ns, FRESH_WAIT_NS))


class Outbox:
    """The unfinished messages, by number."""

    def __init__(self, rules: Rules, desk_id: str, next_number: int, is_critical: Callable[[int], bool]) -> None:
        """Start without messages.

        Args:
            rules: the rules.
            desk_id: first part of the keys of new messages.
            next_number: number of the next message.
            is_critical: whether the alert with a number is CRITICAL.
        """
        self._rules = rules
        self._is_critical = is_critical
        self._desk_id = desk_id
        self._next_number = next_number
        self.messages: dict[int, MessageRow] = {}
        self.changed: dict[int, MessageRow] = {}
        """Messages that the current step has changed."""
        self.removed: list[int] = []
        """Messages that the current step has removed."""
        self._open: dict[_GroupKey, int] = {}
        """Number of the latest message of each group, which may take further alerts."""
        self._by_alert: dict[int, set[int]] = {}
        """Numbers of the unfinished messages, by the alerts that they carry."""
        self._targets = {target: _Target() for target in rules.targets}
        self._started: dict[tuple[str, str], deque[int]] = defaultdict(deque)
        """Times of first tries within the interval of the rate limit, by rule and target."""

    def restore(self, messages: Iterable[MessageRow], started: Iterable[tuple[str, str, int]], now: Now) -> set[int]:
        """Continue with the stored messages. Their delays are computed again, and what was tried is tried at once.

        Messages in which an alert waits because it must last longer are removed: the rules may have changed.

        Args:
            messages: the messages; finished ones are left out.
            started: rule, target and time in UTC nanoseconds of each first try that counts for a rate limit.
            now: the time.

        Returns:
            The numbers of the alerts of removed messages.
        """
        removed: set[int] = set()
        for rule, target, started_ns in sorted(started, key=lambda one: one[2]):
            self._started[rule, target].append(min(started_ns, now.domain_ns))
        for message in messages:
            if message.state not in UNFINISHED:
                continue
            self._keep(message)
            if message.waits_for is WaitReason.DURATION and not message.started_ns:
                self._remove(message)
                removed.update(message.alerts)
                continue
            self._open[_group_key(message)] = message.number
            if message.target not in self._targets:
                error = f"NOTIFY_FILE has no target {message.target} any more"
                self._put(message, state=MessageState.GIVEN_UP, last_error=error)
        self.clamp(now)
        return removed

    def clamp(self, now: Now) -> None:
        """After a step of the wall clock back, bring the due times back into their spans."""
        for message in list(self.messages.values()):
            rule = self._rules.of(message.rule)
            span_s = 0 if rule is None else rule.group_s
            if message.waits_for is WaitReason.DURATION and rule is not None:
                span_s = max(rule.after_s, rule.repeat_s)
            latest_ns = now.domain_ns + span_s * SECOND_NS
            if message.due_ns > latest_ns:
                self._put(message, due_ns=latest_ns)
            if message.started_ns > now.domain_ns:
                self._put(self.messages[message.number], started_ns=now.domain_ns)
        for times in self._started.values():
            for index, started_ns in enumerate(times):
                times[index] = min(started_ns, now.domain_ns)

    # -------------------------------------------------------------------------------------------------------- messages

    def add(
        self, alert: AlertRow, target: str, rule: Rule, kind: MessageKind, now: Now, *, not_before_ns: int = 0
    ) -> None:
        """Let an alert be sent: in a message that still waits, or in a new one.

        Before `not_before_ns` the alert waits in a message of its own, because what it is about may end until then.
        """
        assert target in self._targets, target
        if not_before_ns > now.domain_ns:
            self._new(alert, target, rule, kind, now, due_ns=not_before_ns, waits_for=WaitReason.DURATION)
            return
        joined = self._joinable(alert, target, rule, kind)
        if joined is not None:
            self._put(joined, alerts=[*joined.alerts, alert.number])
            if joined.waits_for is WaitReason.RATE_LIMIT and self._ignores_rate(self.messages[joined.number]):
                self._put(self.messages[joined.number], due_ns=now.domain_ns, waits_for=WaitReason.QUEUE)
        else:
            group_s = 0 if kind in _UNGROUPED else rule.group_s
            due_ns = now.domain_ns + group_s * SECOND_NS
            reason = WaitReason.GROUPING if group_s else WaitReason.QUEUE
            self._new(alert, target, rule, kind, now, due_ns=due_ns, waits_for=reason)

    def withdraw(self, number: int) -> set[str]:
        """Remove the messages in which an alert waits because what it is about has not lasted long enough.

        Returns:
            The names of their rules.
        """
        found = [one for one in self._carrying(number) if one.waits_for is WaitReason.DURATION and not one.started_ns]
        for message in found:
            self._remove(message)
        return {one.rule for one in found}

    def is_waiting(self, number: int, target: str) -> bool:
        """Whether an unfinished message has an alert for a target, as the first one or as an escalation."""
        return any(one.target == target and one.kind is not MessageKind.ENDED for one in self._carrying(number))

    def release_lasting(self, alerts: Mapping[int, AlertRow], now: Now) -> None:
        """Put the alerts that have lasted long enough into the messages of their rules."""
        for message in list(self.messages.values()):
            is_due = message.due_ns <= now.domain_ns and not message.started_ns
            rule = self._rules.of(message.rule)
            if message.waits_for is WaitReason.DURATION and is_due and rule is not None:
                self._remove(message)
                for number in message.alerts:
                    self.add(alerts[number], message.target, rule, message.kind, now)

    # ----------------------------------------------------------------------------------------------------------- tries

    def start_due(self, now: Now, render: Render) -> list[MessageRow]:
        """Begin the tries that are due, at most one for each target, and return their messages."""
        started = []
        for name, target in self._targets.items():
            while not target.in_flight and (message := self._next(name, target, now)) is not None:
                fixed = message if message.started_ns else render(message)
                if fixed is None:
                    self._remove(message)
                    continue
                target.in_flight = message.number
                first = {} if message.started_ns else {"started_ns": now.domain_ns}
                if first:
                    self._started[message.rule, name].append(now.domain_ns)
                tried = structs.replace(fixed, state=MessageState.SENDING, tries=message.tries + 1, **first)
                self._forget(message)
                self._keep(tried)
                if first:  # later tries change nothing that a restart needs
                    self.changed[message.number] = tried
                started.append(tried)
        return started

    def finish(self, number: int, error: str, now: Now, *, is_kept: bool = False) -> MessageRow | None:
        """Take the result of a try; `error` is empty if the target accepted the message.

        A message that `is_kept` is never given up.

        Returns:
            The message; None if it is not known any more.
        """
        message = self.messages.get(number)
        if message is None or (target := self._targets.get(message.target)) is None:
            return None
        if target.in_flight == number:
            target.in_flight = 0
        if not error:
            target.failures = target.last_failed = 0
            target.failures_of.pop(number, None)
            return self._put(message, state=MessageState.SENT, last_error="", sent_ns=now.domain_ns)
        target.failures += 1
        target.failures_of[number] = target.failures_of.get(number, 0) + 1
        target.failed_mono_ns, target.last_failed, target.error = now.mono_ns, number, error
        if now.domain_ns - message.started_ns >= GIVEN_UP_NS and not is_kept:
            del target.failures_of[number]
            return self._put(message, state=MessageState.GIVEN_UP, last_error=error)
        again_ns = now.domain_ns + target.free_mono_ns(message) - now.mono_ns
        return self._put(message, last_error=error, due_ns=again_ns, waits_for=WaitReason.RETRY)

    def next_due_mono_ns(self, now: Now) -> int | None:
        """Monotonic time at which the next message may be due; None without one."""
        times = []
        for message in self.messages.values():
            target = self._targets[message.target]
            if target.in_flight:
                continue
            if self._must_follow(message):
                continue
            due_ns = message.due_ns if _is_delayed(message) else 0
            times.append(max(now.mono_ns + due_ns - now.domain_ns, target.free_mono_ns(message)))
        return min(times, default=None)

    @property
    def targets(self) -> list[str]:
        """The names of the targets."""
        return list(self._targets)

    def backlog(self, now_ns: int) -> dict[str, tuple[int, int]]:
        """For each target, the number of unfinished messages and the time since the oldest of them was due, in ns."""
        found = dict.fromkeys(self._targets, (0, 0))
        for message in self.messages.values():
            count, age_ns = found[message.target]
            due_ns = message.due_ns if _is_delayed(message) else message.started_ns
            found[message.target] = count + 1, max(age_ns, now_ns - due_ns)
        return found

    def problems(self) -> dict[str, str]:
        """For each target whose last tries failed, how many and the last error; one that fails once is left out."""
        found = {}
        for name, target in self._targets.items():
            if target.failures >= FAILURES_MIN:
                found[name] = f"{target.failures} tries failed, {target.error}"
        return found

    # ------------------------------------------------------------------------------------------------------------------

    def _next(self, name: str, target: _Target, now: Now) -> MessageRow | None:
        """The message to try next at a target; changes the due time of messages that have to wait longer."""
        ready = []
        for message in list(self.messages.values()):
            if message.target != name or target.free_mono_ns(message) > now.mono_ns:
                continue
            if _is_delayed(message) and message.due_ns > now.domain_ns:
                continue
            if not self._must_follow(message):
                ready.append(message)
        failures = target.failures_of
        ready.sort(
            key=lambda one: (
                one.number == target.last_failed,
                min(failures.get(one.number, 0), _FAILURES_COUNTED_MAX),
                one.number,
            )
        )
        for message in ready:
            due_ns, reason = self._delay(message, now)
            if due_ns <= now.domain_ns:
                return message
            if (due_ns, reason) != (message.due_ns, message.waits_for):
                self._put(message, due_ns=due_ns, waits_for=reason)
        return None

    def _must_follow(self, message: MessageRow) -> bool:
        """Whether the beginning of what this message is about has not been delivered to the target yet."""
        return message.kind is MessageKind.ENDED and any(
            other.target == message.target and other.kind is not MessageKind.ENDED
            for number in message.alerts
            for other in self._carrying(number)
        )

    def _carrying(self, number: int) -> list[MessageRow]:
        return [self.messages[one] for one in self._by_alert.get(number, ())]

    def _delay(self, message: MessageRow, now: Now) -> tuple[int, WaitReason]:
        """The time before which a due message must not be tried, and why."""
        rule = self._rules.of(message.rule)
        if rule is None:
            return 0, WaitReason.QUEUE
        if not message.is_urgent and rule.quiet:
            end_ns = quiet_until(now.domain_ns, rule.quiet, self._rules.zone)
            if end_ns > now.domain_ns:
                return end_ns, WaitReason.QUIET_HOURS
        if not message.started_ns and not self._ignores_rate(message):
            times = self._started[message.rule, message.target]
            while times and times[0] <= now.domain_ns - rule.rate_ns:
                times.popleft()
            if len(times) >= rule.rate_max:
                return times[len(times) - rule.rate_max] + rule.rate_ns, WaitReason.RATE_LIMIT
        return 0, WaitReason.QUEUE

    def _ignores_rate(self, message: MessageRow) -> bool:
        """Whether a message has a CRITICAL alert, which does not wait for a rate limit; its end does."""
        return message.kind is not MessageKind.ENDED and any(map(self._is_critical, message.alerts))

    def _joinable(self, alert: AlertRow, target: str, rule: Rule, kind: MessageKind) -> MessageRow | None:
        """The latest message of a group, if it can take another alert."""
        number = self._open.get((target, rule.name, kind, rule.is_urgent(alert)), 0)
        message = self.messages.get(number)
        if (
            message is None
            or message.started_ns
            or message.waits_for is WaitReason.DURATION
            or len(message.alerts) >= ALERTS_PER_MESSAGE_MAX
            or alert.number in message.alerts
        ):
            return None
        return message

    def _new(
        self,
        alert: AlertRow,
        target: str,
        rule: Rule,
        kind: MessageKind,
        now: Now,
        *,
        due_ns: int,
        waits_for: WaitReason,
    ) -> None:
        number, self._next_number = self._next_number, self._next_number + 1
        message = self._put(
            MessageRow(
                number=number,
                key=f"{self._desk_id}-{number}",
                target=target,
                rule=rule.name,
                kind=kind,
                alerts=[alert.number],
                created_ns=now.domain_ns,
                due_ns=due_ns,
                is_urgent=rule.is_urgent(alert),
                waits_for=waits_for,
            )
        )
        if waits_for is not WaitReason.DURATION:
            self._open[_group_key(message)] = number

    def _put(self, message: MessageRow, **changes: object) -> MessageRow:
        changed = structs.replace(message, **changes) if changes else message
        self.changed[changed.number] = changed
        self._forget(message)
        if changed.state in UNFINISHED:
            self._keep(changed)
        return changed

    def _keep(self, message: MessageRow) -> None:
        self.messages[message.number] = message
        for number in message.alerts:
            self._by_alert.setdefault(number, set()).add(message.number)

    def _forget(self, message: MessageRow) -> None:
        if self.messages.pop(message.number, None) is not None:
            for number in message.alerts:
                carrying = self._by_alert.get(number, set())
                carrying.discard(message.number)
                if not carrying:
                    self._by_alert.pop(number, None)

    def _remove(self, message: MessageRow) -> None:
        self._forget(message)
        self.changed.pop(message.number, None)
        self.removed.append(message.number)


def _group_key(message: MessageRow) -> _GroupKey:
    return message.target, message.rule, message.kind, message.is_urgent


def _is_delayed(message: MessageRow) -> bool:
    """Whether the due time of a message counts: it has not been tried, or quiet hours have begun since."""
    return not message.started_ns or message.waits_for is WaitReason.QUIET_HOURS
