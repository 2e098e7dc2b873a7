"""Run a process from its start to its exit code, under supervisord or alone."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from typing import Final

from common.clock import mono_ns
from common.errors import EXIT_ELSEWHERE as EXIT_ELSEWHERE
from common.errors import InUseError, StartError
from common.lingering_threads import end_despite_threads
from common.logs import get_logger
from common.parent_death import die_with_supervisor, is_supervised
from common.standard_streams import guard_standard_streams

SUPERVISOR_START_SECONDS: Final = 1.2
"""Slightly more than supervisord's setting startsecs.

supervisord restarts a program that ends within startsecs, whatever its exit code.
"""

TAKEOVER_WAIT_S: Final = 15.0
"""Longest time that a program of supervisord waits until another process releases files and ports.

The other process may be left over from an earlier supervisord, or be stopping, which takes up to 10 s.
"""

TAKEOVER_RETRY_S: Final = 0.1


def run_process(run: Callable[[], None]) -> None:
    """Run the main function of a process; a StartError becomes one line on stderr and the error's exit code.

    Under supervisord, `run` is called again after an InUseError, for up to `TAKEOVER_WAIT_S`. Therefore `run` must
    release its files and ports before it raises that error.
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
                    "waiting for another process to release a file or an address",
                    waits_for=waits_for,
                    for_s=TAKEOVER_WAIT_S,
                )
        else:
            return
        time.sleep(TAKEOVER_RETRY_S)


def wait_out_startsecs(started_ns: int | None = None) -> None:
    """Wait until the process is older than supervisord's startsecs, so that supervisord evaluates the exit code.

    `started_ns` is the monotonic time of the process's start; None waits the full `SUPERVISOR_START_SECONDS`.
    """
    if is_supervised():
        lived_s = (mono_ns() - started_ns) / 1e9 if started_ns is not None else 0.0
        time.sleep(max(0.0, SUPERVISOR_START_SECONDS - lived_s))


def _report(line: str) -> None:
    sys.stderr.write(f"paperdesk {_service_name()}: {line}\n")
    sys.stderr.flush()


def _service_name() -> str:
    """Name of the service: `signal` for `python -m services.signal`."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return str(spec.parent).rpartition(".")[2] if spec is not None and spec.parent else "desk"
