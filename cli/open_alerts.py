"""The alerts of a desk, from the file of notify in its data directory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.printable_text import one_line
from common.errors import StartError
from services.notify import NOTIFY_FILE_NAME

if TYPE_CHECKING:
    from proto.notify import AlertLine

ALERTS_MAX: Final = 50
"""Largest number of alerts that are read for a screen."""


@dataclass(frozen=True, kw_only=True)
class AlertsReading:
    """Alerts, the newest first, and the number of all open ones; if they are unknown, `problem` is the reason."""

    rows: Sequence[AlertLine] = ()
    open_count: int = 0
    problem: str = ""


def read_desk_alerts(data_dir: Path | None, *, open_only: bool) -> AlertsReading:
    """The newest alerts of the desk with this data directory, or the open ones, which need a person.

    Args:
        data_dir: the data directory; None for a desk whose directory is not known.
        open_only: whether only alerts are read that have not ended and that nobody has acknowledged.
    """
    if data_dir is None:
        return AlertsReading(problem="unknown, the data directory of the desk is not known")
    if not (data_dir / NOTIFY_FILE_NAME).is_file():
        return AlertsReading(problem="none are kept, notify does not run for this desk (NOTIFY_FILE)")
    from proto.notify import AlertsQuery  # most desks load only the lines above
    from services.notify.store import open_notify, read_alerts

    try:
        with closing(open_notify(data_dir)) as db:
            reply = read_alerts(db, AlertsQuery(limit=ALERTS_MAX, open_only=open_only))
    except StartError as error:
        return AlertsReading(problem=str(error))
    return AlertsReading(rows=reply.rows, open_count=reply.open)


def alert_text(alert: AlertLine) -> str:
    """One line for an alert: its number, with which a person acknowledges it, severity, code, subject and text."""
    subject = f" {alert.subject}" if alert.subject else ""
    text = one_line(alert.text).removeprefix(f"{alert.code}{subject}: ")  # texts of conditions begin so
    return f"{alert.number} {alert.severity.value} {alert.code}{subject}: {text}"
