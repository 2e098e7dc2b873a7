"""The two clocks of the host, for shells and facades; cores are told the time.

Both are the C functions themselves: they are read on the path of every tick.
"""

from __future__ import annotations

import time
from typing import Final

mono_ns: Final = time.monotonic_ns
"""Nanoseconds of the monotonic clock: transport time, comparable between the processes of one host only."""

wall_ns: Final = time.time_ns
"""UTC nanoseconds since 1970."""
