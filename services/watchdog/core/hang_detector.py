"""Detection of processes that hang, from their heartbeats alone.

A process is killed if it writes no new heartbeat for too long, if it makes no progress for a longer time although work
waits for it, or if its start or its end takes too long. supervisord handles a process that it has asked to stop.
The times are sums over the checks, in which the time between two checks counts for at most twice the usual interval.
So no process is killed because of old heartbeats after the watchdog itself was stopped, for example on a host that
slept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from proto.time import MS_NS

CHECK_INTERVAL_NS: Final = 500_000_000
"""Interval of the checks of the heartbeats."""

_CHECK_COUNTS_NS_MAX: Final = 2 * CHECK_INTERVAL_NS


class KillReason(StrEnum):
    """Reason why a process is killed."""

    HANG = "hang"
    """The process writes no new heartbeat."""

    STALL = "stall"
    """The loop of the process runs and work waits, but the process makes no progress."""

    START = "start"
    """The loop of the process does not run: it has not started, or it has ended but the process has not."""


class HeartbeatSample(NamedTuple):
    """A heartbeat of one process.

    `is_up` is True from the first heartbeat of the process's loop until the process begins to stop. `beat` numbers the
    heartbeats, `done` counts the work done.
    """

    is_up: bool
    beat: int
    done: int
    is_work_waiting: bool


class Kill(NamedTuple):
    """A process to be killed, the reason, and the time in milliseconds for which the reason has applied."""

    program: str
    pid: int
    reason: KillReason
    for_ms: int


@dataclass(frozen=True, kw_only=True)
class HangTimeouts:
    """How long the state of each `KillReason` may last, in milliseconds; 0 for no limit."""

    hang_ms: int
    stall_ms: int
    start_ms: int


class _ProcessRecord:
    """The last heartbeat of one process, and the times without a new heartbeat and without progress."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.sample: HeartbeatSample | None = None
        self.silent_ns = 0
        self.stalled_ns = 0

    def record(self, sample: HeartbeatSample | None, elapsed_ns: int) -> None:
        before, self.sample = self.sample, sample
        if sample is None or before is None or sample.beat != before.beat or sample.is_up != before.is_up:
            # While the process has no heartbeat, the time counts from the first check of the process.
            self.silent_ns = self.silent_ns + elapsed_ns if sample is None else 0
        else:
            self.silent_ns += elapsed_ns
        is_stalled = sample is not None and before is not None and sample.is_work_waiting and sample.done == before.done
        self.stalled_ns = self.stalled_ns + elapsed_ns if is_stalled else 0


class HangDetector:
    """Detects hanging processes among those that supervisord reports as running."""

    def __init__(self, timeouts: HangTimeouts) -> None:
        """Start without processes."""
        self._timeouts = timeouts
        self._watched: dict[str, _ProcessRecord] = {}
        self._checked_ns: int | None = None

    def silent_ns(self) -> dict[str, int]:
        """Return, by program, the nanoseconds since the last new heartbeat of its process, or since its first check."""
        return {program: watched.silent_ns for program, watched in self._watched.items()}

    def check(self, pids: Mapping[str, int], samples: Mapping[str, HeartbeatSample | None], now_ns: int) -> list[Kill]:
        """Return the processes that must be killed now.

        Args:
            pids: process ids by program, of the processes that supervisord runs and is not stopping.
            samples: last heartbeats of these processes by program; None for a process without a heartbeat.
            now_ns: monotonic time.
        """
        elapsed_ns = 0 if self._checked_ns is None else min(now_ns - self._checked_ns, _CHECK_COUNTS_NS_MAX)
        self._checked_ns = now_ns
        for program in self._watched.keys() - pids.keys():
            del self._watched[program]
        kills = []
        for program, pid in pids.items():
            watched = self._watched.get(program)
            if watched is None or watched.pid != pid:
                self._watched[program] = watched = _ProcessRecord(pid)
                watched.record(samples.get(program), 0)
            else:
                watched.record(samples.get(program), elapsed_ns)
            kill = self._judge(program, watched)
            if kill is not None:
                kills.append(kill)
        return kills

    def _judge(self, program: str, watched: _ProcessRecord) -> Kill | None:
        timeouts = self._timeouts
        is_up = watched.sample is not None and watched.sample.is_up
        for applies, reason, limit_ms, since_ns in (
            (is_up, KillReason.HANG, timeouts.hang_ms, watched.silent_ns),
            (is_up, KillReason.STALL, timeouts.stall_ms, watched.stalled_ns),
            (not is_up, KillReason.START, timeouts.start_ms, watched.silent_ns),
        ):
            if applies and limit_ms and since_ns >= limit_ms * MS_NS:
                return Kill(program, watched.pid, reason, since_ns // MS_NS)
        return None
