"""A process that does not outlive the one that started it, however that one ended."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def terminate_with_parent(parent_pid: int) -> None:
    """Get a SIGTERM when the parent dies; end at once when it is dead already. Only Linux can be asked that."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent_pid:
        sys.exit(0)
