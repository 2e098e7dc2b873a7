"""What the shell passes to the core of notify, and what the core returns."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from proto.control import Severity, StatusReply
from proto.notify import AcknowledgeAlerts, AlertPhase, NotifyReply
from services.notify.core.rows import AlertRow, Changes, MessageRow

# ------------------------------------------------------------------------------------------------------- what comes in


class SourceEvent(Struct, frozen=True, kw_only=True):
    """Something that happened, as one of the sources reports it.

    `time_ns` is UTC of the host, 0 for the time at which notify reads it. `replaces` is whether the event ends an
    earlier alert of the same code and subject.
    """

    phase: AlertPhase
    code: str
    severity: Severity
    text: str
    origin: str
    subject: str = ""
    time_ns: int = 0
    replaces: bool = False


class DayFigures(Struct, frozen=True, kw_only=True):
    """Counts for the daily summary; `realized` is in account currency, with costs."""

    fills: int = 0
    orders: int = 0
    denials: int = 0
    realized: Decimal = Decimal(0)

    def plus(self, other: DayFigures) -> DayFigures:
        """The sums of both."""
        return DayFigures(
            fills=self.fills + other.fills,
            orders=self.orders + other.orders,
            denials=self.denials + other.denials,
            realized=self.realized + other.realized,
        )


class EventsRead(Struct, frozen=True, kw_only=True):
    """A part of a source; `values` are the place in it, which is stored together with what follows from the events.

    `mode` is the mode of the venue if the events name it.
    """

    events: list[SourceEvent]
    values: dict[str, bytes]
    figures: DayFigures = DayFigures()
    mode: str = ""


class StatusSeen(Struct, frozen=True):
    """Portfolio's status; None if it did not answer."""

    status: StatusReply | None


class Acknowledge(Struct, frozen=True, kw_only=True):
    """A person's acknowledgement; `rows` are the alerts of the file with the numbers of the request.

    `ref` identifies the request, for its answer.
    """

    ref: int
    request: AcknowledgeAlerts
    rows: list[AlertRow]


class Delivered(Struct, frozen=True):
    """The result of a try; `error` is empty if the target accepted the message."""

    message: int
    error: str = ""


Message = EventsRead | StatusSeen | Acknowledge | Delivered

# ------------------------------------------------------------------------------------------------------ what comes out


class Store(Struct, frozen=True):
    """Store what a step changed, in one transaction, before the following outputs are carried out."""

    changes: Changes


class Deliver(Struct, frozen=True):
    """Try to send a message to its target, and pass the result to the core as `Delivered`.

    `severity` is the highest of its alerts; INFO if the message is about an end.
    """

    message: MessageRow
    severity: Severity


class Raised(Struct, frozen=True):
    """An alert is new; for the log and the metrics."""

    alert: AlertRow


class Finished(Struct, frozen=True):
    """A try has ended a message, or has failed; for the log and the metrics."""

    message: MessageRow


class Answer(Struct, frozen=True):
    """Answer the request `ref`."""

    ref: int
    reply: NotifyReply


Output = Store | Deliver | Raised | Finished | Answer
