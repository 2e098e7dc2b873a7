"""A desk of four small processes without trading, for tests of supervision.

They are real processes under the shipped `supervisord.conf`, together with the watchdog. The environment variable with
the name of a program sets the program's behaviour: `refuse`, `crash`, `deaf` (ignores SIGTERM), `leave` (exits with 0),
`elsewhere` (exits with 3), `beat` (sends heartbeats), `beat-leave` (sends heartbeats, and exits with 2, as a strategy
can cause) or `stuck` (sends heartbeats that report waiting work, and does none of it).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

from common.project_root import PROJECT_ROOT
from orchestration.supervisord_configuration import CONFIGURATION, NOTIFY, WEB

PROGRAMS: Final = ("mt5", "execution", "portfolio", "signal")
"""The programs without which a desk does not trade."""

_SCRIPT: Final = """
import os, pathlib, signal, sys, time

name = __spec__.parent.rpartition(".")[2]
how = os.environ.get(name, "")
print(f"{name} runs in {os.getcwd()}", flush=True)


def end(*_):
    with pathlib.Path("stopped").open("a") as stopped:
        stopped.write(name + "\\n")
    sys.exit(0)


signal.signal(signal.SIGTERM, signal.SIG_IGN if how == "deaf" else end)
if how == "crash":
    raise RuntimeError("out of luck")
if how in ("refuse", "leave", "elsewhere"):
    if how == "refuse":
        print(f"paperdesk {name}: LUCK: value 'none', expected some", file=sys.stderr, flush=True)
    time.sleep(1.2)
    sys.exit({"refuse": 2, "leave": 0, "elsewhere": 3}[how])
if how in ("beat", "stuck", "beat-leave"):
    from common.heartbeat import Heartbeat, Progress

    heartbeat = Heartbeat(pathlib.Path(os.environ["PAPERDESK_RUNTIME_DIR"]), name)
    started = time.monotonic()
    while how != "beat-leave" or time.monotonic() - started < 1.5:
        heartbeat.beat(Progress(1, how == "stuck"))
        time.sleep(0.1)
    os._exit(2)
while True:
    signal.pause()
"""


def build(root: Path, *, python: str = sys.executable) -> Path:
    """Write the small desk into `root`, its project root; `python` is the interpreter of its processes."""
    shutil.copy(PROJECT_ROOT / CONFIGURATION, root)
    for program in (*PROGRAMS, WEB, NOTIFY):
        package = root / "services" / program
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(_SCRIPT)
    (root / "services" / "__init__.py").touch()
    (root / "services" / "watchdog").symlink_to(PROJECT_ROOT / "services" / "watchdog")
    programs = root / ".venv" / "bin"
    programs.mkdir(parents=True)
    # A script and not a link, because an interpreter that is started through a link does not find its packages.
    interpreter = programs / "python"
    interpreter.write_text(f'#!/bin/sh\nexec {python} "$@"\n')
    interpreter.chmod(0o755)
    for name in ("run", "log"):
        (root / "var" / name).mkdir(parents=True)
    return root
