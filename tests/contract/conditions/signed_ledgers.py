"""Desks whose ledger does not match its signature."""

from __future__ import annotations

from pathlib import Path

from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.portfolio.ledger.ledger_writer import LedgerWriter
from services.portfolio.ledger.signing_key import ensure_key, key_file
from tests.support.desk_harness import DeskHarness, a_live_desk


def older_than_its_signature(folder: Path) -> DeskHarness:
    """The ledger is gone, but the head signed by its key exists."""
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


def no_room_beside_the_key(folder: Path) -> DeskHarness:
    """The newest signed head cannot be written, because a folder is in its place."""
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
