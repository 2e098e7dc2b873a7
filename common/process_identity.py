"""Which process a number means: another one may have it later."""

from __future__ import annotations

from pathlib import Path


def process_identity(pid: int) -> str:
    """The number and, on Linux, the start of the process that has it now; the number alone where that is not known.

    One that has ended and is not reaped yet is none any more.
    """
    try:
        # "pid (name) state", and the name may hold anything but ends at the last parenthesis; field 22 is the start.
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        after_name = stat.rpartition(")")[2].split()
        return f"{pid} has ended" if after_name[0] in "ZX" else f"{pid} {after_name[19]}"
    except (OSError, IndexError):
        return str(pid)
