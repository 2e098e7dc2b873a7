"""The installation's folder, the desk's folder, and expansion of paths.

The installation (`PROJECT_ROOT`) is the checkout: code, the demo model, the shipped files. The desk (`DESK_ROOT`) is
the folder of settings, data, sockets and logs. It is the folder that PAPERDESK_DESK names, else the nearest folder of
`paperdesk init` that contains the working directory, else the installation itself.

This module is separate from the settings, so that a command that needs only these starts without importing pydantic.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from common.errors import StartError

PROJECT_ROOT: Final = Path(__file__).resolve().parents[1]

CODE_PACKAGES: Final = (
    "proto",
    "common",
    "marketdata",
    "services",
    "research",
    "orchestration",
    "verification",
    "cli",
    "tests",
)
"""The packages of the desk's own code in the installation's folder."""

DESK_VARIABLE: Final = "PAPERDESK_DESK"
"""Environment variable with the path of the desk's folder, which takes precedence over the working directory."""

DESK_MARKER: Final = ".paperdesk"
"""File that makes a folder a desk's folder; `paperdesk init` writes it."""


def _found_desk(start: Path) -> Path:
    """The nearest folder of a desk at or above `start`; the installation if there is none or `start` is in it."""
    for folder in (start, *start.parents):
        if folder == PROJECT_ROOT or (folder / DESK_MARKER).is_file():
            return folder
    return PROJECT_ROOT


def _desk_root() -> Path:
    named = os.environ.get(DESK_VARIABLE)
    try:
        return Path(named).resolve() if named else _found_desk(Path.cwd())
    except OSError:  # the working directory was removed, or a folder above it may not be entered
        return PROJECT_ROOT


DESK_ROOT: Final = _desk_root()
HAS_OWN_DESK: Final = DESK_ROOT != PROJECT_ROOT
"""Whether the desk has a folder of its own, made by `paperdesk init`."""

DEFAULT_DATA_DIR: Final = DESK_ROOT / "data" if HAS_OWN_DESK else DESK_ROOT / "var" / "data"

ENV_FILE_VARIABLE: Final = "PAPERDESK_ENV_FILE"
"""Environment variable with the path of a settings file to read instead of `.env` in the desk's folder.

If the variable is empty, no settings file is read.
"""


def require_desk_root() -> None:
    """Refuse a PAPERDESK_DESK without a desk, and a found desk of another user.

    A folder of another user is refused, because its settings and its strategy would run with the caller's rights.

    Raises:
        StartError: the folder is refused.
    """
    if not HAS_OWN_DESK:
        return
    named, marker = os.environ.get(DESK_VARIABLE), DESK_ROOT / DESK_MARKER
    if not marker.is_file():
        raise StartError(f"{DESK_VARIABLE}: value {named!r}, expected a folder that `paperdesk init` made")
    if sys.platform == "win32" or named:
        return
    owner, user = marker.stat().st_uid, os.geteuid()
    if owner not in (0, user):
        raise StartError(
            f"the desk in {DESK_ROOT} belongs to user {owner}, expected a desk of this user, {user}; "
            f"run the command as its user, or set {DESK_VARIABLE}={DESK_ROOT} if you trust its files"
        )


def expanded(path: str | Path) -> Path:
    """The path with `~` replaced by the user's home.

    Raises:
        ValueError: the home folder is unknown.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError("a path without ~, because that user's home folder is unknown") from None
