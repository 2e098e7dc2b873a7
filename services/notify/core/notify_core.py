"""The core of notify: turns events into alerts, and alerts into messages to targets.

Each call is a step. All rows that a step changes leave it in one `Store`, before the messages that it starts, so that
what was read and what follows from it are stored together. Times that must survive a restart are wall-clock times.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import structs

from proto.control import Severity, StatusReply
from proto.core import Core
from proto.notify import AlertPhase, MessageKind, MessageState
from proto.time import SECOND_NS, Now
from proto.trading.units import TEXT_CHARS_MAX
from services.notify.core.acknowledgement import acknowledged
from services.notify.core.codes import DAILY_SUMMARY
from services.notify.core.core_state import CORE, CoreState
from services.notify.core.escalations import Escalations
from services.notify.core.inputs import (
    Acknowledge,
    Answer,
    DayFigures,
    Deliver,
    Delivered,
    EventsRead,
    Finished,
    Message,
    Output,
    Raised,
    SourceEvent,
    StatusSeen,
    Store,
)
from services.notify.core.outbox import Outbox
from services.notify.core.quiet_hours import next_time_of_day
from services.notify.core.repeats import RepeatCounter
from services.notify.core.rows import AlertRow, Changes, MessageRow, Stored
from services.notify.core.rules import Rule, Rules
from services.notify.core.status_watch import StatusWatch
from services.notify.core.summary import summary_text
from services.notify.core.text import body_of, gravest, title_of
from services.notify.core.told import Told

CLOCK_STEP_NS: Final = SECOND_NS
"""Step of the wall clock back from which due times are computed again."""

UNUSED_ALERTS_MAX: Final = 1_000
"""Alerts in memory beyond those in use after which the unused ones are forgotten."""


class NotifyCore(Core[Message, Output]):
    """Decides which messages are sent, by the rules of one file."""

    def __init__(self, rules: Rules, stored: Stored, *, desk_id: str) -> None:
        """Continue with what is stored.

        Args:
            rules: the rules.
            stored: rows and values of the file.
            desk_id: first part of the keys of messages.
        """
        self._rules = rules
        self._stored = stored
        state = stored.values.get(CORE)
        kept = CoreState() if state is None else msgspec.json.decode(state, type=CoreState)
        self._state = kept
        self._saved_state = state
        self._repeats = RepeatCounter(kept.repeats)
        self._escalations = Escalations(kept.escalations)
        self._outbox = Outbox(rules, desk_id, stored.next_message, self._is_critical)
        self._alerts: dict[int, AlertRow] = {one.alert.number: one.alert for one in kept.repeats}
        self._alerts |= {one.number: one for one in stored.alerts}
        self._used = len(self._alerts)
        self._lasting = {
            (self._alerts[one].code, self._alerts[one].subject): one
            for one in sorted(self._alerts)
            if self._alerts[one].lasts
        }
        self._told = Told(rules.targets)
        for message in stored.messages:
            if message.started_ns and message.state is not MessageState.GIVEN_UP:
                self._told.add(message, self._alerts)
        self._next_alert = stored.next_alert
        self._status: StatusReply | None = None
        self._watch = StatusWatch()
        self._changed_alerts: dict[int, AlertRow] = {}
        self._values: dict[str, bytes] = {}
        self._raised: list[Raised] = []
        self._wall_ns = 0
        self._due_mono_ns: int | None = None

    # ------------------------------------------------------------------------------------------- what the shell calls

    def start(self, now: Now) -> list[Output]:
        """Continue: start the tries that are due."""
        self._wall_ns = now.domain_ns
        self._watch.start(now.mono_ns)
        removed = self._outbox.restore(self._stored.messages, self._stored.started, now)
        if not self._state.since_ns:
            self._state = structs.replace(self._state, since_ns=now.domain_ns)
        self._repeats.clamp(now.domain_ns)
        self._escalations.clamp(self._rules, now.domain_ns)
        self._plan_summary(now, is_start=True)
        self._tell_lasting(removed, now)
        return self._end_step(now)

    def handle(self, message: Message, now: Now) -> list[Output]:
        """Process a part of a source, the status, a person's acknowledgement or the result of a try."""
        self._check_clock(now)
        outputs: list[Output] = []
        match message:
            case EventsRead():
                self._on_events(message, now)
            case StatusSeen(status=status):
                self._on_status(status, now)
            case Acknowledge():
                outputs.append(self._acknowledge(message, now))
            case Delivered(message=number, error=error):
                finished = self._outbox.finish(number, error, now, is_kept=self._is_open_still(number))
                if finished is not None:
                    outputs.append(Finished(finished))
                    if finished.state is MessageState.GIVEN_UP:
                        self._told.forget(finished)
        return self._end_step(now, outputs)

    def next_timer(self) -> int | None:
        """Return the monotonic time of the next try, escalation or summary; None without one.

        A step of the wall clock forward is seen with the next status, a second later at most.
        """
        return self._due_mono_ns

    def on_timer(self, now: Now) -> list[Output]:
        """Do what is due."""
        self._check_clock(now)
        return self._end_step(now)

    # ------------------------------------------------------------------------------------------------ what others read

    @property
    def mode(self) -> str:
        """Label of the venue, such as SIMULATED."""
        return self._state.mode

    @property
    def open_alerts(self) -> int:
        """Number of open alerts."""
        return sum(one.is_open for one in self._alerts.values())

    @property
    def outbox(self) -> Outbox:
        """The unfinished messages."""
        return self._outbox

    # --------------------------------------------------------------------------------------------------------- sources

    def _on_events(self, read: EventsRead, now: Now) -> None:
        self._values |= read.values
        if read.mode:
            self._state = structs.replace(self._state, mode=read.mode.upper())
        if read.figures != DayFigures():
            self._state = structs.replace(self._state, figures=self._state.figures.plus(read.figures))
        for event in read.events:
            self._on_event(event, now)

    def _on_status(self, status: StatusReply | None, now: Now) -> None:
        if status is not None and status.mode:
            self._state = structs.replace(self._state, mode=status.mode.upper())
        self._status = status
        for event in self._watch.update(status, self._lasting.keys(), now.mono_ns):
            self._on_event(event, now)

    def _on_event(self, event: SourceEvent, now: Now) -> None:
        key = (event.code, event.subject)
        number = self._lasting.get(key)
        before = None if number is None else self._alerts[number]
        at_ns = min(event.time_ns, now.domain_ns) or now.domain_ns
        if event.phase is AlertPhase.ENDED:
            if before is not None:
                self._tell_end(self._end(before, at_ns), now, except_for=set())
            return
        if before is not None and event.phase is AlertPhase.BEGAN:
            if not event.replaces:
                return  # another source has reported it
            if before.text == event.text[:TEXT_CHARS_MAX]:
                self._put(structs.replace(before, repeats=before.repeats + 1))
                return
        ended = self._end(before, at_ns) if before is not None and event.replaces else None
        told = self._raise(event, at_ns, now)
        if ended is not None:
            self._tell_end(ended, now, except_for=told)

    def _raise(self, event: SourceEvent, at_ns: int, now: Now) -> set[str]:
        """Make an alert and the messages that carry it, and return their targets."""
        number, self._next_alert = self._next_alert, self._next_alert + 1
        alert = AlertRow(
            number=number,
            time_ns=at_ns,
            phase=event.phase,
            code=event.code,
            subject=event.subject,
            severity=event.severity,
            title=f"{event.code} {event.subject}".strip()[:TEXT_CHARS_MAX],
            text=event.text[:TEXT_CHARS_MAX],
            mode=self._state.mode,
            origin=event.origin,
        )
        names, by_target = self._rules.recipients(alert, failing=self._outbox.problems())
        alert = structs.replace(alert, rules=names)
        self._put(alert)
        self._raised.append(Raised(alert))
        if alert.severity is not Severity.INFO:
            field = "criticals" if alert.severity is Severity.CRITICAL else "warnings"
            self._state = structs.replace(self._state, **{field: getattr(self._state, field) + 1})
        kind = MessageKind.SUMMARY if alert.code == DAILY_SUMMARY else MessageKind.ALERT
        held: dict[str, int] = {}
        told = set()
        for target, rule in by_target.items():
            if rule.name not in held:
                held[rule.name] = self._hold(rule, alert, now, is_change=event.replaces)
            if held[rule.name] and not alert.lasts:
                continue
            self._add(alert, target, rule, kind, now, held_ns=held[rule.name])
            told.add(target)
        return told

    def _add(self, alert: AlertRow, target: str, rule: Rule, kind: MessageKind, now: Now, *, held_ns: int) -> None:
        """Let an alert be sent, not before `held_ns`, and not before it has lasted as long as the rule requires."""
        due_ns = min(alert.time_ns, now.domain_ns) + rule.after_s * SECOND_NS if alert.lasts and rule.after_s else 0
        self._outbox.add(alert, target, rule, kind, now, not_before_ns=max(due_ns, held_ns))

    def _tell_lasting(self, removed: set[int], now: Now) -> None:
        """After a start, let each target have what lasts and it does not know: the rules may have changed.

        `removed` are alerts whose messages were removed for that.
        """
        for alert in list(self._alerts.values()):
            if not alert.lasts or not (alert.is_open or alert.number in removed):
                continue
            names, by_target = self._rules.recipients(alert)
            if not set(names) <= set(alert.rules):
                alert = structs.replace(alert, rules=list(dict.fromkeys([*alert.rules, *names])))
                self._put(alert)
            for target, rule in by_target.items():
                if target in self._told.of(alert.number):
                    if alert.is_open:
                        self._escalations.begin(rule, alert.number, now.domain_ns)
                elif not self._outbox.is_waiting(alert.number, target):
                    held_ns = self._repeats.waits_until_ns(rule, alert)
                    self._add(alert, target, rule, MessageKind.ALERT, now, held_ns=held_ns)

    def _is_open_still(self, message: int) -> bool:
        """Whether a message is about something that lasts and needs a person."""
        found = self._outbox.messages.get(message)
        if found is None or found.kind is MessageKind.ENDED:
            return False
        return any(self._alerts[number].is_open and self._alerts[number].lasts for number in found.alerts)

    def _hold(self, rule: Rule, alert: AlertRow, now: Now, *, is_change: bool) -> int:
        """The time until which a repeated alert is not sent, 0 if it is sent; counts it with the first one."""
        until_ns = self._repeats.held_until_ns(rule, alert, now.domain_ns, is_change=is_change)
        first = self._repeats.first_of(rule, alert)
        if until_ns and first is not None:
            first = self._alerts.get(first.number, first)
            self._put(structs.replace(first, repeats=first.repeats + 1))
        return until_ns

    def _end(self, alert: AlertRow, at_ns: int) -> AlertRow:
        """End a lasting alert, and return it."""
        ended = structs.replace(alert, ended_ns=max(at_ns, alert.time_ns))
        self._put(ended)
        self._escalations.forget(alert.number)
        for name in self._outbox.withdraw(alert.number):
            self._repeats.forget(name, alert)
        return ended

    def _tell_end(self, ended: AlertRow, now: Now, *, except_for: set[str]) -> None:
        """Tell the end of an alert to those who were told of its beginning, except for some targets."""
        for target, name in self._told.take(ended.number).items():
            rule = self._rules.of_end(name, ended, target)
            if rule.ended and target not in except_for:
                self._outbox.add(ended, target, rule, MessageKind.ENDED, now)

    def _acknowledge(self, asked: Acknowledge, now: Now) -> Answer:
        rows = {one.number: one for one in asked.rows} | self._alerts
        changed, reply = acknowledged(asked.request, rows, now.domain_ns)
        for alert in changed:
            self._put(alert)
            self._escalations.forget(alert.number)
        return Answer(asked.ref, reply)

    # ----------------------------------------------------------------------------------------------------------- steps

    def _check_clock(self, now: Now) -> None:
        if now.domain_ns < self._wall_ns - CLOCK_STEP_NS:
            self._outbox.clamp(now)
            self._repeats.clamp(now.domain_ns)
            self._escalations.clamp(self._rules, now.domain_ns)
            self._plan_summary(now, is_start=False)
        self._wall_ns = now.domain_ns

    def _end_step(self, now: Now, outputs: list[Output] | None = None) -> list[Output]:
        """Start what is due, and return everything that the step has changed, then what the shell is to do."""
        if 0 < self._summary_due_ns <= now.domain_ns:
            self._summarize(now)
        self._escalate(now)
        self._outbox.release_lasting(self._alerts, now)
        started = self._outbox.start_due(now, lambda message: self._render(message, now))
        changes = self._take_changes(now)
        raised, self._raised = self._raised, []
        self._due_mono_ns = self._next_due_mono_ns(now)
        stored: list[Output] = [Store(changes)] if changes else []
        return [*stored, *raised, *(outputs or []), *(Deliver(one, self._severity(one)) for one in started)]

    @property
    def _summary_due_ns(self) -> int:
        """Time of the next summary; 0 for none, also until it is known whether portfolio answers."""
        return self._state.next_summary_ns if self._watch.is_settled else 0

    def _take_changes(self, now: Now) -> Changes:
        self._repeats.expire({rule.name: rule for rule in self._rules.rules}, now.domain_ns)
        for alert in self._changed_alerts.values():
            self._repeats.update(alert)
        self._state = structs.replace(self._state, repeats=self._repeats.entries, escalations=self._escalations.entries)
        state = msgspec.json.encode(self._state)
        values, self._values = self._values, {}
        if state != self._saved_state:
            self._saved_state = values[CORE] = state
        alerts, self._changed_alerts = self._changed_alerts, {}
        outbox = self._outbox
        messages, outbox.changed = outbox.changed, {}
        removed, outbox.removed = outbox.removed, []
        self._forget_unused()
        return Changes(
            alerts=[alerts[number] for number in sorted(alerts)],
            messages=[messages[number] for number in sorted(messages)],
            removed=removed,
            values=values,
        )

    def _next_due_mono_ns(self, now: Now) -> int | None:
        """The time of the next step, never before the next nanosecond: the shell must serve its sockets."""
        dues_ns = [self._escalations.next_due_ns(), self._summary_due_ns or None]
        dues = [now.mono_ns + due_ns - now.domain_ns for due_ns in dues_ns if due_ns is not None]
        message_mono_ns = self._outbox.next_due_mono_ns(now)
        if message_mono_ns is not None:
            dues.append(message_mono_ns)
        return max(min(dues), now.mono_ns + 1) if dues else None

    def _forget_unused(self) -> None:
        if len(self._alerts) < self._used + UNUSED_ALERTS_MAX:
            return
        used = {number for message in self._outbox.messages.values() for number in message.alerts}
        used |= {one.alert for one in self._escalations.entries}
        used |= {one.alert.number for one in self._repeats.entries}
        self._alerts = {
            number: alert for number, alert in self._alerts.items() if alert.is_open or alert.lasts or number in used
        }
        self._used = len(self._alerts)

    def _put(self, alert: AlertRow) -> None:
        self._alerts[alert.number] = self._changed_alerts[alert.number] = alert
        key = (alert.code, alert.subject)
        if alert.lasts:
            self._lasting[key] = max(alert.number, self._lasting.get(key, 0))
        elif self._lasting.get(key) == alert.number:
            del self._lasting[key]

    # -------------------------------------------------------------------------------------------------------- messages

    def _render(self, message: MessageRow, now: Now) -> MessageRow | None:
        """Fix the text of a message at its first try, and begin what follows from it."""
        rule = self._rules.of(message.rule) or Rule(name=message.rule, events=[], targets=[])
        alerts = [self._alerts[number] for number in message.alerts]
        if message.kind is MessageKind.ESCALATION:
            alerts = [one for one in alerts if one.is_open]
            if not alerts:
                return None
        is_ended = message.kind is MessageKind.ENDED
        for alert in alerts:
            if message.kind is MessageKind.ALERT:
                self._repeats.on_sent(rule, alert, now.domain_ns)
                if alert.is_open:
                    self._escalations.begin(rule, alert.number, now.domain_ns)
        repeats = {one.number: self._repeats.of(rule, one, is_ended=is_ended) for one in alerts}
        fixed = structs.replace(
            message,
            alerts=[one.number for one in alerts],
            title=title_of(message.kind, alerts, rule, self._rules),
            body=body_of(
                message.kind, alerts, rule, self._rules, {number: one for number, one in repeats.items() if one}
            ),
        )
        self._told.add(fixed, self._alerts)
        return fixed

    def _is_critical(self, number: int) -> bool:
        return self._alerts[number].severity is Severity.CRITICAL

    def _severity(self, message: MessageRow) -> Severity:
        if message.kind is MessageKind.ENDED:
            return Severity.INFO
        return gravest([self._alerts[number] for number in message.alerts]).severity

    def _escalate(self, now: Now) -> None:
        for name, number in self._escalations.take_due(now.domain_ns):
            rule, alert = self._rules.of(name), self._alerts.get(number)
            if rule is None or alert is None or not alert.is_open:
                continue
            alert = structs.replace(alert, escalated_ns=now.domain_ns)
            self._put(alert)
            for target in rule.escalate_to:
                self._outbox.add(alert, target, rule, MessageKind.ESCALATION, now)

    def _plan_summary(self, now: Now, *, is_start: bool) -> None:
        """Set the time of the next summary; at a start, one that was due while notify was down is sent at once."""
        at, zone = self._rules.summary_at, self._rules.zone
        due_ns = 0 if at is None else next_time_of_day(now.domain_ns, at, zone)
        kept_ns = self._state.next_summary_ns
        if is_start and due_ns and 0 < kept_ns <= now.domain_ns:
            due_ns = kept_ns
        self._state = structs.replace(self._state, next_summary_ns=due_ns)

    def _summarize(self, now: Now) -> None:
        state = self._state
        text = summary_text(
            state.figures,
            warnings=state.warnings,
            criticals=state.criticals,
            since_ns=state.since_ns,
            zone=self._rules.zone,
            status=self._status,
        )
        self._state = structs.replace(
            state, figures=DayFigures(), warnings=0, criticals=0, since_ns=now.domain_ns, next_summary_ns=0
        )
        self._plan_summary(now, is_start=False)
        self._on_event(
            SourceEvent(
                phase=AlertPhase.MOMENT, code=DAILY_SUMMARY, severity=Severity.INFO, text=text, origin="notify"
            ),
            now,
        )
