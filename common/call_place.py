"""Layout of a mark of the strategy call that a process is running.

A signal process keeps the mark in a file, which the next signal process reads. A backtest keeps the mark in memory that
it shares with its parent process.
"""

from __future__ import annotations

import struct
from typing import Final

CALL_PLACE: Final = struct.Struct("<?HQ")
"""Whether a strategy call is running, the index of its symbol, and the sequence of its tick (0 before the first)."""
