"""Changes of a store's file, as a disk fault or a person who knows the format makes them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import apsw

from common import checksums
from services.portfolio.ledger import hash_chain


def edit(path: Path, *statements: str) -> None:
    """Run SQL statements on a file without correcting its checksums."""
    db = apsw.Connection(str(path))
    for statement in statements:
        db.execute(statement)
    db.close()


def edit_skilfully(path: Path, *statements: str, is_chained: bool = False) -> None:
    """Run SQL statements on a file, and recompute its checksums and a ledger's row counts.

    With `is_chained`, recompute a ledger's hash chain too. Signatures by the ledger's key are not changed.
    """
    db = apsw.Connection(str(path))
    checksums.add_sql_function(db)
    for statement in statements:
        db.execute(statement)
    tables = {name: checksums.column_names(db, name) for name in _tables(db)}
    if is_chained:
        _chain_again(db)
    if "hash" in tables.get("cursor", []):
        _end_again(db, set(tables))
    for table, columns in tables.items():
        if checksums.COLUMN in columns:
            expression = checksums.sql_of_checksum(table, [name for name in columns if name != checksums.COLUMN])
            db.execute(f"UPDATE {table} SET {checksums.COLUMN} = {expression}")
    db.close()


def replace_in(table: str, old: str, new: str, where: str = "true") -> str:
    """An SQL statement that replaces text in payloads, which are blobs."""
    return f"UPDATE {table} SET payload = CAST(replace(CAST(payload AS TEXT), '{old}', '{new}') AS BLOB) WHERE {where}"


def _tables(db: apsw.Connection) -> list[str]:
    return [str(name) for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]


def _chain_again(db: apsw.Connection) -> None:
    link = hash_chain.GENESIS
    rows: Any = db.execute("SELECT number, payload FROM events ORDER BY number").fetchall()
    for number, payload in rows:
        link = hashlib.sha256(link + payload).digest()
        db.execute("UPDATE events SET hash = ? WHERE number = ?", (link, number))
    db.execute("DELETE FROM meta WHERE name = 'verified'")


def _end_again(db: apsw.Connection, tables: set[str]) -> None:
    number, link = hash_chain.last_position(db)
    db.execute("UPDATE cursor SET event = ?, hash = ?", (number, link))
    for table in {"orders", "deals", "lots"} & tables:
        db.execute(f"UPDATE cursor SET {table} = (SELECT count(*) FROM {table})")
