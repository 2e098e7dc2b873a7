"""Decisions of the watchdog: it kills hanging processes, restarts signal if a strategy ended it, and raises alerts.

The watchdog queries the running processes and their pids from supervisord at intervals, at once after an event, and
again just before a kill. A condition of portfolio that needs a person raises an alert when it begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec import Struct

from proto.control import Condition, StatusReply, describe, needs_person
from proto.control.condition_watch import ConditionWatch
from proto.core import Core
from proto.time import Now
from services.watchdog.core.death_window import WINDOW_NS, DeathWindow
from services.watchdog.core.hang_detector import (
    CHECK_INTERVAL_NS,
    HangDetector,
    HangTimeouts,
    HeartbeatSample,
    Kill,
    KillReason,
)
from services.watchdog.core.supervisor_events import SupervisorEvent

STATUS_INTERVAL_NS: Final = 1_000_000_000
"""Interval at which portfolio is polled for its conditions."""

CHECKS_PER_QUERY: Final = 10
"""supervisord is queried at the latest after this many checks of the heartbeats, in case an event was lost."""

SUPERVISOR_SILENT: Final = "SUPERVISOR_SILENT"
SUPERVISOR_SILENT_NS: Final = 3_000_000_000
"""Time without an answer after which an alert is raised; usually supervisord answers at once, from memory."""

EXIT_SETTINGS: Final = 2
"""Exit code of a process that refuses to start, for example because of a wrong setting."""

RUNS_FOREIGN_CODE: Final = ("signal",)
"""Programs that run code of the user (strategies), which can end the process with any exit code."""

ALIVE: Final = ("STARTING", "RUNNING")
"""supervisord's states of a program that has a process which was not asked to stop."""

KILL_TEXTS: Final = {
    KillReason.HANG: "hangs and is killed",
    KillReason.STALL: "makes no progress although work waits, and is killed",
    KillReason.START: "takes too long to start or to end, and is killed",
}


class Program(NamedTuple):
    """One program of supervisord; `pid` is 0 while it has no process."""

    name: str
    state: str
    pid: int
    exit_status: int

    @property
    def is_alive(self) -> bool:
        """Whether the program has a process that was not asked to stop."""
        return self.state in ALIVE and self.pid > 0


class ProcessHeartbeat(NamedTuple):
    """The heartbeat in a program's file, and the pid of the process that wrote it, which may have ended since."""

    pid: int
    sample: HeartbeatSample


# ------------------------------------------------------------------------------------------------------- what comes in


class Programs(Struct, frozen=True):
    """supervisord's programs; None if supervisord did not answer."""

    programs: tuple[Program, ...] | None


class Heartbeats(Struct, frozen=True):
    """The heartbeats found, by program."""

    by_program: Mapping[str, ProcessHeartbeat]


class ProcessEnded(Struct, frozen=True):
    """The kernel has reported the end of a process."""

    pid: int


# ------------------------------------------------------------------------------------------------------ what comes out


class AskPrograms(Struct, frozen=True):
    """Query the programs from supervisord, and pass them to the core as `Programs`."""


class ReadHeartbeats(Struct, frozen=True):
    """Read the heartbeat of every program, and pass them to the core as `Heartbeats`."""


class AskStatus(Struct, frozen=True):
    """Query portfolio's status. `supervisor_problem` is how long supervisord has not answered; empty if it answers."""

    supervisor_problem: str


class KillProcess(Struct, frozen=True):
    """Kill a process; supervisord starts its program again."""

    program: str
    pid: int


class StartProgram(Struct, frozen=True):
    """Let supervisord start a program that it would not restart by itself."""

    name: str


class RaiseAlert(Struct, frozen=True):
    """Raise an alert about a program; `text` describes it in one line, `facts` are further values such as a pid.

    For the alert of a condition, `program` is the subject of the condition, such as a symbol, or portfolio if the
    condition has no subject.
    """

    kind: str
    program: str
    text: str
    facts: Mapping[str, object]


class ProcessDied(Struct, frozen=True):
    """A process ended without a request to stop, and its program is started again.

    `exit_status` is `EXIT_SETTINGS` if a strategy ended the process with this code, else None.
    """

    program: str
    pid: str
    exit_status: int | None = None


class ConditionEnded(Struct, frozen=True):
    """A condition that raised an alert has ended."""

    condition: Condition


Message = SupervisorEvent | ProcessEnded | Programs | Heartbeats | StatusReply
Output = (
    AskPrograms | ReadHeartbeats | AskStatus | KillProcess | StartProgram | RaiseAlert | ProcessDied | ConditionEnded
)


class Watchdog(Core[Message, Output]):
    """Decides about the programs of one supervisord."""

    def __init__(self, timeouts: HangTimeouts) -> None:
        self.programs: dict[str, Program] = {}
        """Programs by name, from supervisord's last answer."""
        self._detector = HangDetector(timeouts)
        self._deaths = DeathWindow()
        self._conditions = ConditionWatch()
        self._check_mono_ns = 0
        self._status_mono_ns = 0
        self._checks_until_query = CHECKS_PER_QUERY
        self._is_stale = False
        """Whether an event or the end of a process was reported since the last query to supervisord."""
        self._answered_mono_ns = 0
        self._has_answered = False
        self._supervisor_problem = ""
        self._kills: list[Kill] = []
        """Processes to be killed after supervisord has confirmed that they still run."""
        self._ended: dict[str, str] = {}
        """Pids of processes that ended with an exit code supervisord expects, by program, until the next query."""
        self._refused: dict[str, str] = {}
        """Pids of processes that ended with `EXIT_SETTINGS`, by program, until their heartbeats are read.

        It contains only programs of `RUNS_FOREIGN_CODE`, in which a strategy may have caused the exit code.
        """

    def silent_ns(self) -> dict[str, int]:
        """Return the nanoseconds since the last new heartbeat of each running program."""
        return self._detector.silent_ns()

    # ------------------------------------------------------------------------------------------- what the shell calls

    def start(self, now: Now) -> list[Output]:
        """Query the programs from supervisord."""
        self._answered_mono_ns = now.mono_ns
        self._check_mono_ns = now.mono_ns + CHECK_INTERVAL_NS
        self._status_mono_ns = now.mono_ns + STATUS_INTERVAL_NS
        return [self._ask()]

    def handle(self, message: Message, now: Now) -> list[Output]:
        """Process an event, or the answer to a query of the watchdog."""
        match message:
            case SupervisorEvent():
                self._is_stale = True
                return self._on_event(message, now)
            case ProcessEnded():
                self._is_stale = True
                return []
            case Programs(programs=programs):
                found = self._on_silence(now) if programs is None else self._on_programs(programs, now)
                return [*found, *self._check_ended(), *self._confirm_kills()]
            case Heartbeats():
                return self._on_heartbeats(message.by_program, now)
            case StatusReply():
                return self._on_status(message)

    def on_idle(self, now: Now) -> list[Output]:  # noqa: ARG002 - the query does not depend on the time
        """Query the programs from supervisord if there were events, once for all events."""
        return [self._ask()] if self._is_stale else []

    def next_timer(self) -> int:
        """Return the monotonic time of the next check of the heartbeats, or query of portfolio's status."""
        return min(self._check_mono_ns, self._status_mono_ns)

    def on_timer(self, now: Now) -> list[Output]:
        """Read the heartbeats and query portfolio's status, if they are due."""
        outputs: list[Output] = []
        if self._check_mono_ns <= now.mono_ns:
            self._check_mono_ns = now.mono_ns + CHECK_INTERVAL_NS
            self._checks_until_query -= 1
            if self._checks_until_query <= 0:
                outputs.append(self._ask())
            outputs.append(ReadHeartbeats())
        if self._status_mono_ns <= now.mono_ns:
            self._status_mono_ns = now.mono_ns + STATUS_INTERVAL_NS
            outputs.append(AskStatus(self._supervisor_problem))
        return outputs

    # ---------------------------------------------------------------------------------------------------- supervisord

    def _ask(self) -> AskPrograms:
        self._is_stale = False
        self._checks_until_query = CHECKS_PER_QUERY
        return AskPrograms()

    def _on_event(self, event: SupervisorEvent, now: Now) -> list[Output]:
        program, pid = event.facts.get("processname", ""), event.facts.get("pid", "")
        match event.name:
            case "PROCESS_STATE_FATAL":
                return [_fatal(program)]
            case "PROCESS_STATE_BACKOFF":
                tries = event.facts.get("tries", "")
                alert = RaiseAlert("backoff", program, f"{program} died right after its start", {"tries": tries})
                return [alert, *self._count_death(program, now)]
            case "PROCESS_STATE_EXITED" if event.facts.get("expected") == "1":
                self._ended[program] = pid
            case "PROCESS_STATE_EXITED":
                return [ProcessDied(program, pid), *self._count_death(program, now)]
        return []

    def _on_programs(self, programs: tuple[Program, ...], now: Now) -> list[Output]:
        self._answered_mono_ns, self._supervisor_problem = now.mono_ns, ""
        self.programs = {program.name: program for program in programs}
        if self._has_answered:
            return []
        self._has_answered = True
        return [_fatal(program.name) for program in programs if program.state == "FATAL"]

    def _on_silence(self, now: Now) -> list[Output]:
        """Raise one alert when supervisord has not answered for longer than `SUPERVISOR_SILENT_NS`."""
        silent_ns = now.mono_ns - self._answered_mono_ns
        if silent_ns <= SUPERVISOR_SILENT_NS:
            return []
        is_new = not self._supervisor_problem
        self._supervisor_problem = f"no answer for {silent_ns // 1_000_000_000} s"
        # The alert does not wait for portfolio's condition of the same code, because portfolio may not answer either.
        text = f"supervisord: {self._supervisor_problem}"
        return [RaiseAlert(SUPERVISOR_SILENT, "supervisord", text, {})] if is_new else []

    def _check_ended(self) -> list[Output]:
        """Raise an alert for each process that ended with `EXIT_SETTINGS`, because a person must correct its settings.

        If a strategy may have caused the exit code, the heartbeats are read first. supervisord does not restart a
        program after this exit code, nor after exit code 3, which means that the gateway runs on another host.
        """
        ended, self._ended = self._ended, {}
        outputs: list[Output] = []
        for name, pid in ended.items():
            program = self.programs.get(name)
            if program is None or program.state != "EXITED" or program.exit_status != EXIT_SETTINGS:
                continue
            if name in RUNS_FOREIGN_CODE:
                self._refused[name] = pid
                outputs.append(ReadHeartbeats())
            else:
                outputs.append(_refusal(name))
        return outputs

    def _count_death(self, program: str, now: Now) -> list[Output]:
        deaths = self._deaths.on_death(program, now.mono_ns)
        if not deaths:
            return []
        text = f"{program} died {deaths} times in {WINDOW_NS // 1_000_000_000} s and is started again; read its log"
        return [RaiseAlert("crash-loop", program, text, {"deaths": deaths})]

    # ----------------------------------------------------------------------------------------------------- heartbeats

    def _on_heartbeats(self, found: Mapping[str, ProcessHeartbeat], now: Now) -> list[Output]:
        outputs: list[Output] = []
        refused, self._refused = self._refused, {}
        for name, pid in refused.items():
            heartbeat = found.get(name)
            if heartbeat is None or str(heartbeat.pid) != pid or not heartbeat.sample.is_up:
                outputs.append(_refusal(name))
                continue
            # The loop of the process was running, so this is no refusal to start: a strategy caused the exit code.
            outputs += [ProcessDied(name, pid, EXIT_SETTINGS), StartProgram(name), *self._count_death(name, now)]
        pids = {program.name: program.pid for program in self.programs.values() if program.is_alive}
        samples = {
            # A heartbeat with another pid is that of an earlier process; the current process has not written one yet.
            name: found[name].sample if name in found and found[name].pid == pid else None
            for name, pid in pids.items()
        }
        self._kills += self._detector.check(pids, samples, now.mono_ns)
        if self._kills:
            outputs.append(self._ask())
        return outputs

    def _confirm_kills(self) -> list[Output]:
        """Kill the processes that still run; since the check they may have ended, been stopped or been replaced."""
        kills, self._kills = self._kills, []
        outputs: list[Output] = []
        for kill in kills:
            program = self.programs.get(kill.program)
            if program is None or not program.is_alive or program.pid != kill.pid:
                continue
            facts = {"pid": kill.pid, "for_ms": kill.for_ms}
            text = f"{kill.program} {KILL_TEXTS[kill.reason]}"
            outputs += [KillProcess(kill.program, kill.pid), RaiseAlert(kill.reason, kill.program, text, facts)]
        if outputs:
            outputs.append(self._ask())
        return outputs

    # ----------------------------------------------------------------------------------------------------- conditions

    def _on_status(self, status: StatusReply) -> list[Output]:
        begun, ended = self._conditions.update(
            one for one in status.conditions if needs_person(one) and one.code != SUPERVISOR_SILENT
        )
        return [
            *(RaiseAlert(one.code, one.subject or "portfolio", describe(one), {"effect": one.effect}) for one in begun),
            *map(ConditionEnded, ended),
        ]


def describe_death(died: ProcessDied) -> str:
    """One line of text for the end of a process."""
    if died.exit_status is None:
        return f"{died.program} died and is started again"
    return f"{died.program} ended with exit code {died.exit_status} while it ran, and is started again"


def _fatal(program: str) -> RaiseAlert:
    text = f"{program} is given up after too many deaths; read its log, then supervisorctl start {program}"
    return RaiseAlert("fatal", program, text, {})


def _refusal(program: str) -> RaiseAlert:
    return RaiseAlert("refused", program, f"{program} refuses to start, the last line of its log has the reason", {})
