"""Backup of a ledger that may be in use, and restore from a backup.

A backup is a snapshot between two commits, in one file. A restore keeps the replaced ledger in the same folder under
another name. It removes the incarnation from the restored ledger, so that the next start takes a new one. The venue may
have orders that were made after the backup, under ids of the old incarnation. No other order may get one of these ids.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import apsw

from common import clock
from common.errors import StartError
from common.storage import DATABASE_SUFFIXES, copy_pages, publish_file, writers_lock
from services.portfolio.ledger import hash_chain
from services.portfolio.ledger.clock_guard import CLOCKS
from services.portfolio.ledger.incarnation import REASON
from services.portfolio.ledger.ledger import INCARNATION, LEDGER_FILE_NAME, open_ledger, verify_ledger
from services.portfolio.ledger.notes import write_notes
from services.portfolio.ledger.projections import sign_cursor
from services.portfolio.ledger.signature import Seal, check_signature, publish_head, read_seal, write_seal
from services.portfolio.ledger.signing_key import LedgerKey, ensure_key, key_file

_PART: Final = ".part"


class Restored(NamedTuple):
    """Result of a restore: number of events, path of a replaced ledger, and a text about the backup's signature."""

    events: int
    replaced: Path | None
    signature: str


def back_up(data_dir: Path, out: Path) -> int:
    """Copy the ledger of a desk, which may be running, to a new file; return the number of events.

    Raises:
        StartError: the ledger is damaged or cannot be read, or the new file exists or cannot be written.
    """
    if out.exists():
        raise StartError(f"{out} already exists, expected the name of a new file")
    source = open_ledger(data_dir / LEDGER_FILE_NAME)
    part = out.with_name(out.name + _PART)
    try:
        part.unlink(missing_ok=True)
        copy_pages(source, part)
        problems = verify_ledger(part)
        if problems:
            raise StartError(f"{data_dir / LEDGER_FILE_NAME} is damaged, no backup was made: {problems[0]}")
        events = _events(part)
        publish_file(part, out)
    except (apsw.Error, OSError) as error:
        raise StartError(
            f"{out} cannot be written: {error}; expected a folder with enough space for the ledger"
        ) from None
    finally:
        source.close()
        part.unlink(missing_ok=True)
    return events


def restore(backup: Path, data_dir: Path, key_setting: str = "") -> Restored:
    """Replace the ledger of a stopped desk by a backup, and sign the restored ledger with the key of that desk.

    Args:
        backup: file of the backup, which may be signed with another key.
        data_dir: data folder of the desk.
        key_setting: value of LEDGER_KEY_FILE; empty if it is not set.

    Raises:
        StartError: the desk is running, the file is no intact backup, or the folder is not writable.
    """
    problems = verify_ledger(backup)
    if problems:
        raise StartError(f"{backup} is damaged, nothing was changed: {problems[0]}")
    path = data_dir / LEDGER_FILE_NAME
    if path.exists() and path.samefile(backup):
        raise StartError(f"{backup} is the ledger of the desk itself, expected a backup")
    part = path.with_name(path.name + _PART)
    key = ensure_key(key_file(data_dir, key_setting))
    signature = _check_signer(backup, key)
    with writers_lock(path):
        try:
            part.unlink(missing_ok=True)
            source = open_ledger(backup)
            copy_pages(source, part)
            source.close()
            seal = _sign_restored(part, backup, key)
            replaced = _set_aside(path)
            publish_file(part, path)
            publish_head(key, seal)
        except (apsw.Error, OSError) as error:
            raise StartError(
                f"{path} cannot be restored: {error}; expected a writable folder with enough space"
            ) from None
        finally:
            part.unlink(missing_ok=True)
    return Restored(seal.event, replaced, signature)


def _events(path: Path) -> int:
    db = open_ledger(path)
    try:
        return hash_chain.last_position(db).number
    finally:
        db.close()


def _check_signer(backup: Path, key: LedgerKey) -> str:
    """Return a text about the signature of a backup, which may have been made with another key.

    Raises:
        StartError: the contents of the backup do not match its signature.
    """
    db = open_ledger(backup)
    try:
        with db:
            seal = read_seal(db)
            is_own = seal is None or seal.key == key.public
            found = check_signature(db, key if is_own else None, None)
    finally:
        db.close()
    if found.problems:
        raise StartError(f"{backup} is damaged, nothing was changed: {found.problems[0]}")
    return found.summary


def _sign_restored(part: Path, backup: Path, key: LedgerKey) -> Seal:
    """Remove incarnation and clocks, store the reason for the next incarnation, and sign the restored ledger."""
    db = apsw.Connection(str(part))
    try:
        with db:
            end = hash_chain.last_position(db)
            db.execute("DELETE FROM meta WHERE name IN (?, ?)", (INCARNATION, CLOCKS))
            write_notes(db, {REASON: f"restored from {backup.name} at event {end.number}"})
            sign_cursor(db, key)
            seal = write_seal(db, key, end, clock.wall_ns())
    finally:
        db.close()
    return seal


def _set_aside(path: Path) -> Path | None:
    """Rename the replaced ledger and the other files of its database to a free name."""
    if not path.exists():
        for end in DATABASE_SUFFIXES[1:]:
            path.with_name(path.name + end).unlink(missing_ok=True)
        return None
    number = 1
    while (aside := path.with_name(f"{path.name}.replaced-{number}")).exists():
        number += 1
    for end in reversed(DATABASE_SUFFIXES):
        beside = path.with_name(path.name + end)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + end))
    return aside
