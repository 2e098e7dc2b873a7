"""Shell of the watchdog: connects the core with supervisord, heartbeats and portfolio, and performs its decisions.

supervisord's events come on stdin. They are answered on stdout at once, because supervisord sends the next event only
after the answer.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from common import heartbeat
from common.clock import mono_ns, wall_ns
from common.dead_letters import drop_malformed
from common.event_loop import EventLoop
from common.heartbeat import Phase
from common.logs import get_logger
from common.sockets import Socket, send
from proto.alert_record import AlertRecord
from proto.codec import MalformedMessageError, decode_control_reply, encode
from proto.control import StatusQuery, StatusReply, describe
from proto.time import Now
from services.watchdog import metrics
from services.watchdog.alert_log import AlertLog
from services.watchdog.alerts import Alerts
from services.watchdog.core.alert_recorder import AlertRecorder
from services.watchdog.core.hang_detector import HeartbeatSample
from services.watchdog.core.supervisor_events import READY, RESULT_OK, EventProtocolError, SupervisorEventParser
from services.watchdog.core.watchdog import (
    AskPrograms,
    AskStatus,
    ConditionEnded,
    Heartbeats,
    KillProcess,
    Output,
    ProcessDied,
    ProcessEnded,
    ProcessHeartbeat,
    Programs,
    RaiseAlert,
    ReadHeartbeats,
    StartProgram,
    Watchdog,
    describe_death,
)
from services.watchdog.supervisor_client import Supervisor

REAP_MS: Final = 500
"""Interval at which the shell checks whether alert commands have ended."""

WRITE_AGAIN_MS: Final = 1_000
"""Interval at which the shell tries again to write records that the alert log did not take."""

READ_BYTES: Final = 65_536

_log = get_logger()


class WatchdogShell:
    """The event listener of one supervisord."""

    def __init__(
        self,
        *,
        folder: Path,
        watchdog: Watchdog,
        supervisor: Supervisor,
        alerts: Alerts,
        alert_log: AlertLog,
        loop: EventLoop,
        control: Socket,
    ) -> None:
        """Connect the core with its sources.

        Heartbeats are read from `folder`, and portfolio's status is queried at the socket `control`.
        """
        self._folder = folder
        self._watchdog = watchdog
        self._supervisor = supervisor
        self._alerts = alerts
        self._alert_log = alert_log
        self._recorder = AlertRecorder()
        self._loop = loop
        self._events = SupervisorEventParser()
        self._pidfds: dict[int, int] = {}
        self._control = control
        loop.add_reader(sys.stdin.fileno(), self._on_stdin)
        loop.add_socket(control, self._on_status)
        loop.drive(watchdog, self._perform, _now)
        loop.every(REAP_MS, alerts.reap)
        loop.every(WRITE_AGAIN_MS, self._write_again)

    def run(self) -> None:
        """Serve until supervisord asks this process to stop, or ends."""
        self._answer(READY)
        self._write_again()
        self._perform(self._watchdog.start(_now()))
        _log.info(
            "watchdog is ready",
            programs=sorted(self._watchdog.programs),
            heartbeats=str(self._folder),
        )
        try:
            self._loop.run()
        finally:
            self._alerts.close()
            self._alert_log.close()

    # ------------------------------------------------------------------------------------------------------------ in

    def _on_stdin(self) -> None:
        data = os.read(sys.stdin.fileno(), READ_BYTES)
        if not data:
            self._loop.remove_reader(sys.stdin.fileno())
            self._loop.stop()
            return
        try:
            events = self._events.feed(data)
        except EventProtocolError as error:
            # The beginning of the next event is unknown now. After a restart supervisord starts with a new event.
            _log.error("malformed event of supervisord on stdin, restarting", error=str(error))
            raise SystemExit(1) from None
        for event in events:
            self._answer(RESULT_OK + READY)
            if event.name == "PROCESS_STATE_BACKOFF":
                metrics.DEATHS.inc(event.facts.get("processname", ""))
            self._perform(self._watchdog.handle(event, _now()))

    def _answer(self, line: bytes) -> None:
        try:
            os.write(sys.stdout.fileno(), line)
        except OSError:  # supervisord has ended, which stdin will report, too
            self._loop.stop()

    def _on_status(self, frames: list[bytes]) -> None:
        try:
            status = decode_control_reply(frames[-1])
        except MalformedMessageError as error:
            drop_malformed("control", frames, error)
            return
        if isinstance(status, StatusReply):
            self._perform(self._watchdog.handle(status, _now()))
            self._record(self._recorder.on_status(status, wall_ns()))

    def _on_process_end(self, pid: int) -> None:
        self._forget_process(pid)
        self._perform(self._watchdog.handle(ProcessEnded(pid), _now()))

    # ----------------------------------------------------------------------------------------------------------- out

    def _perform(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            self._act(output)
            # The alert was raised before, so that it does not wait for the file.
            self._record(self._recorder.on_output(output, wall_ns()))

    def _act(self, output: Output) -> None:
        match output:
            case AskPrograms():
                self._perform(self._watchdog.handle(self._ask_programs(), _now()))
                self._watch_processes()
            case ReadHeartbeats():
                self._perform(self._watchdog.handle(self._read_heartbeats(), _now()))
                up = {program.name: program.is_alive for program in self._watchdog.programs.values()}
                metrics.update(up, self._watchdog.silent_ns(), unwritten=self._alert_log.waiting)
            case AskStatus(supervisor_problem=problem):
                query = StatusQuery(alert_problem=self._alerts.problem, supervisor_problem=problem)
                send(self._control, [b"", encode(query)])
            case KillProcess(program=program, pid=pid):
                metrics.KILLS.inc(program)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            case StartProgram(name=name):
                self._supervisor.start(name)
            case RaiseAlert(kind=kind, program=program, text=text, facts=facts):
                self._alerts.send(kind, program, text, **facts)
            case ProcessDied(program=program, pid=died):
                metrics.DEATHS.inc(program)
                _log.warning(describe_death(output), pid=died)
            case ConditionEnded(condition=condition):
                _log.info(f"ended: {describe(condition)}", kind=condition.code)

    def _record(self, records: Sequence[AlertRecord]) -> None:
        if records:
            self._alert_log.write(records)

    def _write_again(self) -> None:
        self._recorder.adopt(self._alert_log.open())
        self._alert_log.write()

    def _ask_programs(self) -> Programs:
        programs = self._supervisor.programs()
        if programs is None:
            return Programs(None)
        self._record(self._recorder.on_answer_of_supervisor(wall_ns()))
        for name in {program.name for program in programs} - self._watchdog.programs.keys():
            metrics.init_series(name)
        return Programs(tuple(programs))

    def _read_heartbeats(self) -> Heartbeats:
        found: dict[str, ProcessHeartbeat] = {}
        for name in self._watchdog.programs:
            record = heartbeat.read(self._folder, name)
            if record is not None:
                is_up = record.phase is Phase.RUNNING
                sample = HeartbeatSample(is_up, record.beat, record.done, record.is_work_waiting)
                found[name] = ProcessHeartbeat(record.pid, sample)
        return Heartbeats(found)

    # ------------------------------------------------------------------------------------------------------ processes

    def _watch_processes(self) -> None:
        """Let the kernel report the end of each process at once, because supervisord checks only once a second."""
        if not hasattr(os, "pidfd_open"):
            return
        pids = {program.pid for program in self._watchdog.programs.values() if program.pid}
        for pid in pids - self._pidfds.keys():
            with suppress(OSError):  # the process has already ended
                fd = self._pidfds[pid] = os.pidfd_open(pid)
                self._loop.add_reader(fd, partial(self._on_process_end, pid))
        for pid in self._pidfds.keys() - pids:
            self._forget_process(pid)

    def _forget_process(self, pid: int) -> None:
        fd = self._pidfds.pop(pid)
        self._loop.remove_reader(fd)
        os.close(fd)


def _now() -> Now:
    # The domain time is 0 because the watchdog does not use the venue's time.
    return Now(0, mono_ns())
