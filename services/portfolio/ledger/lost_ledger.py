"""Detection of a lost ledger, which was replaced by a new one while the same supervisor was running.

If the data folder loses all its files, the signed head and the gateway's journal are lost too, and a new ledger cannot
be compared with them. So a note in the runtime folder records that portfolio had a ledger, with the ledger's path and
the supervisor that had started portfolio.
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
"""File name of the note in the runtime folder."""


def note_before_opening(path: Path, runtime: Path) -> None:
    """Record a ledger with events before it is opened and verified, because it may be lost meanwhile."""
    with suppress(StartError, apsw.Error), closing(open_ledger(path)) as db:
        if db.execute("SELECT 1 FROM events LIMIT 1").fetchone() is not None:
            _write(path, runtime)


def mark_if_lost(ledger: Ledger, runtime: Path) -> None:
    """Set `ledger.rollback` if the ledger is new although this supervisor's portfolio had a ledger at the same path."""
    with suppress(OSError):
        if ledger.is_new and (runtime / NOTE).read_text(encoding="utf-8", errors="replace") == _note(ledger.path):
            text = f"{ledger.path} is new: the earlier ledger of this desk is gone, with the files beside it"
            ledger.rollback = ledger.rollback or text


def note_ledger(ledger: Ledger, runtime: Path) -> bool:
    """Record that this supervisor's portfolio has a ledger with events; return whether it is recorded."""
    return not ledger.is_new and _write(ledger.path, runtime)


def _write(path: Path, runtime: Path) -> bool:
    with suppress(OSError):
        replace_text(runtime / NOTE, _note(path))
        return True
    return False


def _note(path: Path) -> str:
    return f"{process_identity(os.getppid())} {path}"
