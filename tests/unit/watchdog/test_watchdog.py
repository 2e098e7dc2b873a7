"""The core of the watchdog: its queries, kills and alerts."""

from __future__ import annotations

from collections.abc import Sequence

from proto.time import Now
from services.watchdog.core.hang_detector import HangTimeouts, HeartbeatSample, KillReason
from services.watchdog.core.supervisor_events import SupervisorEvent
from services.watchdog.core.watchdog import (
    EXIT_SETTINGS,
    SUPERVISOR_SILENT,
    SUPERVISOR_SILENT_NS,
    AskPrograms,
    AskStatus,
    Heartbeats,
    KillProcess,
    Output,
    ProcessDied,
    ProcessEnded,
    ProcessHeartbeat,
    Program,
    Programs,
    RaiseAlert,
    ReadHeartbeats,
    StartProgram,
    Watchdog,
)

TIMEOUTS = HangTimeouts(hang_ms=3_000, stall_ms=10_000, start_ms=20_000)
S = 1_000_000_000


class WatchdogHarness:
    """A watchdog with a clock, a supervisord that may not answer, and heartbeats that a test chooses."""

    def __init__(self, *programs: Program) -> None:
        self.watchdog = Watchdog(TIMEOUTS)
        self.programs = {program.name: program for program in programs}
        self.heartbeats: dict[str, ProcessHeartbeat] = {}
        self.is_answering = True
        self.mono_ns = 1_000 * S
        self.outputs: list[Output] = []
        self.perform(self.watchdog.start(self.now))

    @property
    def now(self) -> Now:
        return Now(0, self.mono_ns)

    def perform(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            self.outputs.append(output)
            if isinstance(output, AskPrograms):
                found = Programs(tuple(self.programs.values()) if self.is_answering else None)
                self.perform(self.watchdog.handle(found, self.now))
            elif isinstance(output, ReadHeartbeats):
                self.perform(self.watchdog.handle(Heartbeats(dict(self.heartbeats)), self.now))

    def event(self, name: str, **facts: str) -> None:
        self.perform(self.watchdog.handle(SupervisorEvent(name, facts), self.now))

    def idle(self) -> None:
        self.perform(self.watchdog.on_idle(self.now))

    def wait(self, seconds: float) -> None:
        end_ns = self.mono_ns + int(seconds * S)
        while (due := self.watchdog.next_timer()) <= end_ns:
            self.mono_ns = max(self.mono_ns, due)
            self.perform(self.watchdog.on_timer(self.now))
        self.mono_ns = end_ns

    def performed(self, kind: type[Output]) -> list[Output]:
        return [output for output in self.outputs if isinstance(output, kind)]

    def alerts(self) -> list[tuple[str, str]]:
        return [(output.kind, output.program) for output in self.outputs if isinstance(output, RaiseAlert)]


def running(name: str, pid: int) -> Program:
    return Program(name, "RUNNING", pid, 0)


def a_beat(pid: int, beat: int = 1, *, is_up: bool = True) -> ProcessHeartbeat:
    return ProcessHeartbeat(pid, HeartbeatSample(is_up, beat, 0, False))


def test_a_process_without_a_new_heartbeat_is_killed_after_supervisord_confirms_that_it_runs() -> None:
    harness = WatchdogHarness(running("signal", 7))
    harness.heartbeats["signal"] = a_beat(7)
    harness.wait(4)
    assert harness.performed(KillProcess)[0] == KillProcess("signal", 7)
    assert (KillReason.HANG, "signal") in harness.alerts()
    assert isinstance(harness.outputs[harness.outputs.index(KillProcess("signal", 7)) - 1], AskPrograms)


def test_a_process_that_was_restarted_since_the_check_is_not_killed() -> None:
    harness = WatchdogHarness(running("signal", 7))
    harness.heartbeats["signal"] = a_beat(7)
    harness.wait(2)
    harness.programs["signal"] = running("signal", 8)
    harness.wait(2)
    assert harness.performed(KillProcess) == []


def test_several_events_at_once_cause_one_query_to_supervisord() -> None:
    harness = WatchdogHarness(running("mt5", 7))
    before = len(harness.performed(AskPrograms))
    harness.event("PROCESS_STATE_EXITED", processname="mt5", pid="7", expected="0")
    harness.perform(harness.watchdog.handle(ProcessEnded(7), harness.now))
    assert len(harness.performed(AskPrograms)) == before
    harness.idle()
    harness.idle()
    assert len(harness.performed(AskPrograms)) == before + 1
    assert harness.performed(ProcessDied) == [ProcessDied("mt5", "7")]


def test_a_process_that_refuses_to_start_raises_an_alert() -> None:
    harness = WatchdogHarness(running("portfolio", 7))
    harness.programs["portfolio"] = Program("portfolio", "EXITED", 0, EXIT_SETTINGS)
    harness.event("PROCESS_STATE_EXITED", processname="portfolio", pid="7", expected="1")
    harness.idle()
    assert harness.alerts() == [("refused", "portfolio")]
    assert harness.performed(StartProgram) == []


def test_a_signal_process_that_a_strategy_ended_is_started_again() -> None:
    harness = WatchdogHarness(running("signal", 7))
    harness.heartbeats["signal"] = a_beat(7)
    harness.programs["signal"] = Program("signal", "EXITED", 0, EXIT_SETTINGS)
    harness.event("PROCESS_STATE_EXITED", processname="signal", pid="7", expected="1")
    harness.idle()
    assert harness.alerts() == []
    assert harness.performed(StartProgram) == [StartProgram("signal")]
    assert harness.performed(ProcessDied) == [ProcessDied("signal", "7", EXIT_SETTINGS)]


def test_a_signal_process_that_ended_before_its_first_heartbeat_raises_a_refusal_alert() -> None:
    harness = WatchdogHarness(running("signal", 7))
    harness.heartbeats["signal"] = a_beat(7, is_up=False)
    harness.programs["signal"] = Program("signal", "EXITED", 0, EXIT_SETTINGS)
    harness.event("PROCESS_STATE_EXITED", processname="signal", pid="7", expected="1")
    harness.idle()
    assert harness.alerts() == [("refused", "signal")]


def test_an_unresponsive_supervisord_raises_one_alert_and_is_reported_to_portfolio() -> None:
    harness = WatchdogHarness()
    harness.is_answering = False
    harness.wait(20)
    assert harness.alerts() == [(SUPERVISOR_SILENT, "supervisord")]
    last = harness.performed(AskStatus)[-1]
    assert isinstance(last, AskStatus)
    assert last.supervisor_problem.startswith("no answer for 1")
    harness.is_answering = True
    harness.wait(SUPERVISOR_SILENT_NS / S + 5)
    last = harness.performed(AskStatus)[-1]
    assert isinstance(last, AskStatus)
    assert last.supervisor_problem == ""


def test_a_fatal_program_raises_an_alert_at_the_first_answer_of_supervisord() -> None:
    harness = WatchdogHarness(Program("mt5", "FATAL", 0, 1))
    assert harness.alerts() == [("fatal", "mt5")]
    harness.wait(20)
    assert harness.alerts() == [("fatal", "mt5")]
