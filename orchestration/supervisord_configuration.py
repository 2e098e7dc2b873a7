"""The configuration of a private desk's supervisord: the shipped one with other paths."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

CONFIGURATION: Final = "supervisord.conf"

WEB: Final = "web"
"""The program that serves the page; a desk trades without it."""


def private_configuration(shipped: str, *, root: Path, runtime: Path, python: str, has_web: bool) -> str:
    """The shipped configuration with the paths of a private desk.

    Args:
        shipped: text of `supervisord.conf`.
        root: working directory of the programs.
        runtime: folder that replaces `var/`.
        python: interpreter that replaces the one in `.venv`.
        has_web: whether the program `web` is started; without it its section is omitted.
    """
    if not has_web:
        shipped = _WEB_SECTION.sub("", shipped)
    quoted_python = python.replace("\\", "\\\\").replace('"', '\\"')
    replacements = (
        ("/usr/bin/env .venv/bin/python", _without_formats(f'"{quoted_python}"')),
        ("%%(here)s/var", _without_formats(_without_formats(str(runtime)))),
        ("%(here)s/var", _without_formats(str(runtime))),
        ("%(here)s", _without_formats(str(root))),
    )
    for old, new in replacements:
        shipped = shipped.replace(old, new)
    return shipped


_WEB_SECTION: Final = re.compile(rf"^\[program:{WEB}\]\n(?:[^\[\n].*\n|\n)*", re.MULTILINE)


def _without_formats(text: str) -> str:
    return text.replace("%", "%%")
