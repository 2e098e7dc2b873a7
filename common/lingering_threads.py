"""Threads of imported code, such as a strategy's, that would keep a process which has come to its end."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

GRACE_S: Final = 3.0
"""How long the end waits for them."""

NAMES_MAX: Final = 5


def end_despite_threads(code: int, tell: Callable[[str], None]) -> None:
    """Have the process end within `GRACE_S` whatever threads go on: with `code`, and a line that names them."""

    def end() -> None:
        time.sleep(GRACE_S)
        names = [thread.name for thread in _lingering()]
        if not names:
            return  # the process is about to end by itself
        tell(f"ended without waiting any longer for threads of imported code: {', '.join(names[:NAMES_MAX])}")
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(code)

    if _lingering():
        threading.Thread(target=end, daemon=True).start()


def _lingering() -> list[threading.Thread]:
    main = threading.main_thread()
    return [thread for thread in threading.enumerate() if thread is not main and not thread.daemon]
