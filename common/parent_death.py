"""Processes that do not outlive the one that started them, however that one ended."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1

SUPERVISED_VARIABLE: Final = "SUPERVISOR_ENABLED"
"""Set by supervisord in the environment of each of its programs."""

STDOUT_FD: Final = 1


def terminate_with_parent(parent_pid: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Get a signal when the parent dies; end at once when it is dead already. Only Linux can be asked that."""
    if not _signal_at_parents_death(number):
        return
    if os.getppid() != parent_pid:
        sys.exit(0)


def is_supervised() -> bool:
    """Whether supervisord started this process."""
    return bool(os.environ.get(SUPERVISED_VARIABLE))


def die_with_supervisor() -> None:
    """Under supervisord, be killed when supervisord dies; end at once when it has died since it started this process.

    KILL and not TERM, so that a program that hangs or is stopped ends, too, and leaves lock and port to the next one;
    what counts is durable before anybody is answered. A supervisord that ends in good order has stopped its programs
    before. A program that was started by hand, by systemd or as the first process of a container has no supervisord and
    outlives its parent. Only Linux can be asked for the signal.
    """
    if not is_supervised() or not _signal_at_parents_death(signal.SIGKILL):
        return
    if _has_no_reader(STDOUT_FD):
        sys.exit(0)


def _signal_at_parents_death(number: signal.Signals) -> bool:
    """Ask the kernel for a signal at the parent's death; False where it cannot be asked."""
    if not sys.platform.startswith("linux"):
        return False
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    return True


def _has_no_reader(fd: int) -> bool:
    """Whether `fd` is a pipe whose reader is gone: supervisord alone reads what its programs print.

    The number of the parent would not tell: supervisord may be process 1, which also adopts the orphans of any other.
    """
    poller = select.poll()
    poller.register(fd, 0)
    return any(event & select.POLLERR for _, event in poller.poll(0))
