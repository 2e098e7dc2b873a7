"""Rows of the notify file: alerts, the messages that carry them, and the changes that one step makes to both."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from proto.control import Severity
from proto.notify import AlertPhase, MessageKind, MessageState, WaitReason

UNFINISHED: Final = (MessageState.WAITING, MessageState.SENDING)
"""States of a message that still has to be sent."""


class AlertRow(Struct, frozen=True, kw_only=True):
    """An alert; `proto.notify.AlertLine` describes the fields. Times are UTC nanoseconds of the host, 0 for none."""

    number: int
    time_ns: int
    phase: AlertPhase
    code: str
    severity: Severity
    title: str
    text: str
    mode: str
    origin: str
    subject: str = ""
    ended_ns: int = 0
    acknowledged_ns: int = 0
    acknowledged_by: str = ""
    escalated_ns: int = 0
    repeats: int = 0
    rules: list[str] = []

    @property
    def is_open(self) -> bool:
        """Whether the alert needs a person."""
        return self.severity is not Severity.INFO and not self.ended_ns and not self.acknowledged_ns

    @property
    def lasts(self) -> bool:
        """Whether the alert is about something that has begun and not ended."""
        return self.phase is AlertPhase.BEGAN and not self.ended_ns


class MessageRow(Struct, frozen=True, kw_only=True):
    """A message to one target; times are UTC nanoseconds of the host, 0 for none.

    `alerts` are the numbers of the alerts that it carries. `due_ns` is the earliest time of the first try, `waits_for`
    why it is not due yet, and `started_ns` the time of the first try. Title and body are empty before the first try,
    and fixed from then on. `is_urgent` is whether quiet hours do not delay it.
    """

    number: int
    key: str
    target: str
    rule: str
    kind: MessageKind
    alerts: list[int]
    created_ns: int
    due_ns: int
    is_urgent: bool = False
    state: MessageState = MessageState.WAITING
    waits_for: WaitReason = WaitReason.QUEUE
    title: str = ""
    body: str = ""
    started_ns: int = 0
    tries: int = 0
    last_error: str = ""
    sent_ns: int = 0


class Changes(Struct, frozen=True, kw_only=True):
    """The rows that a step added or changed, the numbers of messages that it removed, and changed values by name.

    They are stored in one transaction.
    """

    alerts: list[AlertRow] = []
    messages: list[MessageRow] = []
    removed: list[int] = []
    values: dict[str, bytes] = {}

    def __bool__(self) -> bool:
        """Whether there is anything to store."""
        return bool(self.alerts or self.messages or self.removed or self.values)


class Stored(Struct, frozen=True, kw_only=True):
    """What a new process needs of the file.

    `alerts` are the open and lasting ones and those of unfinished messages, `messages` the unfinished ones and those
    that carry a lasting alert. `started` has rule, target and time of the first tries since a given time. `values` are
    the kept values by name. `next_alert` and `next_message` are the next free numbers.
    """

    alerts: list[AlertRow]
    messages: list[MessageRow]
    started: list[tuple[str, str, int]]
    values: dict[str, bytes]
    next_alert: int
    next_message: int
