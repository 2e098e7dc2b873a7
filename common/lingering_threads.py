"""End of a process although threads of imported code, such as a strategy's, still run."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

GRACE_S: Final = 3.0
"""Seconds for which the ending process waits for threads of imported code."""

NAMES_MAX: Final = 5
"""Most threads that the report names."""


def end_despite_threads(code: int, report: Callable[[str], None]) -> None:
    """If other non-daemon threads run, start a timer that ends the process if they still run after `GRACE_S`.

    Args:
        code: exit code of the process.
        report: called with a line of text that names the threads.
    """

    def end() -> None:
        time.sleep(GRACE_S)
        names = [thread.name for thread in _lingering()]
        if not names:
            return  # no thread prevents the end of the process
        report(f"ended after {GRACE_S:g} s although threads of imported code run: {', '.join(names[:NAMES_MAX])}")
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(code)

    if _lingering():
        threading.Thread(target=end, daemon=True).start()


def _lingering() -> list[threading.Thread]:
    main = threading.main_thread()
    return [thread for thread in threading.enumerate() if thread is not main and not thread.daemon]
