"""Check of supervisord and its programs, and of processes that hang."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from supervisor.options import ServerOptions

from common.heartbeat import Phase
from common.process_identity import command_words, process_state
from common.process_main import EXIT_ELSEWHERE
from services.watchdog.core.watchdog import EXIT_SETTINGS
from verification.doctor.examined_desk import ExaminedDesk, read_beats
from verification.doctor.findings import Check, Finding, Findings, check, fine, found
from verification.doctor.log_tail import last_lines

BEAT_WAIT_S: Final = 1.6
"""Three intervals of the heartbeat, within which a process that is only busy has beaten."""

RECENT: Final = timedelta(hours=1)
LINE_CHARS_MAX: Final = 160
SUPERVISOR_LOG_LINES: Final = 400
SUSPENDED: Final = ("T", "t")

_ENDED: Final = re.compile(r"^(\S+ \S+?),\d+ \w+ exited: (\S+) \(.*; not expected\)")


@check("processes")
def processes(desk: ExaminedDesk) -> Findings:
    """Configuration and programs of supervisord, recent restarts, and processes that are suspended or hang."""
    results = [*_configuration(desk.supervisor_configuration)]
    if desk.programs is not None:
        for row in desk.programs:
            results += _program(row, desk.log_dir)
        results += _restarts(desk)
    elif desk.is_supervisor_listening:
        results.append(found("SUPERVISOR_HANGS", f"{desk.supervisor_socket} does not answer"))
    elif desk.is_running:
        results.append(found("SUPERVISOR_DOWN", "no supervisord answers, and the ledger has a writer"))
    results += _silent_processes(desk)
    yield from results
    if not results:
        running = [row["name"] for row in desk.programs or [] if row["statename"] == "RUNNING"]
        yield fine(", ".join(running) + " running" if running else "the desk is stopped")


def _configuration(path: Path) -> Findings:
    options = ServerOptions()
    options.configfile = str(path)
    options.here = str(path.parent)
    options.expansions = {**options.environ_expansions, "here": options.here, "host_node_name": ""}
    try:
        options.read_config(str(path))
    except (ValueError, OSError) as error:
        yield found("SUPERVISOR_CONFIGURATION", f"{path}: {error}")


def _program(row: Mapping[str, Any], log_dir: Path) -> list[Finding]:
    name, state, status = str(row["name"]), str(row["statename"]), int(row["exitstatus"])
    log = Path(str(row.get("stderr_logfile") or row.get("stdout_logfile") or log_dir / f"{name}.log"))
    shown = f"{name} is {state}"
    match state:
        case "FATAL":
            return [found("PROCESS_FATAL", shown + _last_line(log), NAME=name)]
        case "BACKOFF":
            return [found("PROCESS_BACKOFF", shown + _last_line(log))]
        case "EXITED" if status == EXIT_SETTINGS:
            return [found("PROCESS_REFUSED", f"{shown} with exit code {status}{_last_line(log)}", NAME=name)]
        case "EXITED" if status == EXIT_ELSEWHERE:
            return []
        case "EXITED":
            return [found("PROCESS_ENDED", f"{shown} with exit code {status}{_last_line(log)}", NAME=name)]
        case "STOPPED" | "UNKNOWN":
            return [found("PROCESS_ENDED", shown, NAME=name)]
    return []


def _last_line(log: Path) -> str:
    """The last line of a log as the end of a text; of a line in JSON only the event."""
    lines = last_lines(log, 1)
    if not lines:
        return ""
    try:
        fields = json.loads(lines[0])
    except ValueError:
        fields = None
    shown = str(fields["event"]) if isinstance(fields, dict) and "event" in fields else lines[0]
    return f": {shown[:LINE_CHARS_MAX]}"


def _restarts(desk: ExaminedDesk) -> Findings:
    """Unexpected ends of processes within the last hour, from supervisord's log."""
    logs = [desk.log_dir / "supervisord.log"]
    if desk.runtime is not None:
        logs += [desk.runtime / "log" / "supervisord.log", desk.runtime.parent / "log" / "supervisord.log"]
    log = next((path for path in logs if path.is_file()), logs[0])
    counts: Counter[str] = Counter()
    since = datetime.now() - RECENT  # noqa: DTZ005 - supervisord logs local time
    for line in last_lines(log, SUPERVISOR_LOG_LINES):
        ended = _ENDED.match(line)
        if ended is not None and _time_of(ended[1]) >= since:
            counts[ended[2]] += 1
    for name, count in sorted(counts.items()):
        yield found("PROCESS_RESTARTED", f"{name} ended {count} time{'s' * (count > 1)} within the last hour")


def _time_of(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime.min  # noqa: DTZ901 - compared with supervisord's local times


def _silent_processes(desk: ExaminedDesk) -> Findings:
    if desk.runtime is None:
        return
    running = {name: beat for name, beat in desk.first_beats.items() if beat.phase is Phase.RUNNING}
    alive = {name: beat for name, beat in running.items() if _is_of(desk, name, beat.pid)}
    suspended = [name for name, beat in alive.items() if process_state(beat.pid) in SUSPENDED]
    for name in suspended:
        pid = alive[name].pid
        yield found("PROCESS_SUSPENDED", f"{name} (pid {pid}) was stopped by a signal such as SIGSTOP", PID=pid)
    if not alive:
        return
    time.sleep(max(0.0, BEAT_WAIT_S - (time.monotonic() - desk.first_beats_at)))
    later = read_beats(desk.runtime)
    for name, beat in alive.items():
        if name not in suspended and later.get(name) == beat:
            text = f"{name} (pid {beat.pid}) sent no heartbeat for {BEAT_WAIT_S:.1f} s"
            yield found("PROCESS_HANGS", text, NAME=name)


def _is_of(desk: ExaminedDesk, name: str, pid: int) -> bool:
    """Whether a pid in a heartbeat file still is that of the program: a killed one leaves its file behind."""
    if process_state(pid) in ("", "Z", "X"):
        return False
    if desk.programs is not None:
        return any(row["name"] == name and int(row["pid"]) == pid for row in desk.programs)
    return f"services.{name}" in command_words(pid)


CHECKS: Final[tuple[Check, ...]] = (processes,)
