"""Processes under supervisord end when supervisord dies, and wait for files and ports that another process holds."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest

from common.project_root import PROJECT_ROOT
from common.storage import writers_lock
from tests.support.waits import wait_for

WAIT_S: Final = 30.0

needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux signals a parent's death")

CHILD: Final = """
import os, signal, sys, time
from common.process_main import run_process

def serve():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(2, b"up\\n")
    if "hang" in sys.argv:
        while True:
            pass
    time.sleep(600)

if "late" in sys.argv:
    os.write(2, b"importing\\n")
    sys.stdin.read()
run_process(serve)
"""

PARENT: Final = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], *sys.argv[2:]], stdout=subprocess.PIPE)
print(child.pid, flush=True)
time.sleep(600)
"""
"""Code of a process that acts as supervisord: it starts a program and reads its output."""


def start(how: str, **environment: str) -> tuple[subprocess.Popen[str], psutil.Process]:
    """Start a parent process that the test will kill; its child has printed its first line on stderr."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD, how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT_ROOT,
        env={**os.environ, **environment},
    )
    assert parent.stdout is not None
    assert parent.stderr is not None
    child = psutil.Process(int(parent.stdout.readline()))
    assert parent.stderr.readline() in ("up\n", "importing\n")
    return parent, child


def is_gone(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def kill(parent: subprocess.Popen[str]) -> None:
    parent.kill()
    parent.wait(WAIT_S)


@needs_linux
@pytest.mark.parametrize("how", ["sleep", "hang"])
def test_a_sleeping_or_busy_program_is_killed_with_its_supervisor(how: str) -> None:
    parent, child = start(how, SUPERVISOR_ENABLED="1")
    with parent:
        kill(parent)
        wait_for(lambda: is_gone(child), "the program to end", seconds=WAIT_S)


@needs_linux
def test_a_stopped_program_is_killed_with_its_supervisor(tmp_path: Path) -> None:
    parent, child = start("sleep", SUPERVISOR_ENABLED="1")
    with parent:
        child.suspend()
        kill(parent)
        wait_for(lambda: is_gone(child), "the program to end", seconds=WAIT_S)


@needs_linux
def test_a_program_whose_supervisor_is_already_dead_ends_at_its_start() -> None:
    parent, child = start("late", SUPERVISOR_ENABLED="1")
    with parent:
        kill(parent)
        assert not is_gone(child)
        assert parent.stdin is not None
        parent.stdin.close()
        wait_for(lambda: is_gone(child), "the program to end", seconds=WAIT_S)


def test_a_service_without_a_supervisor_outlives_the_shell_that_started_it() -> None:
    parent, child = start("sleep", SUPERVISOR_ENABLED="")
    with parent:
        kill(parent)
        wait_for(lambda: child.ppid() != parent.pid, "the orphan to be adopted", seconds=WAIT_S)
        assert not is_gone(child)
        os.kill(child.pid, signal.SIGKILL)


def service(folder: Path, **environment: str) -> subprocess.Popen[str]:
    """The simulated gateway with its files and sockets in `folder`."""
    return subprocess.Popen(
        [sys.executable, "-m", "services.mt5"],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={
            **os.environ,
            "PAPERDESK_ENV_FILE": "",
            "PAPERDESK_DATA_DIR": str(folder / "data"),
            "PAPERDESK_RUNTIME_DIR": str(folder / "run"),
            "MT5_REQUEST_URL": f"ipc://{folder}/g",
            "MT5_PUBLISH_URL": f"ipc://{folder}/t",
            "MT5_MARKET": "generated",
            "PYTHONUNBUFFERED": "1",
            **environment,
        },
    )


def line_with(process: subprocess.Popen[str], *parts: str) -> str:
    """The first line of output that contains one of the parts."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if any(word in line for word in parts):
            return line
    raise AssertionError("".join(lines))


@contextlib.contextmanager
def held(folder: Path, what: str) -> Iterator[dict[str, str]]:
    """Hold a lock, a socket or a port, as another process would; the yielded settings make the service need it."""
    with contextlib.ExitStack() as stack:
        settings: dict[str, str] = {}
        match what:
            case "lock":
                stack.enter_context(writers_lock(folder / "data" / "venue" / "book.db"))
            case "ipc":
                listener = stack.enter_context(socket.socket(socket.AF_UNIX))
                listener.bind(str(folder / "g"))
                listener.listen()
            case "tcp":
                listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
                settings["MT5_REQUEST_URL"] = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
            case "metrics":
                listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
                settings["METRICS_PORT_MT5"] = str(listener.getsockname()[1])
        yield settings


@pytest.mark.parametrize("what", ["lock", "ipc", "tcp", "metrics"])
def test_a_supervised_service_waits_for_a_resource_of_another_process_and_reports_the_wait(
    tmp_path: Path, what: str
) -> None:
    with held(tmp_path, what) as settings:
        process = service(tmp_path, SUPERVISOR_ENABLED="1", **settings)
        waiting = line_with(process, "waiting for another process to release", "paperdesk mt5:")
        assert "waiting for" in waiting
        assert process.poll() is None
    try:
        assert "the simulated market is open" in line_with(process, "the simulated market is open", "paperdesk mt5:")
    finally:
        process.terminate()
        process.communicate(timeout=WAIT_S)


@pytest.mark.parametrize("what", ["lock", "ipc", "tcp", "metrics"])
def test_an_unsupervised_service_fails_at_once_on_a_held_resource(tmp_path: Path, what: str) -> None:
    with held(tmp_path, what) as settings:
        process = service(tmp_path, SUPERVISOR_ENABLED="", **settings)
        output, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 2
    assert "waiting for" not in output
    assert output.splitlines()[-1].startswith("paperdesk mt5: ")
