"""Requests and replies of notify's control socket: a person's acknowledgement, and the alerts with their deliveries."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from proto.alert_record import AlertPhase as AlertPhase
from proto.codec import BusDecoder
from proto.control import ControlError, Severity
from proto.trading.units import Cursor, Name, OptionalName, Sequence, Text, TimeNs

ALERTS_MAX: Final = 100
"""Largest number of alerts in one request or reply. A reply has fewer if they would not fit into a frame."""

_KEY: Final = re.compile(r"(?:^|\n)key (\S+)\s*\Z")


class MessageKind(StrEnum):
    """Why a message is sent."""

    ALERT = "ALERT"
    ENDED = "ENDED"
    ESCALATION = "ESCALATION"
    SUMMARY = "SUMMARY"


class MessageState(StrEnum):
    """State of a message to one target."""

    WAITING = "WAITING"
    """It has not been tried: for its group, quiet hours, its rate limit or an earlier message."""

    SENDING = "SENDING"
    """It has been tried at least once and was not accepted yet."""

    SENT = "SENT"
    GIVEN_UP = "GIVEN_UP"
    """No try succeeded within a day."""


class WaitReason(StrEnum):
    """Why a message of an alert has not been sent yet; the time at which it is due is stored beside it."""

    DURATION = "DURATION"
    """The condition has not lasted as long as the rule requires."""
    GROUPING = "GROUPING"
    """Further alerts of the rule may come into the same message."""
    RATE_LIMIT = "RATE_LIMIT"
    """The rule has sent as many messages as it may within its interval."""
    QUIET_HOURS = "QUIET_HOURS"
    QUEUE = "QUEUE"
    """Another message to the target is being sent."""
    RETRY = "RETRY"
    """The last try has failed."""


class DeliveryLine(Struct, frozen=True, kw_only=True):
    """A message that has an alert; `error` is that of the last try, without secrets, empty if it succeeded.

    While the message waits, `waits_for` is the reason and `due_ns` the earliest time of its first try.
    """

    message: Sequence
    target: Name
    rule: OptionalName
    kind: MessageKind
    state: MessageState
    waits_for: WaitReason = WaitReason.QUEUE
    due_ns: TimeNs = 0
    tries: Cursor = 0
    sent_ns: TimeNs = 0
    error: Text = ""


class AlertLine(Struct, frozen=True, kw_only=True):
    """An alert and its deliveries; a time is 0 for none.

    `number` is the id that people use. `subject` is a symbol, a process or a file, empty for the whole desk. `mode` is
    the label of the venue such as SIMULATED. `origin` is `ledger:N`, `watchdog:N` or `status`. `rules` has the names of
    the rules that it matches; without any it is sent to nobody. `repeats` is how often the same code and subject came
    again and was not sent. `is_open` is whether it needs a person: its severity is not INFO, it has not ended and
    nobody has acknowledged it.
    """

    number: Sequence
    time_ns: TimeNs
    phase: AlertPhase
    code: Name
    severity: Severity
    title: Text
    text: Text
    mode: Text
    origin: Text
    is_open: bool
    subject: Text = ""
    ended_ns: TimeNs = 0
    acknowledged_ns: TimeNs = 0
    acknowledged_by: Text = ""
    escalated_ns: TimeNs = 0
    repeats: Cursor = 0
    rules: list[Name] = []
    deliveries: list[DeliveryLine] = []


class AcknowledgeAlerts(
    Struct, frozen=True, kw_only=True, tag_field="command", tag="ACKNOWLEDGE", forbid_unknown_fields=True
):
    """Acknowledge alerts: those with `numbers`, and with `all_open` every open one.

    A number without an alert is refused, and then none is acknowledged. `person` is the login name of the person.
    """

    numbers: Annotated[list[Sequence], Meta(max_length=ALERTS_MAX)] = []
    all_open: bool = False
    person: Text = ""


class AlertsQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="ALERTS", forbid_unknown_fields=True):
    """Query alerts, newest first: those with a number below `before`, 0 for the newest; `open_only` the open ones."""

    before: Cursor = 0
    limit: Annotated[int, Meta(ge=1, le=ALERTS_MAX)] = 50
    open_only: bool = False


class AcknowledgedLine(Struct, frozen=True, kw_only=True):
    """An acknowledged alert, and who acknowledged it first and when; `is_new` is False if that was done before."""

    number: Sequence
    acknowledged_by: Text
    acknowledged_ns: TimeNs
    is_new: bool


class AcknowledgeReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="acknowledged"):
    """The acknowledged alerts, already stored; with `all_open` the first of them, and `count` is the number of all."""

    count: Cursor
    rows: Annotated[list[AcknowledgedLine], Meta(max_length=ALERTS_MAX)]


class AlertsReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="alerts"):
    """Alerts, newest first; `next` is the `before` of the following page, 0 for none; `open` is the count of all."""

    rows: Annotated[list[AlertLine], Meta(max_length=ALERTS_MAX)]
    next: Cursor
    open: Cursor


NotifyRequest = AcknowledgeAlerts | AlertsQuery
NotifyReply = AcknowledgeReply | AlertsReply | ControlError

decode_notify_request: BusDecoder[NotifyRequest] = BusDecoder(NotifyRequest)
decode_notify_reply: BusDecoder[NotifyReply] = BusDecoder(NotifyReply)


def message_key(body: str) -> str:
    """The key in the last line of a message as a target gets it; empty without one.

    A line before the last one is text, which may come from elsewhere and look like a key.
    """
    found = _KEY.search(body)
    return found[1] if found else ""
