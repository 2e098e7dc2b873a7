"""Detection of a lost ledger: a new one where this supervisor's portfolio had one before.

A data folder that loses all its files leaves nothing to compare a new ledger with, neither the signed head nor the
gateway's journal. So a note in the runtime folder records which supervisor's portfolio had a ledger, and where.
"""

from __future__ import annotations

import os
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import apsw

from common.errors import StartError
from common.process_identity import process_identity
from common.text_notes import replace_text
from services.portfolio.ledger.ledger import Ledger, open_ledger

NOTE: Final = "portfolio.ledger"
"""Name of the note in the runtime folder."""


def note_before_opening(path: Path, runtime: Path) -> None:
    """Note a ledger with events at a start, before the walk, during which it may be lost."""
    with suppress(StartError, apsw.Error), closing(open_ledger(path)) as db:
        if db.execute("SELECT 1 FROM events LIMIT 1").fetchone() is not None:
            _write(path, runtime)


def mark_if_lost(ledger: Ledger, runtime: Path) -> None:
    """Set `ledger.rollback` where the ledger is new although this supervisor's portfolio had one at its path."""
    with suppress(OSError):
        if ledger.is_new and (runtime / NOTE).read_text(encoding="utf-8", errors="replace") == _note(ledger.path):
            text = f"{ledger.path} is new: the earlier ledger of this desk is gone, with the files beside it"
            ledger.rollback = ledger.rollback or text


def note_ledger(ledger: Ledger, runtime: Path) -> bool:
    """Note that this supervisor's portfolio has a ledger with events; False while that is not noted."""
    return not ledger.is_new and _write(ledger.path, runtime)


def _write(path: Path, runtime: Path) -> bool:
    with suppress(OSError):
        replace_text(runtime / NOTE, _note(path))
        return True
    return False


def _note(path: Path) -> str:
    return f"{process_identity(os.getppid())} {path}"
