"""notify's core with its real file, a clock that the test moves, and targets that the test switches off."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from proto.control import Condition, Severity, StatusReply, condition
from proto.notify import AcknowledgeAlerts, AlertLine, AlertPhase, AlertsQuery, MessageKind, NotifyReply
from proto.time import SECOND_NS, Now
from services.notify.core.inputs import (
    Acknowledge,
    Answer,
    Deliver,
    Delivered,
    EventsRead,
    Finished,
    Output,
    SourceEvent,
    StatusSeen,
    Store,
)
from services.notify.core.notify_core import NotifyCore
from services.notify.core.rows import MessageRow
from services.notify.core.rules import Rule, Rules
from services.notify.sent_texts import SentTexts
from services.notify.store import DESK_ID, FILE_NAME, NotifyStore
from services.notify.store_writer import StoreWriter
from tests.support.builders import START_NS
from tests.support.status_replies import a_status_reply

DESK_ID_OF_RUNS: Final = "1f3a9c2e"


def a_rule(**changed: Any) -> Rule:
    """A rule that sends every event to a phone at once."""
    return Rule(**{"name": "all", "events": ["*"], "targets": ["phone"], "group_s": 0, "rate_max": 1_000, **changed})


def rules_of(*rules: Rule, **changed: Any) -> Rules:
    """Rules of a desk with the targets phone, mail and pager."""
    fields = {"desk": "london", "rules": list(rules), "targets": ["phone", "mail", "pager"], **changed}
    return Rules(**fields)


def an_event(code: str = "FILL", subject: str = "EURUSD", **changed: Any) -> SourceEvent:
    """A fill of EURUSD, or another event with the severity that it usually has."""
    fields = {
        "phase": AlertPhase.MOMENT,
        "code": code,
        "subject": subject,
        "severity": Severity.INFO,
        "text": f"text of {code}",
        "origin": "ledger:1",
    }
    return SourceEvent(**{**fields, **changed})


def begun(code: str = "FEED_STALE", subject: str = "", **changed: Any) -> SourceEvent:
    """A condition that begins, CRITICAL by default."""
    return an_event(code, subject, **{"phase": AlertPhase.BEGAN, "severity": Severity.CRITICAL, **changed})


def ended(code: str = "FEED_STALE", subject: str = "") -> SourceEvent:
    """The end of a condition."""
    return an_event(code, subject, phase=AlertPhase.ENDED, severity=Severity.CRITICAL)


def a_status(*conditions: Condition, **changed: Any) -> StatusReply:
    """The status of a desk on the simulated venue that trades, with conditions."""
    fields: dict[str, Any] = {"currency": "EUR", "conditions": list(conditions), "symbols": ["EURUSD"]}
    return a_status_reply(**{**fields, **changed})


def stale(text: str = "no tick for 15 s") -> Condition:
    """The condition FEED_STALE."""
    return condition("FEED_STALE", text)


class SentMessage(Struct, frozen=True):
    """A message that a target accepted; `at_s` is in seconds since the start of the run."""

    at_s: float
    target: str
    kind: MessageKind
    alerts: list[int]
    key: str
    title: str
    body: str


class NotifyRun:
    """One desk whose notify can be stopped and started again."""

    def __init__(self, folder: Path, rules: Rules, *, start_ns: int = START_NS) -> None:
        """Start notify with an empty file at a UTC time in nanoseconds."""
        self.rules = rules
        self.start_ns = start_ns
        self.now = Now(start_ns, 1_000 * SECOND_NS)
        self.sent: list[SentMessage] = []
        self.tries: list[tuple[float, str, str]] = []
        """Time in seconds, target and key of every try."""
        self.bodies: dict[tuple[str, int], str] = {}
        """Body of every try, by the key of the message and the number of the try."""
        self.down: set[str] = set()
        """Targets that refuse every message."""
        self.hanging: set[str] = set()
        """Targets that do not answer."""
        self.in_flight: list[MessageRow] = []
        self.answers: list[NotifyReply] = []
        self.is_killed_after_try = False
        """Whether the next accepted message is not reported to notify, which is killed then."""
        self._path = folder / FILE_NAME
        self._open()

    @property
    def at_s(self) -> float:
        """Seconds since the start of the run."""
        return (self.now.domain_ns - self.start_ns) / SECOND_NS

    def sent_to(self, target: str) -> list[SentMessage]:
        """The messages that a target accepted."""
        return [one for one in self.sent if one.target == target]

    def alerts(self, *, open_only: bool = False) -> list[AlertLine]:
        """The stored alerts, oldest first."""
        return self.store.read(AlertsQuery(limit=100, open_only=open_only)).rows[::-1]

    def happen(self, *events: SourceEvent, mode: str = "", **values: bytes) -> None:
        """Let notify read events of a source."""
        self._perform(self.core.handle(EventsRead(events=list(events), values=values, mode=mode), self.now))

    def see(self, status: StatusReply | None, *, for_s: int = 0) -> None:
        """Let notify read a status now, and each second for a time."""
        self._perform(self.core.handle(StatusSeen(status), self.now))
        for _ in range(for_s):
            self.advance(1)
            self._perform(self.core.handle(StatusSeen(status), self.now))

    def acknowledge(self, *numbers: int, all_open: bool = False, person: str = "anna") -> NotifyReply:
        """Acknowledge alerts, and return the answer."""
        request = AcknowledgeAlerts(numbers=list(numbers), all_open=all_open, person=person)
        asked = Acknowledge(ref=1, request=request, rows=self.store.alerts(numbers))
        self._perform(self.core.handle(asked, self.now))
        return self.answers[-1]

    def advance(self, seconds: float) -> None:
        """Let time pass, and do what is due on the way."""
        end_ns = self.now.mono_ns + int(seconds * SECOND_NS)
        while (due := self.core.next_timer()) is not None and due <= end_ns:
            self._move(max(due, self.now.mono_ns + 1))
            self._perform(self.core.on_timer(self.now))
        self._move(end_ns)
        self._perform(self.core.on_timer(self.now))

    def step_clock(self, seconds: float) -> None:
        """Let the wall clock step; the monotonic clock does not."""
        self.now = Now(self.now.domain_ns + int(seconds * SECOND_NS), self.now.mono_ns)
        self._perform(self.core.on_timer(self.now))

    def answer(self, target: str, error: str = "") -> None:
        """Let a hanging target answer."""
        [message] = [one for one in self.in_flight if one.target == target]
        self.in_flight.remove(message)
        self.hanging.discard(target)
        self._finish(message, error)

    def restart(self) -> None:
        """Kill notify and start it again: only its file remains."""
        self.store.close()
        self._open()

    def close(self) -> None:
        """Close the file."""
        self.store.close()

    def _open(self) -> None:
        self.in_flight = []
        self.store = NotifyStore(self._path)
        self.writer = StoreWriter(self.store)
        self._texts = SentTexts("b007")
        stored = self.store.load(self.now.domain_ns - self.rules.rate_ns_max)
        assert stored.values[DESK_ID]
        self.core = NotifyCore(self.rules, stored, desk_id=DESK_ID_OF_RUNS)
        self._perform(self.core.start(self.now))

    def _move(self, mono_ns: int) -> None:
        self.now = Now(self.now.domain_ns + mono_ns - self.now.mono_ns, mono_ns)

    def _perform(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Store(changes=changes):
                    self.writer.save(changes)
                case Deliver(message=message):
                    self._deliver(message)
                case Answer(reply=reply):
                    self.answers.append(reply)
                case Finished(message=message):
                    self._texts.finish(message)

    def _deliver(self, message: MessageRow) -> None:
        self.tries.append((self.at_s, message.target, message.key))
        self.bodies[message.key, message.tries] = self._texts.body_of(message, self.writer.problem)
        if message.target in self.hanging:
            self.in_flight.append(message)
        elif message.target in self.down:
            self._finish(message, "HTTP 500")
        else:
            self._accept(message)

    def _accept(self, message: MessageRow) -> None:
        body = self.bodies[message.key, message.tries]
        self.sent.append(
            SentMessage(self.at_s, message.target, message.kind, message.alerts, message.key, message.title, body)
        )
        if self.is_killed_after_try:
            self.is_killed_after_try = False
            self.restart()
        else:
            self._finish(message, "")

    def _finish(self, message: MessageRow, error: str) -> None:
        self._perform(self.core.handle(Delivered(message.number, error), self.now))
