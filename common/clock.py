"""The two clocks of the host, for shells and facades; cores are told the time.

Both are the C functions themselves: they are read on the path of every tick. Every duration is taken from the monotonic
clock. The wall clock is for people, and a `ClockStepDetector` tells when somebody has set it.
"""

from __future__ import annotations

import time
from typing import Final

from common.fault_injection import steppable_clock

mono_ns: Final = time.monotonic_ns
"""Nanoseconds of the monotonic clock: transport time, comparable between the processes of one host only."""

wall_ns: Final = steppable_clock(time.time_ns)
"""UTC nanoseconds since 1970; the C function, unless a test may step the clock."""
