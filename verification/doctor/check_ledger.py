"""Checks of the ledger and of the other databases of the desk."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Final

import apsw

from common.errors import StartError, error_text
from orchestration.stopped_desk_audit import VENUE_BOOK
from services.mt5.stores import journal_store, market_store
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME
from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.findings import Check, Finding, Findings, check, fine, found
from verification.doctor.quiet_reader import open_quietly, truncation

JOURNAL: Final = Path("venue") / "journal.db"
CHECKED_BYTES_MAX: Final = 16 * 1024 * 1024
"""Size up to which every page of a database is checked, which takes about 50 ms."""

VERSIONS: Final = {
    JOURNAL: (journal_store.APPLICATION_ID, journal_store.SCHEMA_VERSION),
    VENUE_BOOK: (market_store.APPLICATION_ID, market_store.SCHEMA_VERSION),
}
"""Kind and schema version of the databases that must fit each other."""


@check("ledger")
def ledger(desk: ExaminedDesk) -> Findings:
    """The ledger: it opens, its newest events fit the hash chain and the signature, and its writer answers."""
    facts, path = desk.ledger, desk.data_dir / LEDGER_FILE_NAME
    if not facts.exists:
        yield fine("none yet; the first start of portfolio makes it")
        return
    if facts.problem:
        yield found("LEDGER_VERSION" if facts.is_other_version else "LEDGER_UNREADABLE", facts.problem)
        return
    results: list[Finding] = []
    if facts.chain_fault:
        results.append(found("LEDGER_CHAIN", facts.chain_fault))
    if facts.signature is not None:
        problems = [one for one in facts.signature.problems if " with key " not in one]  # `keys` names the others
        results += [found("LEDGER_SIGNATURE", one) for one in problems if not facts.chain_fault]
        if facts.signature.rollback:
            results.append(found("LEDGER_OLDER", facts.signature.rollback))
    if desk.ledger_owner is not None and desk.status is None:
        results.append(found("LEDGER_HELD", f"{path} is written by a process{desk.ledger_owner} that does not answer"))
    yield from results
    if not results:
        signed = "signed" if facts.is_signed else "not signed"
        yield fine(f"{facts.events:,} events, {signed}, written {_age(path)} ago; `paperdesk verify` checks it all")


@check("databases")
def databases(desk: ExaminedDesk) -> Findings:
    """The other databases: journal and book of the venue, checkpoints, and the files of the page."""
    paths = sorted(path for path in desk.data_dir.glob("**/*.db") if path.is_file() and path.name != LEDGER_FILE_NAME)
    faults = {path: list(_faults(path, path.relative_to(desk.data_dir))) for path in paths}
    results = [finding for one in faults.values() for finding in one]
    journal, book = desk.data_dir / JOURNAL, desk.data_dir / VENUE_BOOK
    # A journal with a fault may not be readable; faults of other databases do not matter here.
    if journal.is_file() and not book.is_file() and not faults.get(journal) and _has_orders(journal):
        results.append(found("BOOK_MISSING", f"{journal} has orders, and {book} does not exist"))
    yield from results
    if not results:
        yield fine(", ".join(str(path.relative_to(desk.data_dir)) for path in paths) or "none yet")


def _faults(path: Path, name: Path) -> Findings:
    try:
        if fault := truncation(path):
            yield found("DATABASE_DAMAGED", f"{path}: {fault}")
            return
        if not path.stat().st_size:
            return
        db = open_quietly(path)
    except (StartError, OSError) as error:
        yield found("DATABASE_DAMAGED", f"{path}: {error}")
        return
    try:
        kind = tuple(db.execute(f"PRAGMA {one}").fetchall()[0][0] for one in ("application_id", "user_version"))
        if name in VERSIONS and kind != VERSIONS[name]:
            expected = "kind {}, schema version {}".format(*VERSIONS[name])
            yield found("DATABASE_VERSION", f"{path} is of kind {kind[0]}, schema version {kind[1]}; {expected}")
        elif path.stat().st_size <= CHECKED_BYTES_MAX:
            fault = " ".join(str(db.execute("PRAGMA quick_check(1)").fetchall()[0][0]).split())
            if fault != "ok":
                yield found("DATABASE_DAMAGED", f"{path}: {fault}")
    except apsw.Error as error:
        yield found("DATABASE_DAMAGED", f"{path}: {error_text(error)}")
    finally:
        db.close()


def _has_orders(journal: Path) -> bool:
    db = open_quietly(journal)
    try:
        return db.execute("SELECT 1 FROM entries LIMIT 1").fetchone() is not None
    finally:
        db.close()


def _age(path: Path) -> str:
    """The time since the last commit, from the files' times."""
    files = [path, path.with_name(path.name + "-wal")]
    newest = max(one.stat().st_mtime for one in files if one.exists())
    return str(timedelta(seconds=max(0, int(time.time() - newest))))


CHECKS: Final[tuple[Check, ...]] = (ledger, databases)
