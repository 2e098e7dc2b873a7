"""Conversion of the files of a stopped desk to the schema versions of this release."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from common.errors import StartError
from common.migration import FileKind, Migrated, application_id_of, migrate_file
from services.mt5.stores.migrations import BOOK, JOURNAL, TERMINAL
from services.portfolio.ledger.migrations import LEDGER
from services.signal.checkpoint import CHECKPOINT_FILE
from services.web.security.auth_store import AUTH_FILE

KINDS: Final[tuple[FileKind, ...]] = (LEDGER, JOURNAL, BOOK, TERMINAL, CHECKPOINT_FILE, AUTH_FILE)

FILES: Final = ("ledger.db", "venue/*.db", "terminal/*.db", "signal/*.db", "web_auth.db")


def migrate(path: Path) -> list[Migrated]:
    """Convert every file of a desk, or a single file such as a backup of a ledger.

    Raises:
        StartError: there is no file, the desk runs, or a file cannot be converted; that file is then unchanged.
    """
    files = [path] if path.is_file() else [file for pattern in FILES for file in sorted(path.glob(pattern))]
    if not files:
        raise StartError(f"{path} has no file to migrate, expected the folder of a desk or one of its files")
    return [migrate_file(file, _kind_of(file)) for file in files]


def _kind_of(path: Path) -> FileKind:
    found = application_id_of(path)
    for kind in KINDS:
        if kind.application_id == found:
            return kind
    raise StartError(f"{path} is a database of another kind: application id {found}, expected a file of a desk")
