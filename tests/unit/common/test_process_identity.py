"""Which process a number means, and whether it has ended."""

from __future__ import annotations

import os
import subprocess
import sys

from common.process_identity import has_ended, process_identity


def test_a_living_process_has_an_identity_that_another_one_lacks() -> None:
    assert process_identity(os.getpid()) == process_identity(os.getpid())
    assert process_identity(os.getpid()) != process_identity(os.getppid())
    assert not has_ended(os.getpid())


def test_a_process_that_has_ended_and_is_not_reaped_yet_is_known_to_have_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert has_ended(child.pid)
    assert process_identity(child.pid) == f"{child.pid} has ended"
    child.wait()
    assert not has_ended(child.pid)
    assert process_identity(child.pid) == str(child.pid)
