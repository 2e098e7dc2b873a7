"""Layout of the record of the current strategy call, kept in memory that other processes can read.

The watchdog, or the next signal process, reads which strategy call was running.
"""

from __future__ import annotations

import struct
from typing import Final

CALL_PLACE: Final = struct.Struct("<?HQ")
"""Whether a strategy call is running, the index of its symbol, and the sequence of its tick (0 before the first)."""
