"""Desks whose ledger and signature do not match, or whose signature cannot be written."""

from __future__ import annotations

from pathlib import Path

from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.portfolio.ledger.ledger_writer import LedgerWriter
from services.portfolio.ledger.signing_key import ensure_key, key_file
from tests.support.desk_harness import DeskHarness, a_live_desk


def deleted_ledger_with_signed_head(folder: Path) -> DeskHarness:
    """A desk whose ledger was deleted, while its signed head still exists."""
    key = ensure_key(key_file(folder))
    signed = Ledger(folder / LEDGER_FILE_NAME, key)
    writer = LedgerWriter(signed, a_live_desk().state)
    assert writer.commit()
    writer.sign()
    signed.close()
    (folder / LEDGER_FILE_NAME).unlink()
    driven, ledger = a_live_desk(), Ledger(folder / LEDGER_FILE_NAME, key)
    LedgerWriter(ledger, driven.state)
    ledger.close()
    return driven


def unwritable_signed_head(folder: Path) -> DeskHarness:
    """A desk whose signed head cannot be written, because a folder has its path."""
    driven = a_live_desk()
    key = ensure_key(key_file(folder))
    ledger = Ledger(folder / LEDGER_FILE_NAME, key)
    key.head_path.unlink(missing_ok=True)
    key.head_path.mkdir()
    writer = LedgerWriter(ledger, driven.state)
    assert writer.commit()
    writer.sign()
    ledger.close()
    return driven
