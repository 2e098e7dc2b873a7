"""Identity of a process that is unique even if a later process gets the same pid."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_STATE: Final = 0
_START: Final = 19


def process_identity(pid: int) -> str:
    """Identity of the process with a pid: pid and start time on Linux; only the pid if the start time is unknown.

    If the process has ended and is not reaped yet, the text is the pid followed by "has ended".
    """
    fields = _fields(pid)
    return str(pid) if not fields else f"{pid} has ended" if _is_over(fields) else f"{pid} {fields[_START]}"


def has_ended(pid: int) -> bool:
    """Whether a process is known to have ended and is not reaped yet."""
    return _is_over(_fields(pid))


def process_state(pid: int) -> str:
    """State of a process as one letter of the kernel, such as T for suspended; empty if it is not known."""
    fields = _fields(pid)
    return fields[_STATE] if fields else ""


def command_words(pid: int) -> list[str]:
    """The command line of a process as words; empty without such a process or without /proc."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return []


def _is_over(fields: list[str]) -> bool:
    return bool(fields) and fields[_STATE] in "ZX"


def _fields(pid: int) -> list[str]:
    """Fields of /proc/PID/stat, beginning with the state; empty without such a process or without /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    # The form is "pid (name) state ...". The name may contain any character, and ends at the last parenthesis.
    fields = stat.rpartition(")")[2].split()
    return fields if len(fields) > _START else []
