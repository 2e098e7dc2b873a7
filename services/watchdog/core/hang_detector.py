"""Which process hangs: judged by its heartbeats alone, each look at them a moment of the caller's.

A process is killed when its heart has not beaten for a while, when it has come no further for a longer while although
work waits for it, and when it never began to beat. One that was told to stop is supervisord's business. Time is summed up
from look to look, each counted for no more than a little over the usual pause: when the watchdog itself was held, as
on a host that slept, it has seen nothing of the others and blames nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from proto.time import MS_NS

CHECK_INTERVAL_NS: Final = 500_000_000
"""Between two looks at the heartbeats."""

_LOOK_COUNTS_NS_MAX: Final = 2 * CHECK_INTERVAL_NS


class KillReason(StrEnum):
    """Why a process is killed."""

    HANG = "hang"
    """Its heart stands still."""

    STALL = "stall"
    """Its loop runs, work waits, and nothing gets done."""

    START = "start"
    """It has not come up."""


class HeartbeatSample(NamedTuple):
    """A sign of life of one process; `is_up` from its loop's first beat on, until it is told to stop."""

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
    """How long each thing may go on; 0 is for ever."""

    hang_ms: int
    stall_ms: int
    start_ms: int


class _ProcessRecord:
    """What is known of one process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.life: HeartbeatSample | None = None
        self.silent_ns = 0
        self.standing_ns = 0

    def see(self, life: HeartbeatSample | None, elapsed_ns: int) -> None:
        before, self.life = self.life, life
        if life is None or before is None or life.beat != before.beat or life.is_up != before.is_up:
            # Without any sign of life the silence began when the process did.
            self.silent_ns = self.silent_ns + elapsed_ns if life is None else 0
        else:
            self.silent_ns += elapsed_ns
        stands = life is not None and before is not None and life.is_work_waiting and life.done == before.done
        self.standing_ns = self.standing_ns + elapsed_ns if stands else 0


class HangDetector:
    """Looks at every process that supervisord has running, again and again."""

    def __init__(self, patience: HangTimeouts) -> None:
        """Nobody is known yet."""
        self._patience = patience
        self._watched: dict[str, _ProcessRecord] = {}
        self._looked_ns: int | None = None

    def silent_ns(self) -> dict[str, int]:
        """How long each process has shown no life."""
        return {program: watched.silent_ns for program, watched in self._watched.items()}

    def check(self, pids: Mapping[str, int], lives: Mapping[str, HeartbeatSample | None], now_ns: int) -> list[Kill]:
        """Who is to be killed now.

        Args:
            pids: the programs that supervisord has running, and their processes; not those that it is stopping.
            lives: the signs of life of those very processes.
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
                watched.see(lives.get(program), 0)
            else:
                watched.see(lives.get(program), elapsed_ns)
            kill = self._judge(program, watched)
            if kill is not None:
                kills.append(kill)
        return kills

    def _judge(self, program: str, watched: _ProcessRecord) -> Kill | None:
        patience = self._patience
        is_up = watched.life is not None and watched.life.is_up
        for applies, reason, limit_ms, since_ns in (
            (is_up, KillReason.HANG, patience.hang_ms, watched.silent_ns),
            (is_up, KillReason.STALL, patience.stall_ms, watched.standing_ns),
            (not is_up, KillReason.START, patience.start_ms, watched.silent_ns),
        ):
            if applies and limit_ms and since_ns >= limit_ms * MS_NS:
                return Kill(program, watched.pid, reason, since_ns // MS_NS)
        return None
