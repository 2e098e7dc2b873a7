"""Layout of the note in shared memory around the calls of strategies, which another process or the next start reads."""

from __future__ import annotations

import struct
from typing import Final

CALL_PLACE: Final = struct.Struct("<?HQ")
"""Whether a strategy is being called; the number of its symbol; the tick, 0 before the first."""
