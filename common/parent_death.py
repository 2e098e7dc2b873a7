"""Ending a process when its parent process dies, whatever the cause of the parent's death."""

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
    """Request the signal `number` at the parent's death; exit at once if the parent is already dead. Linux only.

    `parent_pid` is the pid of the parent, as the parent passed it to this process.
    """
    if not _signal_at_parents_death(number):
        return
    if os.getppid() != parent_pid:
        sys.exit(0)


def is_supervised() -> bool:
    """Whether supervisord started this process."""
    return bool(os.environ.get(SUPERVISED_VARIABLE))


def die_with_supervisor() -> None:
    """Under supervisord, request SIGKILL at supervisord's death; exit at once if it is already dead. Linux only.

    The signal is KILL, not TERM, so that a hanging or suspended program ends too and releases its lock and port.
    SIGKILL loses no data, because all acknowledged data is durable. On an orderly end, supervisord stops its programs
    itself. A program started by hand, by systemd or as the first process of a container has no supervisord. It
    continues after its parent's death.
    """
    if not is_supervised() or not _signal_at_parents_death(signal.SIGKILL):
        return
    if _has_no_reader(STDOUT_FD):
        sys.exit(0)


def _signal_at_parents_death(number: signal.Signals) -> bool:
    """Request a signal at the parent's death; returns False if the system does not support this."""
    if not sys.platform.startswith("linux"):
        return False
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    return True


def _has_no_reader(fd: int) -> bool:
    """Whether `fd` is a pipe without a reader, which means that supervisord, the only reader, is dead.

    The parent's pid does not show this: supervisord may be process 1, which also becomes the parent of orphans.
    """
    poller = select.poll()
    poller.register(fd, 0)
    return any(event & select.POLLERR for _, event in poller.poll(0))
