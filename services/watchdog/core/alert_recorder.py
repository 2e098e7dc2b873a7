"""Records for the alert log, made from the decisions of the watchdog and from portfolio's status.

A condition is recorded when it begins and when it ends. The open conditions of the log are known after a restart of the
watchdog, so that a condition that is still present is not recorded a second time. Conditions of severity INFO are not
recorded.
"""

from __future__ import annotations

from collections.abc import Iterable

from proto.alert_record import PROCESS_ALERTS, AlertPhase, AlertRecord
from proto.control import CONDITION_KINDS, Condition, StatusReply, describe, needs_person
from services.watchdog.core.watchdog import SUPERVISOR_SILENT, Output, ProcessDied, RaiseAlert, describe_death

PROCESS_LOST = "PROCESS_LOST"


class AlertRecorder:
    """Makes records; it knows which conditions are open, by code and subject."""

    def __init__(self) -> None:
        """Start without open conditions."""
        self._open: dict[tuple[str, str], AlertRecord] = {}

    def adopt(self, begun: Iterable[AlertRecord]) -> None:
        """Add conditions that are open in the log; the next status ends those that are gone."""
        for record in begun:
            self._open.setdefault((record.code, record.subject), record)

    def on_output(self, output: Output, time_ns: int) -> list[AlertRecord]:
        """The records of a decision of the watchdog; conditions are recorded by `on_status` instead."""
        match output:
            case RaiseAlert(kind=kind, program=program, text=text) if kind == SUPERVISOR_SILENT:
                return self._begin(
                    AlertRecord(
                        time_ns=time_ns,
                        phase=AlertPhase.BEGAN,
                        code=SUPERVISOR_SILENT,
                        subject="",
                        severity=CONDITION_KINDS[kind].severity,
                        effect=CONDITION_KINDS[kind].effect or "",
                        text=text,
                        facts={"program": program},
                    )
                )
            case RaiseAlert(kind=kind, program=program, text=text, facts=facts) if kind not in CONDITION_KINDS:
                code = f"PROCESS_{kind.upper().replace('-', '_')}"
                return [_moment(code, program, text, {name: str(value) for name, value in facts.items()}, time_ns)]
            case ProcessDied(program=program, pid=pid):
                return [_moment(PROCESS_LOST, program, describe_death(output), {"pid": pid}, time_ns)]
        return []

    def on_status(self, status: StatusReply, time_ns: int) -> list[AlertRecord]:
        """The records of the conditions that began or ended since the last status.

        SUPERVISOR_SILENT is left out: portfolio knows it from the watchdog alone.
        """
        present = {(one.code, one.subject): one for one in status.conditions if needs_person(one)}
        records = [
            _ended(record, time_ns)
            for key, record in self._open.items()
            if key not in present and record.code != SUPERVISOR_SILENT
        ]
        for record in records:
            del self._open[record.code, record.subject]
        for one in present.values():
            if one.code != SUPERVISOR_SILENT:
                records += self._begin(_begun(one, time_ns))
        return records

    def on_answer_of_supervisor(self, time_ns: int) -> list[AlertRecord]:
        """The end of SUPERVISOR_SILENT, if it is open."""
        begun = self._open.pop((SUPERVISOR_SILENT, ""), None)
        return [] if begun is None else [_ended(begun, time_ns)]

    def _begin(self, record: AlertRecord) -> list[AlertRecord]:
        key = (record.code, record.subject)
        if key in self._open:
            return []
        self._open[key] = record
        return [record]


def _moment(code: str, program: str, text: str, facts: dict[str, str], time_ns: int) -> AlertRecord:
    return AlertRecord(
        time_ns=time_ns,
        phase=AlertPhase.MOMENT,
        code=code,
        subject=program,
        severity=PROCESS_ALERTS[code],
        text=text,
        facts=facts,
    )


def _begun(found: Condition, time_ns: int) -> AlertRecord:
    return AlertRecord(
        time_ns=time_ns,
        phase=AlertPhase.BEGAN,
        code=found.code,
        subject=found.subject,
        severity=found.severity,
        effect=found.effect,
        text=describe(found),
        facts={"by": found.by} if found.by else {},
    )


def _ended(begun: AlertRecord, time_ns: int) -> AlertRecord:
    return AlertRecord(
        time_ns=time_ns,
        phase=AlertPhase.ENDED,
        code=begun.code,
        subject=begun.subject,
        severity=begun.severity,
        effect=begun.effect,
        text=begun.text,
        facts=begun.facts,
    )
