"""Between supervisord, the heartbeats and the processes: reads, asks, kills and tells.

supervisord's events come on stdin and are answered on stdout at once; what they say is never relied on, they only make
the next question come sooner. Who runs and under which pid is asked of supervisord itself, again right before a kill.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from common import heartbeat
from common.clock import mono_ns
from common.condition_watch import ConditionWatch
from common.event_loop import EventLoop
from common.heartbeat import Phase
from common.logs import get_logger
from common.sockets import Socket, send
from proto.codec import MalformedMessageError, decode_control_reply, encode
from proto.control import StatusQuery, StatusReply, describe, needs_person
from services.watchdog import metrics
from services.watchdog.alerts import Alerts
from services.watchdog.core.death_window import WINDOW_NS, DeathWindow
from services.watchdog.core.hang_detector import CHECK_INTERVAL_MS, HangDetector, HeartbeatSample, Kill, KillReason
from services.watchdog.core.supervisor_events import (
    READY,
    RESULT_OK,
    EventProtocolError,
    SupervisorEvent,
    SupervisorEventParser,
)
from services.watchdog.supervisor_client import Program, Supervisor

CONDITIONS_MS: Final = 1_000
ASK_EVERY_LOOKS: Final = 10
"""supervisord is asked anew after so many looks, should an event have been lost."""

SUPERVISOR_SILENT: Final = "SUPERVISOR_SILENT"
SUPERVISOR_SILENT_NS: Final = 3_000_000_000
"""It answers from memory; to start or stop its programs keeps it for a moment at most."""

EXIT_SETTINGS: Final = 2
RUNS_FOREIGN_CODE: Final = ("signal",)
"""Programs in which code that is not the desk's can end the process with any exit code."""

READ_BYTES: Final = 65_536

WORDS: Final = {
    KillReason.HANG: "shows no life and is killed",
    KillReason.STALL: "gets nothing done although work waits, and is killed",
    KillReason.START: "has not come up and is killed",
}

_log = get_logger()


class WatchdogShell:
    """The event listener of one supervisord."""

    def __init__(
        self,
        *,
        folder: Path,
        watch: HangDetector,
        supervisor: Supervisor,
        alerts: Alerts,
        loop: EventLoop,
        control: Socket,
    ) -> None:
        """Watch the programs whose heartbeats are in `folder`, and ask portfolio for its conditions at `control`."""
        self._folder = folder
        self._watch = watch
        self._supervisor = supervisor
        self._alerts = alerts
        self._loop = loop
        self._listener = SupervisorEventParser()
        self._programs: dict[str, Program] = {}
        self._looks_until_asking = 0
        self._silent_since_ns = mono_ns()
        self._supervisor_problem = ""
        self._deaths = DeathWindow()
        self._pidfds: dict[int, int] = {}
        self._control = control
        self._conditions = ConditionWatch()
        loop.add_reader(sys.stdin.fileno(), self._on_stdin)
        loop.add_socket(control, self._on_status)
        loop.every(CHECK_INTERVAL_MS, self._look)
        loop.every(CONDITIONS_MS, self._ask_status)

    def run(self) -> None:
        """Serve until supervisord says stop or is gone."""
        self._say(READY)
        self._ask()
        _log.info("watches over the desk's processes", programs=sorted(self._programs), heartbeats=str(self._folder))
        for program in self._programs.values():
            if program.state == "FATAL":
                self._alerts.send("fatal", program.name, _fatal(program.name))
        try:
            self._loop.run()
        finally:
            self._alerts.close()

    # --------------------------------------------------------------------------------------------------- supervisord

    def _on_stdin(self) -> None:
        data = os.read(sys.stdin.fileno(), READ_BYTES)
        if not data:
            self._loop.remove_reader(sys.stdin.fileno())
            self._loop.stop()
            return
        try:
            events = self._listener.feed(data)
        except EventProtocolError as error:
            # Nothing after it can be trusted to be where it seems; a fresh start finds the beginning again.
            _log.error("stdin is not supervisord's any more, starting over", error=str(error))
            raise SystemExit(1) from None
        for event in events:
            self._say(RESULT_OK + READY)
            self._on_event(event)
        if events:
            self._ask()

    def _on_event(self, event: SupervisorEvent) -> None:
        program = event.facts.get("processname", "")
        match event.name:
            case "PROCESS_STATE_FATAL":
                self._alerts.send("fatal", program, _fatal(program))
            case "PROCESS_STATE_BACKOFF":
                tries = event.facts.get("tries", "")
                self._alerts.send("backoff", program, f"{program} died right after its start", tries=tries)
                self._count_death(program)
            case "PROCESS_STATE_EXITED":
                metrics.DEATHS.inc(program)
                if event.facts.get("expected") == "1":
                    self._on_expected_end(program, event.facts.get("pid", ""))
                else:
                    _log.warning(f"{program} died and is started again", pid=event.facts.get("pid"))
                    self._count_death(program)

    def _on_expected_end(self, name: str, pid: str) -> None:
        """An end that is not retried: exit code 3 is a gateway elsewhere, 2 a setting that a person has to mend."""
        self._ask()
        program = self._programs.get(name)
        if program is None or program.state != "EXITED" or program.exit_status != EXIT_SETTINGS:
            return
        beat = heartbeat.read(self._folder, name)
        if name in RUNS_FOREIGN_CODE and beat is not None and str(beat.pid) == pid and beat.phase is Phase.RUNNING:
            # A process that was serving does not refuse to start: the code was a strategy's.
            _log.warning(f"{name} ended with exit code {EXIT_SETTINGS} while it ran, and is started again", pid=pid)
            self._supervisor.start(name)
            self._count_death(name)
            return
        self._alerts.send("refused", name, f"{name} refuses to start, the last line of its log says why")

    def _count_death(self, program: str) -> None:
        if deaths := self._deaths.on_death(program, mono_ns()):
            text = f"{program} died {deaths} times in {WINDOW_NS // 1_000_000_000} s and is started again; read its log"
            self._alerts.send("crash-loop", program, text, deaths=deaths)

    def _say(self, words: bytes) -> None:
        try:
            os.write(sys.stdout.fileno(), words)
        except OSError:  # supervisord is gone; stdin will say so, too
            self._loop.stop()

    def _ask(self) -> None:
        """Learn anew who runs."""
        self._looks_until_asking = ASK_EVERY_LOOKS
        programs = self._supervisor.programs()
        self._note_answer(is_there=programs is not None)
        if programs is not None:
            for name in {program.name for program in programs} - self._programs.keys():
                metrics.init_series(name)
            self._programs = {program.name: program for program in programs}
            self._watch_deaths()

    def _note_answer(self, *, is_there: bool) -> None:
        """Note for how long supervisord has not answered; raise an alert the first time that is too long."""
        now_ns = mono_ns()
        if is_there:
            self._silent_since_ns, self._supervisor_problem = now_ns, ""
            return
        silent_ns = now_ns - self._silent_since_ns
        if silent_ns > SUPERVISOR_SILENT_NS:
            is_news = not self._supervisor_problem
            self._supervisor_problem = f"no answer for {silent_ns // 1_000_000_000} s"
            if is_news:  # at once, and also where portfolio, which has it in its status, does not answer either
                self._alerts.send(SUPERVISOR_SILENT, "supervisord", f"supervisord: {self._supervisor_problem}")

    # ----------------------------------------------------------------------------------------------------- conditions

    def _ask_status(self) -> None:
        """Ask again each second; a portfolio that is away or hangs is found by its heartbeat, not by this."""
        problems = StatusQuery(alert_problem=self._alerts.problem, supervisor_problem=self._supervisor_problem)
        send(self._control, [b"", encode(problems)])

    def _on_status(self, frames: list[bytes]) -> None:
        try:
            status = decode_control_reply(frames[-1])
        except MalformedMessageError as error:
            _log.warning("portfolio answered what is no status", error=str(error)[:200])
            return
        if not isinstance(status, StatusReply):
            return
        begun, over = self._conditions.update(
            one for one in status.conditions if needs_person(one) and one.code != SUPERVISOR_SILENT
        )
        for found in begun:
            self._alerts.send(found.code, found.subject or "portfolio", describe(found), effect=found.effect)
        for found in over:
            _log.info(f"over: {describe(found)}", kind=found.code)

    # ------------------------------------------------------------------------------------------------------ processes

    def _look(self) -> None:
        self._alerts.reap()
        self._looks_until_asking -= 1
        if self._looks_until_asking <= 0:
            self._ask()
        for kill in self._look_at_lives():
            self._ask()
            program = self._programs.get(kill.program)
            # Meanwhile it may have ended, been stopped, or been replaced.
            if program is not None and program.is_alive and program.pid == kill.pid:
                self._kill(kill)
        up = {program.name: program.is_alive for program in self._programs.values()}
        metrics.update(up, self._watch.silent_ns())

    def _look_at_lives(self) -> list[Kill]:
        pids = {program.name: program.pid for program in self._programs.values() if program.is_alive}
        lives: dict[str, HeartbeatSample | None] = {}
        for name, pid in pids.items():
            beat = heartbeat.read(self._folder, name)
            if beat is None or beat.pid != pid:
                lives[name] = None  # it has not come far enough to say a word; what is there is its forerunner's
            else:
                is_up = beat.phase is Phase.RUNNING
                lives[name] = HeartbeatSample(is_up, beat.beat, beat.done, beat.is_work_waiting)
        return self._watch.check(pids, lives, mono_ns())

    def _kill(self, kill: Kill) -> None:
        metrics.KILLS.inc(kill.program)
        with suppress(ProcessLookupError):
            os.kill(kill.pid, signal.SIGKILL)
        self._alerts.send(
            kill.reason, kill.program, f"{kill.program} {WORDS[kill.reason]}", pid=kill.pid, for_ms=kill.for_ms
        )
        self._ask()

    def _watch_deaths(self) -> None:
        """Have the kernel tell of each death at once; supervisord by itself would look a second later."""
        if not hasattr(os, "pidfd_open"):
            return
        pids = {program.pid for program in self._programs.values() if program.pid}
        for pid in pids - self._pidfds.keys():
            with suppress(OSError):  # it has ended already
                fd = self._pidfds[pid] = os.pidfd_open(pid)
                self._loop.add_reader(fd, partial(self._on_death, pid))
        for pid in self._pidfds.keys() - pids:
            self._let_go(pid)

    def _on_death(self, pid: int) -> None:
        self._let_go(pid)
        self._ask()

    def _let_go(self, pid: int) -> None:
        fd = self._pidfds.pop(pid)
        self._loop.remove_reader(fd)
        os.close(fd)


def _fatal(program: str) -> str:
    return f"{program} is given up after too many deaths; read its log, then supervisorctl start {program}"
