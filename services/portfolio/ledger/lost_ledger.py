"""A new ledger in the place of one that this supervisor's portfolio had before: a loss, and not the beginning of an account.

A folder that is removed with all that is in it leaves nothing behind that a new ledger could be compared with: neither
its signed head nor the gateway's journal. So the runtime folder has a note, by which supervisor a ledger was opened.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from services.portfolio.ledger.ledger import Ledger

NOTE: Final = "portfolio.ledger"
"""Name of the note in the runtime folder."""


def find_loss(ledger: Ledger, runtime: Path) -> None:
    """Mark a new ledger as one that lacks what was before, where this supervisor's portfolio had one."""
    with suppress(OSError):
        if ledger.is_new and (runtime / NOTE).read_text(encoding="utf-8") == _note(ledger):
            words = f"{ledger.path} is new: the ledger that this desk had before is gone, with what was beside it"
            ledger.rollback = ledger.rollback or words


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
    """The process that started this one, told from a later one with its number by when it began, where Linux says so."""
    pid = os.getppid()
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return f"{pid} {after_name[19]}"
    except (OSError, IndexError):
        return str(pid)
