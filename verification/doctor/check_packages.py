"""Checks of the installation: the interpreter, the packages of the lock, and SQLite."""

from __future__ import annotations

import platform
import re
import sys
from importlib import metadata
from typing import Final, NamedTuple

import apsw

from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.findings import Check, Findings, check, fine, found

LOCK: Final = ("requirements", "base.lock")
PYTHON_FIRST: Final = (3, 11)
PYTHON_LAST: Final = (3, 13)
SQLITE_MIN: Final = (3, 51, 3)
"""Older versions may damage a database that several connections use with a write-ahead log."""

NAMED_MAX: Final = 3
"""Most packages that one line names."""

_LINE: Final = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; (\w+) (==|!=) '([^']*)')? \\?$", re.MULTILINE)


class LockedPackage(NamedTuple):
    """A package of the lock with its version, for this platform."""

    name: str
    version: str


def locked_packages(text: str) -> list[LockedPackage]:
    """The packages of a lock that this platform needs."""
    facts = {
        "sys_platform": sys.platform,
        "implementation_name": sys.implementation.name,
        "platform_python_implementation": platform.python_implementation(),
    }
    rows = []
    for name, version, variable, sign, value in _LINE.findall(text):
        if not variable or (facts.get(variable) == value) == (sign == "=="):
            rows.append(LockedPackage(name, version))
    return rows


@check("python")
def python(desk: ExaminedDesk) -> Findings:
    """The interpreter's version, and the installed packages against requirements/base.lock."""
    version = platform.python_version()
    if not PYTHON_FIRST <= sys.version_info[:2] <= PYTHON_LAST:
        yield found("PYTHON_VERSION", f"Python {version}, expected 3.11, 3.12 or 3.13")
    path = desk.root.joinpath(*LOCK)
    try:
        packages = locked_packages(path.read_text(encoding="utf-8"))
    except OSError as error:
        yield found("LOCK_UNREADABLE", f"{path}: {error.strerror}")
        return
    missing, differing = [], []
    for name, expected in packages:
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(f"{name} {expected}")
            continue
        if installed != expected:
            differing.append(f"{name} {installed}, expected {expected}")
    if missing:
        yield found("PACKAGE_MISSING", _some(missing))
    if differing:
        yield found("PACKAGE_DIFFERS", _some(differing))
    if not missing and not differing:
        yield fine(f"{version}; {len(packages)} packages as in the lock")


@check("sqlite")
def sqlite(_desk: ExaminedDesk) -> Findings:
    """The version of SQLite that the desk uses."""
    version = apsw.sqlite_lib_version()
    if sqlite_number(version) < SQLITE_MIN:
        yield found("SQLITE_OLD", f"{version}, expected {'.'.join(map(str, SQLITE_MIN))} or later")
    else:
        yield fine(version)


def sqlite_number(version: str) -> tuple[int, ...]:
    """A version as numbers that can be compared."""
    return tuple(int(part) for part in version.split("."))


def _some(texts: list[str]) -> str:
    more = len(texts) - NAMED_MAX
    return "; ".join(texts[:NAMED_MAX]) + (f"; and {more} more" if more > 0 else "")


CHECKS: Final[tuple[Check, ...]] = (python, sqlite)
