"""The faults of a chaos run, which are injected into a running desk and counted."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import zmq

from orchestration.supervisor import DeskSupervisor
from proto.codec import encode
from proto.gateway import Fault, Halt, Request, Resume, Simulate
from verification.chaos.scorecard import Scorecard

PROCESSES: Final = ("mt5", "execution", "portfolio", "signal")
GARBAGE_FRAMES: Final = 200
VENUE_FAULTS: Final = (
    Simulate(fault=Fault.NO_REPLY, count=3),
    Simulate(fault=Fault.COMMENT_TRUNCATED, count=5),
    Simulate(fault=Fault.COMMENT_REWRITTEN, count=5),
    Simulate(fault=Fault.NONE_RESULT, count=2),
    Simulate(fault=Fault.IPC_ERROR, count=2),
    Simulate(fault=Fault.BLOCKING_CALL, count=1, duration_ms=1_500),
    Simulate(fault=Fault.POLL_DELAY, count=3),
    Simulate(fault=Fault.DEAL_LATER, count=2, delay_ms=500),
    Simulate(fault=Fault.FILL_LATER, count=2, delay_ms=500),
    Simulate(fault=Fault.NOT_EXECUTED, count=1),
    Simulate(fault=Fault.HISTORY_LATE, count=2, delay_ms=2_000),
    Simulate(fault=Fault.HISTORY_INCOMPLETE, duration_ms=4_000),
    Simulate(fault=Fault.DISCONNECTED, duration_ms=1_000),
    Simulate(fault=Fault.WRONG_LOGIN, duration_ms=1_000),
    Simulate(fault=Fault.FOREIGN_ORDER, seed=1),
    Simulate(fault=Fault.BALANCE_DEAL),
)
"""Faults of the simulated venue, injected one at a time."""


@dataclass
class FaultInjector:
    """Injects faults into one desk; `undo_expired`, `stop` and `close` undo the faults that last."""

    desk: DeskSupervisor
    data_dir: Path
    gateway: str
    draw: random.Random
    card: Scorecard
    venue_faults: tuple[Simulate, ...] = VENUE_FAULTS
    _undo: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    _context: zmq.Context[zmq.Socket[bytes]] = field(default_factory=zmq.Context)

    def kill(self, name: str) -> int | None:
        """Send SIGKILL to a process.

        Returns:
            Its pid; None if the process does not run.
        """
        pid = self.pid_of(name)
        if pid is None or not send_signal(pid, signal.SIGKILL):
            return None
        self.card.faults[f"kill {name}"] += 1
        return pid

    def hang(self, name: str) -> None:
        """Stop a process with SIGSTOP for up to 6 s; the watchdog kills a process that hangs for 3 s."""
        pid = self.pid_of(name)
        if pid is not None and send_signal(pid, signal.SIGSTOP):
            self.card.faults[f"hang {name}"] += 1
            self._undo_later(self.draw.uniform(0.3, 6.0), lambda: _continue(pid))

    def lose_journal(self) -> int | None:
        """Kill the gateway, and delete its journal before the restart.

        Returns:
            The pid of the killed process; None if the gateway does not run.
        """
        pid = self.kill("mt5")
        if pid is not None:
            for path in (self.data_dir / "venue").glob("journal.db*"):
                if not path.name.endswith(".lock"):
                    path.unlink(missing_ok=True)
            self.card.faults["journal deleted"] += 1
        return pid

    def fill_disk(self, name: str) -> None:
        """Prevent a process from enlarging files (RLIMIT_FSIZE), as on a full disk."""
        pid = self.pid_of(name)
        hard = None if pid is None else limit_file_size(pid)
        if pid is not None and hard is not None:
            self.card.faults[f"disk full {name}"] += 1
            self._undo_later(self.draw.uniform(0.5, 2.0), lambda: restore_file_size(pid, hard))

    def step_clock(self, path: Path) -> None:
        """Step the desk's wall clock by 1 to 5 s, forward or back; the step is undone after 3 s."""
        step_ns = int(self.draw.choice((-1, 1)) * self.draw.uniform(1.0, 5.0) * 1e9)
        write_whole(path, str(step_ns))
        self.card.faults["clock step"] += 1
        self._undo_later(3.0, lambda: write_whole(path, "0"))

    def subscribe_slowly(self) -> None:
        """Subscribe to ticks for ten seconds without reading them."""
        socket = self._context.socket(zmq.SUB)
        socket.setsockopt(zmq.RCVHWM, 1)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        socket.connect(f"ipc://{self.desk.runtime}/ticks.ipc")
        self.card.faults["slow subscriber"] += 1
        self._undo_later(10.0, lambda: socket.close(linger=0))

    def flood(self) -> None:
        """Send random frames to the sockets on which gateway, execution and portfolio receive messages."""
        for name, kind in (("gw", zmq.DEALER), ("signal", zmq.PUSH), ("command", zmq.PUSH), ("report", zmq.PUSH),
                           ("control", zmq.DEALER)):  # fmt: skip
            socket = self._context.socket(kind)
            socket.setsockopt(zmq.LINGER, 200)
            socket.connect(f"ipc://{self.desk.runtime}/{name}.ipc")
            for _ in range(GARBAGE_FRAMES):
                frames = [self.draw.randbytes(self.draw.randrange(64)) for _ in range(self.draw.randint(1, 3))]
                with suppress(zmq.Again):
                    socket.send_multipart(frames, zmq.NOBLOCK)
            socket.close()
        self.card.faults["flood of garbage"] += 1

    def venue(self) -> None:
        """Inject one of `venue_faults` into the simulated venue."""
        self.ask_gateway(fault := self.draw.choice(self.venue_faults))
        self.card.faults[f"venue {fault.fault.value}"] += 1

    def halt_gateway(self) -> None:
        """Halt the gateway as a person would, and resume it within a second."""
        self.ask_gateway(Halt(reason="the chaos run acts for a person"))
        self.card.faults["halt at the gateway"] += 1
        self._undo_later(self.draw.uniform(0.3, 1.0), self._resume_gateway)

    def undo_expired(self) -> None:
        """Undo the faults whose duration has passed."""
        now = time.monotonic()
        due = [undo for at, undo in self._undo if at <= now]
        self._undo = [entry for entry in self._undo if entry[0] > now]
        for undo in due:
            undo()

    def stop(self) -> None:
        """Undo all faults now, those of the simulated venue included."""
        for _, undo in self._undo:
            undo()
        self._undo.clear()
        self.ask_gateway(Simulate(fault=Fault.ALL_OFF))

    def close(self) -> None:
        """Undo all faults except those of the simulated venue, and close all sockets."""
        for _, undo in self._undo:
            undo()
        self._context.destroy(linger=0)

    def ask_gateway(self, request: Request) -> bytes | None:
        """Send a request as an independent client.

        Returns:
            The encoded reply; None if no reply came within half a second.
        """
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 500)
        socket.connect(self.gateway)
        socket.send_multipart([b"", encode(request)])
        reply = socket.recv_multipart()[-1] if socket.poll(500) else None
        socket.close()
        return reply

    def _resume_gateway(self) -> None:
        self.ask_gateway(Resume(reason="the chaos run acts for a person"))

    def _undo_later(self, seconds: float, undo: Callable[[], None]) -> None:
        self._undo.append((time.monotonic() + seconds, undo))

    def pid_of(self, name: str) -> int | None:
        """The pid of a program; None if the program does not run."""
        state = self.desk.states().get(name)
        return state.pid if state is not None and state.pid and state.state in ("RUNNING", "STARTING") else None


def send_signal(pid: int, number: int) -> bool:
    """Send a signal to a process.

    Args:
        pid: of the process.
        number: of the signal.

    Returns:
        Whether the process existed.
    """
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _continue(pid: int) -> None:
    send_signal(pid, signal.SIGCONT)


def limit_file_size(pid: int) -> int | None:
    """Prevent a process from enlarging any file beyond 4096 bytes.

    Returns:
        The previous hard limit in bytes, for `restore_file_size`; None if the process does not exist.
    """
    try:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4_096, hard))
    except (ProcessLookupError, PermissionError):
        return None
    return hard


def restore_file_size(pid: int, hard: int) -> None:
    """Undo `limit_file_size`; `hard` is the previous limit in bytes."""
    with suppress(ProcessLookupError, PermissionError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


def write_whole(path: Path, text: str) -> None:
    """Write a file atomically, so that a reader gets the old text or the new text."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="ascii")
    part.replace(path)
