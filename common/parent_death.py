"""Processes that end with the process that started them, however that one ends."""

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
    """Receive a signal when the parent dies; end at once when it is already dead. Linux only."""
    if not _signal_at_parents_death(number):
        return
    if os.getppid() != parent_pid:
        sys.exit(0)


def is_supervised() -> bool:
    """Whether supervisord started this process."""
    return bool(os.environ.get(SUPERVISED_VARIABLE))


def die_with_supervisor() -> None:
    """Under supervisord, be killed when supervisord dies; end at once when it is already dead. Linux only.

    KILL and not TERM, so that a program that hangs or is stopped ends too and frees its lock and port; everything
    acknowledged is durable by then. A supervisord that ends in order stops its programs first. A program started by
    hand, by systemd or as the first process of a container has no supervisord and outlives its parent.
    """
    if not is_supervised() or not _signal_at_parents_death(signal.SIGKILL):
        return
    if _has_no_reader(STDOUT_FD):
        sys.exit(0)


def _signal_at_parents_death(number: signal.Signals) -> bool:
    """Request a signal at the parent's death; False where the kernel has none."""
    if not sys.platform.startswith("linux"):
        return False
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    return True


def _has_no_reader(fd: int) -> bool:
    """Whether `fd` is a pipe without a reader: only supervisord reads the output of its programs.

    The parent's pid would not do: supervisord may be process 1, which also adopts orphans.
    """
    poller = select.poll()
    poller.register(fd, 0)
    return any(event & select.POLLERR for _, event in poller.poll(0))
