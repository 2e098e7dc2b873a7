"""How a process is run from start to exit code, under supervisord or by itself."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Final

from common.clock import mono_ns
from common.errors import StartError

SUPERVISOR_START_SECONDS: Final = 1.2
"""A little more than supervisord's startsecs: an exit within those is retried, whatever its code."""


def run_process(run: Callable[[], None]) -> None:
    """Run a composition root; what keeps it from starting becomes one line on stderr and its exit code."""
    started_ns = mono_ns()
    try:
        run()
    except StartError as error:
        sys.stderr.write(f"paperdesk {_service_name()}: {error}\n")
        sys.stderr.flush()
        wait_out_startsecs(started_ns)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None


def wait_out_startsecs(started_ns: int | None = None) -> None:
    """Stay a little longer than supervisord's startsecs, so that it looks at the exit code that comes next.

    `started_ns` is the monotonic time at which the process began; without it the whole time is waited.
    """
    if os.environ.get("SUPERVISOR_ENABLED"):
        lived_s = (mono_ns() - started_ns) / 1e9 if started_ns is not None else 0.0
        time.sleep(max(0.0, SUPERVISOR_START_SECONDS - lived_s))


def _service_name() -> str:
    """`signal` for `python -m services.signal`."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return str(spec.parent).rpartition(".")[2] if spec is not None and spec.parent else "desk"
