"""The alerts that nobody has acknowledged, from the data directory of a desk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

NOTIFY_FILE_NAME: Final = "notify.db"


class AlertText(NamedTuple):
    """An alert: its number, with which a person acknowledges it, and its text."""

    number: int
    text: str


@dataclass(frozen=True, kw_only=True)
class OpenAlerts:
    """Alerts that nobody has acknowledged, the newest first; if they are unknown, `problem` is the reason."""

    lines: tuple[AlertText, ...] = ()
    problem: str = ""


def open_alerts(data_dir: Path | None) -> OpenAlerts:
    """The alerts of the desk with this data directory; None for a desk whose directory is not known."""
    if data_dir is None:
        return OpenAlerts(problem="unknown, the data directory of the desk is not known")
    if not (data_dir / NOTIFY_FILE_NAME).is_file():
        return OpenAlerts(problem="no alert service: NOTIFY_FILE is not set (docs/operations.md)")
    return OpenAlerts(problem="unknown")
