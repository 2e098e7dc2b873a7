"""The two clocks of the host, for shells and facades; a core takes the time as an argument.

Both are C functions, because every tick reads them. Durations come from the monotonic clock. The wall clock is for
people; `ClockStepDetector` reports when it was set.
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
    """Identity of this boot of the host; UNKNOWN_BOOT where the kernel gives none."""
    try:
        return _HOST_BOOT.read_text(encoding="ascii").strip() or UNKNOWN_BOOT
    except OSError:
        return UNKNOWN_BOOT


def boot_ns() -> int:
    """Nanoseconds since the host started, including suspend where the kernel counts it."""
    clock_id = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if clock_id is None else time.clock_gettime_ns(clock_id)
