"""How a process is run from start to exit code, under supervisord or by itself."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from typing import Final

from common.clock import mono_ns
from common.errors import InUseError, StartError
from common.lingering_threads import end_despite_threads
from common.logs import get_logger
from common.parent_death import die_with_supervisor, is_supervised
from common.standard_streams import guard_standard_streams

SUPERVISOR_START_SECONDS: Final = 1.2
"""A little more than supervisord's startsecs: an exit within those is retried, whatever its code."""

EXIT_ELSEWHERE: Final = 3
"""Nothing to run on this host: supervisord leaves it ended, unlike a process that ends with 0 by itself."""

TAKEOVER_WAIT_S: Final = 15.0
"""How long a program of supervisord waits for files and ports that another process holds: one that an earlier
supervisord left behind, or that is stopping and takes its 10 s."""

TAKEOVER_RETRY_S: Final = 0.1


def run_process(run: Callable[[], None]) -> None:
    """Run a composition root; what keeps it from starting becomes one line on stderr and its exit code.

    Under supervisord `run` is called again for a while when it ends because another process holds what it needs: it has
    to release what it took.
    """
    started_ns = mono_ns()
    guard_standard_streams(is_log=True)
    die_with_supervisor()
    try:
        _run_when_free(run)
        end_despite_threads(0, _tell)
    except StartError as error:
        _tell(str(error))
        wait_out_startsecs(started_ns)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None


def _run_when_free(run: Callable[[], None]) -> None:
    if not is_supervised():
        run()
        return
    deadline_ns = mono_ns() + int(TAKEOVER_WAIT_S * 1e9)
    waits_for = ""
    while True:
        try:
            run()
        except InUseError as error:
            if mono_ns() >= deadline_ns:
                raise
            if str(error) != waits_for:
                waits_for = str(error)
                get_logger().warning("waits for what another process holds", waits_for=waits_for, for_s=TAKEOVER_WAIT_S)
        else:
            return
        time.sleep(TAKEOVER_RETRY_S)


def wait_out_startsecs(started_ns: int | None = None) -> None:
    """Stay a little longer than supervisord's startsecs, so that it looks at the exit code that comes next.

    `started_ns` is the monotonic time at which the process began; without it the whole time is waited.
    """
    if is_supervised():
        lived_s = (mono_ns() - started_ns) / 1e9 if started_ns is not None else 0.0
        time.sleep(max(0.0, SUPERVISOR_START_SECONDS - lived_s))


def _tell(line: str) -> None:
    sys.stderr.write(f"paperdesk {_service_name()}: {line}\n")
    sys.stderr.flush()


def _service_name() -> str:
    """`signal` for `python -m services.signal`."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return str(spec.parent).rpartition(".")[2] if spec is not None and spec.parent else "desk"
