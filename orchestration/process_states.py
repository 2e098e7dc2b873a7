"""The processes of a desk as supervisord reports them, also of a desk that another process started.

A private desk's supervisord has its socket in the desk's runtime folder, beside portfolio's control socket. The
supervisord of a permanent desk has its socket in `var/run` of the checkout, where another desk may run. It counts as
the desk's own only if its portfolio is the process that wrote the heartbeat in the desk's runtime folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from common.errors import EXIT_ELSEWHERE
from common.project_root import DESK_ROOT
from common.supervisor_rpc import RPC_ERRORS, call_supervisor

SOCKET: Final = "supervisor.sock"
"""Name of supervisord's socket."""

TRADING_PROGRAMS: Final = ("mt5", "signal", "portfolio", "execution")
"""The programs without which a desk does not trade, in the order of the flow of a tick."""

GATEWAY: Final = "mt5"

_IPC: Final = "ipc://"


@dataclass(frozen=True)
class ProcessState:
    """Supervisord's record of one program; `state` is STARTING, RUNNING, BACKOFF, EXITED, FATAL, ...

    `up_s` is the age of the current process in seconds; without a process `up_s` and `pid` are 0.
    """

    name: str
    state: str
    exit_status: int
    pid: int
    up_s: float = 0.0

    @property
    def is_elsewhere(self) -> bool:
        """Whether the program ended as intended, because its work is done on another host or not at all."""
        return self.state == "EXITED" and self.exit_status == EXIT_ELSEWHERE


@dataclass(frozen=True, kw_only=True)
class ProcessesReading:
    """The states of all programs by name, the trading programs first; if they are unknown, `problem` is the reason."""

    states: Mapping[str, ProcessState] = field(default_factory=dict)
    problem: str = ""

    @property
    def trading(self) -> dict[str, ProcessState]:
        """The programs without which the desk does not trade; a gateway on another host is omitted."""
        found = {name: self.states[name] for name in TRADING_PROGRAMS if name in self.states}
        return {name: one for name, one in found.items() if not one.is_elsewhere}


def process_state(row: Mapping[str, Any]) -> ProcessState:
    """The state of a process from supervisord's record, whose times are in whole seconds."""
    pid = int(row["pid"])
    up_s = float(max(0, int(row["now"]) - int(row["start"]))) if pid else 0.0
    return ProcessState(row["name"], row["statename"], int(row["exitstatus"]), pid, up_s)


def read_processes(control_url: str | None, *, timeout_s: float) -> ProcessesReading:
    """Query the supervisord of the desk whose control socket is at `control_url`.

    Args:
        control_url: address of portfolio's control socket; None if it is unknown.
        timeout_s: timeout of each step of the query.
    """
    runtime = runtime_folder(control_url)
    if runtime is None:
        where = "not known, the desk may not run" if control_url is None else f"{control_url}, not on this host"
        return ProcessesReading(problem=f"unknown, the control socket is {where}")
    silent = ""
    for path in (*supervisor_sockets(runtime), DESK_ROOT / "var" / "run" / SOCKET):
        if not path.exists():
            continue
        try:
            rows: list[dict[str, Any]] = call_supervisor(f"unix://{path}", "getAllProcessInfo", timeout_s=timeout_s)
        except RPC_ERRORS as error:
            silent = silent or f"supervisord at {path} does not answer ({type(error).__name__})"
            continue
        states = {one.name: one for one in sorted(map(process_state, rows), key=_place)}
        if path.is_relative_to(runtime) or _wrote_heartbeat(states, runtime):
            return ProcessesReading(states=states)
    return ProcessesReading(problem=silent or f"unknown, no supervisord for {runtime}")


def supervisor_sockets(runtime: Path) -> tuple[Path, Path]:
    """Where the socket of supervisord may be for a runtime folder: that of a private desk, and of a permanent one."""
    return runtime / "run" / SOCKET, runtime / SOCKET


def _place(state: ProcessState) -> tuple[int, str]:
    """The place of a process in the list: the trading programs first, in the order of the flow of a tick."""
    known = TRADING_PROGRAMS.index(state.name) if state.name in TRADING_PROGRAMS else len(TRADING_PROGRAMS)
    return known, state.name


def runtime_folder(control_url: str | None) -> Path | None:
    """The runtime folder of the desk with this control socket; None if the socket is not on this host."""
    if control_url is None or not control_url.startswith(_IPC):
        return None
    return Path(control_url.removeprefix(_IPC)).parent


def _wrote_heartbeat(states: Mapping[str, ProcessState], runtime: Path) -> bool:
    """Whether the portfolio of these states wrote the heartbeat in `runtime`."""
    from common import heartbeat  # loads the logs; a private desk does not need it

    beat, portfolio = heartbeat.read(runtime, "portfolio"), states.get("portfolio")
    return beat is not None and portfolio is not None and beat.pid == portfolio.pid
