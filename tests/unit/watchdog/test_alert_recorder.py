"""Records of the alert log: conditions once at their begin and once at their end, and each problem of a process."""

from __future__ import annotations

from proto.alert_record import PROCESS_ALERTS, AlertPhase, AlertRecord
from proto.control import Condition, StatusReply, condition
from services.watchdog.core.alert_recorder import AlertRecorder
from services.watchdog.core.hang_detector import KillReason
from services.watchdog.core.watchdog import SUPERVISOR_SILENT, KillProcess, ProcessDied, RaiseAlert
from tests.support.status_replies import a_status_reply

NOW_NS = 1_700_000_000_000_000_000
STALE = condition("FEED_STALE", "no ticks for 5 s")
QUIET = condition("NO_TICKS", "no tick for a minute", subject="EURUSD")
CONNECTING = condition("CONNECTING", "connecting")


def status(*conditions: Condition) -> StatusReply:
    return a_status_reply(mode="LIVE", stream_id="7", conditions=list(conditions))


def phases(records: list[AlertRecord]) -> list[tuple[str, str, str]]:
    return [(record.phase, record.code, record.subject) for record in records]


def test_a_condition_is_recorded_once_at_its_begin_and_once_at_its_end() -> None:
    recorder = AlertRecorder()
    assert phases(recorder.on_status(status(STALE, QUIET), NOW_NS)) == [
        ("BEGAN", "FEED_STALE", ""),
        ("BEGAN", "NO_TICKS", "EURUSD"),
    ]
    assert recorder.on_status(status(STALE, QUIET), NOW_NS) == []
    (ended,) = recorder.on_status(status(QUIET), NOW_NS + 5)
    assert (ended.phase, ended.code, ended.time_ns) == (AlertPhase.ENDED, "FEED_STALE", NOW_NS + 5)


def test_a_condition_that_needs_no_person_is_not_recorded() -> None:
    assert AlertRecorder().on_status(status(CONNECTING), NOW_NS) == []


def test_after_a_restart_only_what_changed_is_recorded() -> None:
    open_before = AlertRecorder().on_status(status(STALE, QUIET), NOW_NS)
    recorder = AlertRecorder()
    recorder.adopt(open_before)
    assert phases(recorder.on_status(status(QUIET), NOW_NS)) == [("ENDED", "FEED_STALE", "")]
    assert recorder.on_status(status(QUIET), NOW_NS) == []


def test_the_alert_of_a_condition_is_not_recorded_a_second_time() -> None:
    alert = RaiseAlert("FEED_STALE", "portfolio", "FEED_STALE: no ticks", {"effect": "HALTED"})
    assert AlertRecorder().on_output(alert, NOW_NS) == []


def test_a_silent_supervisord_is_recorded_without_portfolio_and_ends_with_its_answer() -> None:
    recorder = AlertRecorder()
    alert = RaiseAlert(SUPERVISOR_SILENT, "supervisord", "supervisord: no answer for 4 s", {})
    assert phases(recorder.on_output(alert, NOW_NS)) == [("BEGAN", SUPERVISOR_SILENT, "")]
    assert recorder.on_status(status(condition(SUPERVISOR_SILENT, "no answer for 5 s")), NOW_NS) == []
    assert recorder.on_status(status(), NOW_NS) == []
    assert phases(recorder.on_answer_of_supervisor(NOW_NS)) == [("ENDED", SUPERVISOR_SILENT, "")]
    assert recorder.on_answer_of_supervisor(NOW_NS) == []


def test_each_problem_of_a_process_is_a_record() -> None:
    kinds = (*KillReason, "backoff", "fatal", "refused", "crash-loop")
    recorder = AlertRecorder()
    records = [
        record
        for kind in kinds
        for record in recorder.on_output(RaiseAlert(kind, "signal", "signal hangs", {"pid": 7}), NOW_NS)
    ]
    records += recorder.on_output(ProcessDied("signal", "7"), NOW_NS)
    assert {record.code for record in records} == set(PROCESS_ALERTS)
    assert {record.phase for record in records} == {AlertPhase.MOMENT}
    assert records[0].facts == {"pid": "7"}
    assert records[-1].text == "signal died and is started again"


def test_other_decisions_make_no_record() -> None:
    assert AlertRecorder().on_output(KillProcess("signal", 7), NOW_NS) == []
