"""The two clocks of the host, for shells and facades; cores are told the time.

Both are the C functions themselves: they are read on the path of every tick. Every duration is taken from the monotonic
clock. The wall clock is for people, and a `ClockStepDetector` tells when somebody has set it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from common.fault_injection import steppable_clock

mono_ns: Final = time.monotonic_ns
"""Nanoseconds of the monotonic clock: transport time, comparable between the processes of one host only."""

wall_ns: Final = steppable_clock(time.time_ns)
"""UTC nanoseconds since 1970; the C function, unless a test may step the clock."""

UNKNOWN_BOOT: Final = "unknown"
_HOST_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


def host_boot() -> str:
    """What names this run of the host's kernel; UNKNOWN_BOOT where the host has no such name."""
    try:
        return _HOST_BOOT.read_text(encoding="ascii").strip() or UNKNOWN_BOOT
    except OSError:
        return UNKNOWN_BOOT


def boot_ns() -> int:
    """Nanoseconds since the host started, its sleep included where the kernel counts that."""
    clock_id = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if clock_id is None else time.clock_gettime_ns(clock_id)
