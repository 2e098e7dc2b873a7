"""The page of processes: state, process id, uptime and heartbeat of each."""

from __future__ import annotations

from rich.text import Text

from cli.screen.controls import Controls
from cli.screen.details import Beat, DeskDetails
from cli.screen.layout import MIDDLE, dim
from cli.screen.text_rows import Cell, text_rows
from cli.tables import NOTHING, format_duration
from orchestration.process_states import ProcessState
from services.watchdog.core.watchdog import ALIVE

BEAT_OLD_S = 2.0
"""Age in seconds of a heartbeat from which it is shown in red; each process writes one twice a second."""


def processes_page(details: DeskDetails, controls: Controls, width: int) -> list[Text]:
    """All rows of the page; `width` in characters."""
    reading = details.processes
    if reading is None:
        return [dim("processes: supervisord has not answered yet")]
    if reading.problem:
        return [dim(f"processes: {reading.problem}")]
    columns = ["process", "state", "uptime", "pid", "heartbeat"]
    if width < MIDDLE:
        columns = ["process", "state", "uptime", "heartbeat"]
    rows = [
        [_cells(one, details.beats.get(one.name))[column] for column in columns]
        for one in reading.states.values()
        if controls.shows(one.name, one.state)
    ]
    if not rows:
        return [dim("no process passes the filter")]
    return text_rows(columns, rows, right=("uptime", "pid"))


def _cells(one: ProcessState, beat: Beat | None) -> dict[str, Cell]:
    is_good = one.state in ALIVE or one.is_elsewhere
    state = "not used" if one.is_elsewhere else one.state
    if not one.pid and not one.is_elsewhere:
        state += f", exit status {one.exit_status}"
    return {
        "process": Cell(one.name, "bold"),
        "state": Cell(state, "dim" if one.is_elsewhere else "green" if is_good else "bold red"),
        "uptime": Cell(format_duration(one.up_s) if one.pid else NOTHING),
        "pid": Cell(str(one.pid) if one.pid else NOTHING, "dim"),
        "heartbeat": Cell(NOTHING) if beat is None or not one.pid else _heartbeat(beat),
    }


def _heartbeat(beat: Beat) -> Cell:
    if not beat.is_running:
        return Cell("starts or ends", "yellow")
    return Cell(f"{beat.age_s:.0f} s ago", "bold red") if beat.age_s >= BEAT_OLD_S else Cell("beats")
