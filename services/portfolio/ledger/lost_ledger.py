"""A new ledger where this supervisor's portfolio had one before: a loss, not a new account.

A data folder that loses all its files leaves nothing to compare a new ledger with: neither the signed head nor the
gateway's journal. So a note in the runtime folder records which supervisor's portfolio had a ledger, and where.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from services.portfolio.ledger.ledger import Ledger

NOTE: Final = "portfolio.ledger"
"""Name of the note in the runtime folder."""


def mark_if_lost(ledger: Ledger, runtime: Path) -> None:
    """Set `ledger.rollback` where the ledger is new although this supervisor's portfolio had one at its path."""
    with suppress(OSError):
        if ledger.is_new and (runtime / NOTE).read_text(encoding="utf-8") == _note(ledger):
            text = f"{ledger.path} is new: the ledger that this desk had before is gone, with what was beside it"
            ledger.rollback = ledger.rollback or text


def note_ledger(ledger: Ledger, runtime: Path) -> bool:
    """Note that this supervisor's portfolio has a ledger with something in it; False while it is not noted."""
    if ledger.is_new:
        return False
    with suppress(OSError):
        (runtime / NOTE).write_text(_note(ledger), encoding="utf-8")
        return True
    return False


def _note(ledger: Ledger) -> str:
    return f"{_parent()} {ledger.path}"


def _parent() -> str:
    """The parent process: its id and, on Linux, its start time, which tells it from a later one with the same id."""
    pid = os.getppid()
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return f"{pid} {after_name[19]}"
    except (OSError, IndexError):
        return str(pid)
