"""A thread of imported code does not keep a finished process alive."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys, threading
from common import lingering_threads
lingering_threads.GRACE_S = 0.1
atexit.register(print, "handlers have run")
threading.Thread(target=threading.Event().wait, args=(WAIT_S,), name="poller").start()
lingering_threads.end_despite_threads(7, lambda line: print(line, file=sys.stderr))
sys.exit(7)
"""


@pytest.mark.parametrize(("wait_s", "line"), [("None", "threads of imported code run: poller"), ("0.01", "")])
def test_a_thread_does_not_delay_the_exit_and_is_named_if_it_does_not_end(wait_s: str, line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("WAIT_S", wait_s)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (7, "handlers have run\n")
    assert done.stderr.strip().endswith(line)
    assert bool(done.stderr) == bool(line)
