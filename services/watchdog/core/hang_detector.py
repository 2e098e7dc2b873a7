"""Detection of processes that hang, by their heartbeats alone.

A process is killed when its heartbeat stands still, when for a longer time it makes no progress although work waits for
it, and when it never begins to beat after its start. A process that was asked to stop is left to supervisord. Time is
summed from check to check, and each pause counts for no more than twice the usual one: after a stop of the watchdog
itself, as on a host that slept, old heartbeats prove nothing and no process is killed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from proto.time import MS_NS

CHECK_INTERVAL_NS: Final = 500_000_000
"""Interval of the checks of the heartbeats."""

_LOOK_COUNTS_NS_MAX: Final = 2 * CHECK_INTERVAL_NS


class KillReason(StrEnum):
    """Why a process is killed."""

    HANG = "hang"
    """Its heartbeat stands still."""

    STALL = "stall"
    """Its loop runs and work waits, but it makes no progress."""

    START = "start"
    """It has not begun to beat since its start."""


class HeartbeatSample(NamedTuple):
    """A heartbeat of one process; `is_up` from its loop's first beat until it is asked to stop."""

    is_up: bool
    beat: int
    done: int
    is_work_waiting: bool


class Kill(NamedTuple):
    """A process to be killed, why, and for how long that has been so."""

    program: str
    pid: int
    reason: KillReason
    for_ms: int


@dataclass(frozen=True, kw_only=True)
class HangTimeouts:
    """How long each state may last, in milliseconds; 0 for ever."""

    hang_ms: int
    stall_ms: int
    start_ms: int


class _ProcessRecord:
    """The heartbeats of one process so far."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.sample: HeartbeatSample | None = None
        self.silent_ns = 0
        self.standing_ns = 0

    def record(self, sample: HeartbeatSample | None, elapsed_ns: int) -> None:
        before, self.sample = self.sample, sample
        if sample is None or before is None or sample.beat != before.beat or sample.is_up != before.is_up:
            # Without any heartbeat the silence began with the process.
            self.silent_ns = self.silent_ns + elapsed_ns if sample is None else 0
        else:
            self.silent_ns += elapsed_ns
        stands = sample is not None and before is not None and sample.is_work_waiting and sample.done == before.done
        self.standing_ns = self.standing_ns + elapsed_ns if stands else 0


class HangDetector:
    """The processes that supervisord has running."""

    def __init__(self, timeouts: HangTimeouts) -> None:
        """Know no process yet."""
        self._timeouts = timeouts
        self._watched: dict[str, _ProcessRecord] = {}
        self._looked_ns: int | None = None

    def silent_ns(self) -> dict[str, int]:
        """How long each process has been without a new heartbeat."""
        return {program: watched.silent_ns for program, watched in self._watched.items()}

    def check(self, pids: Mapping[str, int], samples: Mapping[str, HeartbeatSample | None], now_ns: int) -> list[Kill]:
        """The processes to kill now.

        Args:
            pids: process ids by program, of those that supervisord has running and is not stopping.
            samples: the last heartbeats of these processes; None for one that has none.
            now_ns: monotonic time.
        """
        elapsed_ns = 0 if self._looked_ns is None else min(now_ns - self._looked_ns, _LOOK_COUNTS_NS_MAX)
        self._looked_ns = now_ns
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
            (is_up, KillReason.STALL, timeouts.stall_ms, watched.standing_ns),
            (not is_up, KillReason.START, timeouts.start_ms, watched.silent_ns),
        ):
            if applies and limit_ms and since_ns >= limit_ms * MS_NS:
                return Kill(program, watched.pid, reason, since_ns // MS_NS)
        return None
