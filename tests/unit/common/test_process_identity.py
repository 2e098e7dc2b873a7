"""The identity of a process, and whether the process has ended."""

from __future__ import annotations

import os
import subprocess
import sys

from common.process_identity import has_ended, process_identity


def test_two_living_processes_have_different_identities() -> None:
    assert process_identity(os.getpid()) == process_identity(os.getpid())
    assert process_identity(os.getpid()) != process_identity(os.getppid())
    assert not has_ended(os.getpid())


def test_an_ended_process_counts_as_ended_until_it_is_reaped() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert has_ended(child.pid)
    assert process_identity(child.pid) == f"{child.pid} has ended"
    child.wait()
    assert not has_ended(child.pid)
    assert process_identity(child.pid) == str(child.pid)
