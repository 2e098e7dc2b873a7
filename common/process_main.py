"""Run a process from its start to its exit code, under supervisord or alone."""

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
"""Slightly more than supervisord's startsecs, within which supervisord retries after any exit code."""

EXIT_ELSEWHERE: Final = 3
"""Exit code of a process with nothing to run on this host; supervisord does not restart it."""

TAKEOVER_WAIT_S: Final = 15.0
"""Time that a program of supervisord waits for files and ports of another process: one left behind by an earlier
supervisord, or one that takes its 10 s to stop."""

TAKEOVER_RETRY_S: Final = 0.1


def run_process(run: Callable[[], None]) -> None:
    """Run a composition root; a StartError becomes one line on stderr and its exit code.

    Under supervisord `run` is retried for a while after an InUseError, so it must release what it took.
    """
    started_ns = mono_ns()
    guard_standard_streams(is_log=True)
    die_with_supervisor()
    try:
        _run_when_free(run)
        end_despite_threads(0, _report)
    except StartError as error:
        _report(str(error))
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
                get_logger().warning(
                    "waiting for another process to release", waits_for=waits_for, for_s=TAKEOVER_WAIT_S
                )
        else:
            return
        time.sleep(TAKEOVER_RETRY_S)


def wait_out_startsecs(started_ns: int | None = None) -> None:
    """Stay alive beyond supervisord's startsecs, so that it honours the exit code.

    `started_ns` is the monotonic time of the process's start; without it the whole time is waited.
    """
    if is_supervised():
        lived_s = (mono_ns() - started_ns) / 1e9 if started_ns is not None else 0.0
        time.sleep(max(0.0, SUPERVISOR_START_SECONDS - lived_s))


def _report(line: str) -> None:
    sys.stderr.write(f"paperdesk {_service_name()}: {line}\n")
    sys.stderr.flush()


def _service_name() -> str:
    """`signal` for `python -m services.signal`."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return str(spec.parent).rpartition(".")[2] if spec is not None and spec.parent else "desk"
