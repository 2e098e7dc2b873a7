"""The folder of a desk outside the checkout: making it, making its supervisord.conf again, and checking it.

Settings, plan, limits, alarms and strategy are copies of files of the installation, which their owner changes. Only
`supervisord.conf` belongs to the installation: it has the path of the interpreter and the list of programs. It is made
again with `renew` after the checkout was moved or upgraded.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import sys
from itertools import chain, count
from pathlib import Path
from typing import Final

from common.errors import StartError
from common.project_root import DESK_MARKER, PROJECT_ROOT, expanded
from common.sockets import IPC_PATH_BYTES_MAX
from common.text_notes import replace_text
from orchestration.supervisord_configuration import CONFIGURATION, desk_configuration

FOLDER_VERSION: Final = 1
"""Version of the layout of a desk's folder, in its marker."""

TEMPLATES: Final = PROJECT_ROOT / "deploy" / "desk"
COPIED: Final = ("plan.toml", "limits.toml", "notify.toml", "strategy.py", "README.md")
FOLDERS: Final = ("data", "secrets", "var", "var/run", "var/log")
ENV_FILE: Final = ".env"
FORMER_CONFIGURATION: Final = f"{CONFIGURATION}.former"

LONGEST_SOCKET: Final = "var/run/tap/execution-4194304.ipc"
"""The socket with the longest path; 4194304 is above the largest process id of Linux."""

SETTINGS: Final = {
    "TRADING_SYMBOL": "EURUSD,GBPUSD",
    "MT5_VENUE": "simulated",
    "MT5_FILLS": "realistic",
    "STRATEGY": "strategy:Breakout",
    "RISK": "limits.toml",
    "PLAN": "plan.toml",
}
"""Settings of a new desk; every other setting is a comment with its default."""

OTHER_DEFAULTS: Final = {
    "PAPERDESK_DATA_DIR": "data",
    "MT5_REQUEST_URL": "",
    "MT5_PUBLISH_URL": "",
    "NOTIFY_FILE": "notify.toml",
    "MODEL": "",
    "WEB_PORT": "8642",
    "METRICS_PORT_MT5": "9101",
    "METRICS_PORT_SIGNAL": "9102",
    "METRICS_PORT_PORTFOLIO": "9103",
    "METRICS_PORT_EXECUTION": "9104",
    "METRICS_PORT_WATCHDOG": "9105",
    "METRICS_PORT_WEB": "9106",
}
"""Commented settings whose value differs from that in `.env.example`: defaults of a desk's folder, and examples."""

_HEADER: Final = """\
# Settings of this desk. A line without # is in force; the other values are defaults, or examples of ports and files.
# Relative paths are relative to this folder. A variable in the environment takes precedence. An unknown key and a value
# out of range prevent the start. `paperdesk config` shows the settings in force.
#
# Ports are off at first, so that several desks of one host do not collide: give WEB_PORT and each METRICS_PORT_... of
# each desk a number of its own. The sockets of the simulated gateway are in var/run, as long as no address is set.
"""

_MARKER: Final = f"""\
# The folder of a desk: commands that are run in it, or below it, use this desk.
version = {FOLDER_VERSION}
"""

_SETTING: Final = re.compile(r"^#([A-Z][A-Z0-9_]*)=.*$", re.MULTILINE)
_INTERPRETER: Final = re.compile(r"^command=/usr/bin/env \S+ (\".*\") -P -m services\.", re.MULTILINE)


def make_desk(folder: Path) -> Path:
    """Make the folder of a new desk, and return its absolute path. After an error nothing is left behind.

    Raises:
        StartError: the folder is not empty or cannot be written, or its path cannot be used.
    """
    path = _checked(folder)
    is_new = not path.exists()
    files = {
        DESK_MARKER: _MARKER,
        ENV_FILE: _settings_text(_shipped(PROJECT_ROOT / ".env.example")),
        CONFIGURATION: _configuration(path),
        **{name: _shipped(TEMPLATES / name) for name in COPIED},
    }
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in FOLDERS:
            (path / name).mkdir(mode=0o700)
        for name, text in files.items():
            (path / name).touch(mode=0o600, exist_ok=False)
            (path / name).write_text(text, encoding="utf-8")
    except OSError as error:
        _remove(path, is_new=is_new)
        raise StartError(f"{folder} cannot be made: {error.strerror}; expected a writable folder") from None
    return path


def renew(folder: Path) -> Path | None:
    """Make the `supervisord.conf` of an existing desk again, and return the path of the former one.

    No former file is replaced. The path is None if there was no file, or if it had the same text.

    Raises:
        StartError: the folder is no desk, or cannot be written.
    """
    path = folder.resolve()
    if not (path / DESK_MARKER).is_file():
        raise StartError(f"{folder} has no {DESK_MARKER}, expected the folder of a desk that `paperdesk init` made")
    text, former = _configuration(path), None
    try:
        if (path / CONFIGURATION).exists():
            if _read(path / CONFIGURATION) == text:
                return None
            former = _unused(path / FORMER_CONFIGURATION)
            (path / CONFIGURATION).replace(former)
        replace_text(path / CONFIGURATION, text)
    except OSError as error:
        raise StartError(f"{folder} cannot be written: {error.strerror}; expected a writable folder") from None
    return former


def folder_problems(folder: Path) -> list[str]:
    """What is wrong with the folder of a desk, one line for each problem, with the remedy; empty if nothing is.

    It names a marker of another version, an interpreter that is gone, an outdated `supervisord.conf`, missing folders,
    and files that other users can read.
    """
    problems = []
    marker = _read(folder / DESK_MARKER)
    if marker is None or f"version = {FOLDER_VERSION}" not in marker.splitlines():
        problems.append(f"{folder / DESK_MARKER} has another version, expected version = {FOLDER_VERSION}")
    problems += _configuration_problems(folder)
    for name in (*FOLDERS, ENV_FILE):
        path = folder / name
        if not path.exists():
            make = f"mkdir -m 700 {shlex.quote(str(path))}" if name != ENV_FILE else "make it, even if empty"
            problems.append(f"{path} is missing: {make}")
        elif mode := stat.S_IMODE(path.stat().st_mode) & 0o077:
            problems.append(f"{path} is open to other users (mode {mode:03o} for them): chmod go= {path}")
    return problems


def _configuration_problems(folder: Path) -> list[str]:
    text, again = _read(folder / CONFIGURATION), f"paperdesk init --renew {shlex.quote(str(folder))}"
    if text is None:
        return [f"{folder / CONFIGURATION} is missing: {again}"]
    found = _INTERPRETER.search(text)
    if found is None:
        return [f"{folder / CONFIGURATION} names no interpreter: {again}"]
    python = shlex.split(found[1].replace("%%", "%"))[0]
    if not (folder / python).exists():
        return [f"the interpreter {python} of {folder / CONFIGURATION} is gone, the checkout was moved: {again}"]
    if text != _configuration(folder):
        return [f"{folder / CONFIGURATION} differs from that of this version: {again}"]
    return []


def _checked(folder: Path) -> Path:
    try:
        path = expanded(folder).absolute()
        path = path.parent.resolve() / path.name if path.name else path
    except (ValueError, OSError) as error:
        raise StartError(f"{folder} cannot be used: {error}") from None
    if not str(path).isprintable():
        raise StartError(f"{str(path)!r} has characters that are not printable, expected another name")
    longest = len(os.fsencode(path / LONGEST_SOCKET))
    if longest > IPC_PATH_BYTES_MAX:
        most = IPC_PATH_BYTES_MAX - len(LONGEST_SOCKET) - 1
        raise StartError(
            f"{path} has {len(os.fsencode(path))} bytes, expected at most {most}, because the path of a socket in it "
            f"has at most {IPC_PATH_BYTES_MAX}"
        )
    try:
        if path.exists() and not path.is_dir():
            raise StartError(f"{folder} is a file, expected a new or an empty folder")
        if path.exists() and (names := sorted(entry.name for entry in path.iterdir())):
            what = "is a desk already" if DESK_MARKER in names else f"is not empty, it has {names[0]}"
            raise StartError(f"{folder} {what}; expected a new or an empty folder")
        nearest = next(one for one in (path, *path.parents) if one.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise StartError(f"{folder} cannot be made: {nearest} is no writable folder")
    except OSError as error:
        raise StartError(f"{folder} cannot be used: {error.strerror}; expected a new or an empty folder") from None
    return path.resolve()


def _configuration(folder: Path) -> str:
    return desk_configuration(_shipped(PROJECT_ROOT / CONFIGURATION), python=_interpreter(folder))


def _unused(path: Path) -> Path:
    """The path, or the first one with a number at its end that names no file yet."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(one for one in chain([path], numbered) if not one.exists())


def _interpreter(folder: Path) -> str:
    """The interpreter of this installation; relative if folder and installation move together."""
    executable = Path(sys.executable).absolute()
    python = executable.parent.resolve() / executable.name
    is_near = folder.is_relative_to(PROJECT_ROOT) or PROJECT_ROOT.is_relative_to(folder)
    return os.path.relpath(python, folder) if is_near and python.is_relative_to(PROJECT_ROOT) else str(python)


def _settings_text(example: str) -> str:
    """The settings of a new desk, from the shipped example."""
    _, sections = example.split("\n\n", 1)

    def line(found: re.Match[str]) -> str:
        name = found[1]
        if name in SETTINGS:
            return f"{name}={SETTINGS[name]}"
        return f"#{name}={OTHER_DEFAULTS[name]}" if name in OTHER_DEFAULTS else found[0]

    return f"{_HEADER}\n{_SETTING.sub(line, sections)}"


def _shipped(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise StartError(f"{path} cannot be read: {error.strerror}; expected a complete checkout") from None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _remove(path: Path, *, is_new: bool) -> None:
    for entry in path.iterdir() if path.is_dir() else ():
        shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
    if is_new and path.is_dir():
        path.rmdir()
