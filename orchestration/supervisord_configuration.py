"""The supervisord.conf of a private desk and of a desk's folder: the shipped one with other paths."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from common.project_root import DESK_VARIABLE

CONFIGURATION: Final = "supervisord.conf"

WEB: Final = "web"
"""The program that serves the page; a desk trades without it."""

NOTIFY: Final = "notify"
"""The program that sends alarms to people; a desk trades without it."""


def private_configuration(shipped: str, *, root: Path, runtime: Path, python: str, omitted: Collection[str]) -> str:
    """The shipped configuration with the paths of a private desk.

    Args:
        shipped: text of `supervisord.conf`.
        root: working directory of the programs.
        runtime: folder that replaces `var/`.
        python: interpreter that replaces the one in `.venv`.
        omitted: programs without which the desk is started.
    """
    for name in omitted:
        shipped = re.sub(rf"^\[program:{name}\]\n(?:[^\[\n].*\n|\n)*", "", shipped, flags=re.MULTILINE)
    replacements = (
        (_SHIPPED_PYTHON, _quoted(python)),
        ("%%(here)s/var", _without_formats(_without_formats(str(runtime)))),
        ("%(here)s/var", _without_formats(str(runtime))),
        ("%(here)s", _without_formats(str(root))),
    )
    for old, new in replacements:
        shipped = shipped.replace(old, new)
    return shipped


def desk_configuration(shipped: str, *, python: str) -> str:
    """The shipped configuration for a desk's folder, in which it is to be stored.

    Its paths begin with the folder of the file, so the folder may be moved. Each program gets the folder as its desk.
    `-P` keeps files of the folder from replacing modules of the program.

    Args:
        shipped: text of `supervisord.conf`.
        python: interpreter of the programs; a relative path is relative to the desk's folder.
    """
    _, first, sections = shipped.partition("[unix_http_server]")
    command = f"/usr/bin/env {DESK_VARIABLE}=. {_quoted(python)} -P"
    return _DESK_HEADER + first + sections.replace(_SHIPPED_PYTHON, command)


_SHIPPED_PYTHON: Final = "/usr/bin/env .venv/bin/python"

_DESK_HEADER: Final = """\
; The processes of this desk. `paperdesk init` made this file from the supervisord.conf of the program, and
; `paperdesk init --renew DIR` makes it again after the program was moved or upgraded. Changes belong into .env.
;
;   supervisord -c supervisord.conf        start all of them (add -n to stay in the foreground)
;   supervisorctl -c supervisord.conf      status, tail, stop and start of single processes
;
; Both programs are beside the interpreter that is named below. They work from any working directory.

"""


def _quoted(path: str) -> str:
    """A path as one word of a command in supervisord's configuration."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return _without_formats(f'"{escaped}"')


def _without_formats(text: str) -> str:
    return text.replace("%", "%%")
