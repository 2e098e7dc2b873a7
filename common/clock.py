"""The monotonic clock and the wall clock of the host, for shells; a core receives the time as an argument.

Both clocks are C functions, because the code reads them at every tick. Durations are measured with the monotonic clock,
and UTC times are read from the wall clock. `ClockStepDetector` reports a step of the wall clock.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from common.fault_injection import steppable_clock

mono_ns: Final = time.monotonic_ns
"""Nanoseconds of the monotonic clock, comparable only between processes of one host."""

wall_ns: Final = steppable_clock(time.time_ns)
"""UTC nanoseconds since 1970. It is the C function, unless a test enables steps of the clock."""

UNKNOWN_BOOT: Final = "unknown"
_HOST_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


def host_boot() -> str:
    """Id of the current boot of the host; UNKNOWN_BOOT if the kernel provides none."""
    try:
        return _HOST_BOOT.read_text(encoding="ascii").strip() or UNKNOWN_BOOT
    except OSError:
        return UNKNOWN_BOOT


def boot_ns() -> int:
    """Nanoseconds since the host started, including time in suspend if the kernel counts it."""
    clock_id = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if clock_id is None else time.clock_gettime_ns(clock_id)
