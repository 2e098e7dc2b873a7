"""Records of the watchdog's alert log: conditions that began or ended, and problems of processes.

They are not sent over the wire. The watchdog writes them to a file of the data directory, and notify reads them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from proto.control import Severity

PROCESS_ALERTS: Final = {
    "PROCESS_HANG": Severity.CRITICAL,
    "PROCESS_STALL": Severity.CRITICAL,
    "PROCESS_START": Severity.CRITICAL,
    "PROCESS_BACKOFF": Severity.CRITICAL,
    "PROCESS_FATAL": Severity.CRITICAL,
    "PROCESS_REFUSED": Severity.CRITICAL,
    "PROCESS_CRASH_LOOP": Severity.CRITICAL,
    "PROCESS_LOST": Severity.WARNING,
}
"""Severity by code of the alerts about a process. All other records have the code of a condition."""


class AlertPhase(StrEnum):
    """What a record is about: the beginning or the end of a condition, or an event without duration."""

    BEGAN = "BEGAN"
    ENDED = "ENDED"
    MOMENT = "MOMENT"


class AlertRecord(Struct, frozen=True, kw_only=True):
    """One record of the alert log.

    `number` ascends from 1, with gaps; it is 0 until the record is written. `time_ns` is the host's UTC time. `subject`
    is a program, or the subject of a condition. `effect` is the condition's, empty for a process. `facts` has further
    values, such as a pid.
    """

    number: int = 0
    time_ns: int
    phase: AlertPhase
    code: str
    subject: str
    severity: Severity
    effect: str = ""
    text: str
    facts: dict[str, str] = {}
