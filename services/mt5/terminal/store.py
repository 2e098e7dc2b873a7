"""Stored state of the gateway for a terminal: deal numbers, published ticks, and revisions of modifications.

The broker keeps the account. The gateway stores the numbers that it has reported, because they must not change. Deals
are numbered in the order in which they were first seen, because a broker's history may show an earlier deal later.
Ticks are stored with their ordinals, and each symbol with its read position. Revisions are stored so that a
modification with a lower revision stays refused after a restart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from common.checksums import checked_rows, with_checksum
from common.errors import StartError
from common.file_identity import raise_if_damaged
from common.storage import WriterConnection, open_writer, transaction, unreadable_file_error
from marketdata.tick_stream import StreamTick
from services.mt5.core.ports.book_records import Modification
from services.mt5.terminal.terminal_market import TICKS_KEPT
from services.mt5.terminal.tick_reader import TickReadOffset

APPLICATION_ID: Final = 0x50445431
SCHEMA_VERSION: Final = 2
SCHEMA: Final = """
CREATE TABLE terminal (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    account TEXT NOT NULL,
    stream_id TEXT NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE deals (
    number INTEGER PRIMARY KEY,
    ticket INTEGER NOT NULL UNIQUE,  -- the broker's
    ordinal INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE ticks (
    ordinal INTEGER PRIMARY KEY,
    symbol TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    bid REAL NOT NULL,
    ask REAL NOT NULL,
    volume REAL NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE tick_cursors (
    symbol TEXT PRIMARY KEY,
    time_msc INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE modifications (
    target TEXT PRIMARY KEY,  -- order: or position: and the ticket
    revision INTEGER NOT NULL,
    outcome TEXT,  -- a Modification in JSON; NULL while it is not known
    checksum INTEGER NOT NULL
) STRICT;
"""


class TerminalStore:
    """The state in a SQLite file; every write is synced before the method returns."""

    def __init__(self, path: Path, *, account: str, stream_id: str) -> None:
        """Open or create the file.

        Args:
            path: path of the file.
            account: the account's name.
            stream_id: id of the tick stream if the file is created.

        Raises:
            StartError: the file cannot be used, or belongs to another account.
        """
        self._path = path
        self._db: WriterConnection = open_writer(
            path, application_id=APPLICATION_ID, schema=SCHEMA, schema_version=SCHEMA_VERSION, synchronous="FULL"
        )
        self._db.execute(
            "INSERT OR IGNORE INTO terminal VALUES (?, ?, ?, ?)", with_checksum("terminal", 1, account, stream_id)
        )
        try:
            [(_, owner, self.stream_id)] = self._rows("terminal", "id, account, stream_id")
        except StartError:
            self._db.close()
            raise
        if owner != account:
            self._db.close()
            raise StartError(f"{path} is of account {owner}, expected {account}; each account needs its own folder")
        self._ticks_since_deletion = 0

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def require_file_unchanged(self) -> None:
        """Check that the opened file is still at its path.

        Raises:
            FileLostError: the file was removed or replaced.
        """
        self._db.require_in_place()

    # ------------------------------------------------------------------------------------------------------------ deals

    def deal_numbers(self) -> dict[int, tuple[int, int]]:
        """Number and tick ordinal of each deal, by the deal's ticket at the broker."""
        rows = self._rows("deals", "number, ticket, ordinal")
        return {ticket: (number, ordinal) for number, ticket, ordinal in rows}

    def add_deals(self, deals: Sequence[tuple[int, int, int]]) -> None:
        """Store deals as (number, ticket at the broker, tick ordinal)."""
        with raise_if_damaged(self._path), transaction(self._db):
            self._db.executemany(
                "INSERT INTO deals VALUES (?, ?, ?, ?)", [with_checksum("deals", *deal) for deal in deals]
            )

    # ------------------------------------------------------------------------------------------------------------ ticks

    def ticks(self) -> list[StreamTick]:
        """The stored ticks, by ordinal."""
        rows = self._rows("ticks", "ordinal, symbol, sequence, time_ns, bid, ask, volume", "ORDER BY ordinal")
        return [StreamTick(symbol, sequence, ordinal, *quote) for ordinal, symbol, sequence, *quote in rows]

    def cursors(self) -> dict[str, TickReadOffset]:
        """The read position of each symbol, by the desk's name."""
        rows = self._rows("tick_cursors", "symbol, time_msc, seen")
        return {symbol: TickReadOffset(time_msc, seen) for symbol, time_msc, seen in rows}

    def add_ticks(self, ticks: Sequence[StreamTick], cursors: dict[str, TickReadOffset]) -> None:
        """Store ticks and read positions in one transaction.

        After each `TICKS_KEPT` / 10 added ticks, all but the newest `TICKS_KEPT` are deleted.
        """
        with raise_if_damaged(self._path), transaction(self._db):
            self._db.executemany(
                "INSERT INTO ticks VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    with_checksum(
                        "ticks", t.ordinal, t.symbol, t.sequence, t.time_ns, *map(float, (t.bid, t.ask, t.volume))
                    )
                    for t in ticks
                ],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO tick_cursors VALUES (?, ?, ?, ?)",
                [with_checksum("tick_cursors", symbol, *cursor) for symbol, cursor in cursors.items()],
            )
            self._ticks_since_deletion += len(ticks)
            if ticks and self._ticks_since_deletion > TICKS_KEPT // 10:
                self._ticks_since_deletion = 0
                self._db.execute("DELETE FROM ticks WHERE ordinal <= ?", (ticks[-1].ordinal - TICKS_KEPT,))

    # ---------------------------------------------------------------------------------------------------- modifications

    def modifications(self) -> dict[str, tuple[int, Modification | None]]:
        """Revision and outcome (None while unknown) of the last modification, by target."""
        rows = self._rows("modifications", "target, revision, outcome")
        return {target: (revision, _decoder.decode(outcome) if outcome else None) for target, revision, outcome in rows}

    def set_modification(self, target: str, revision: int, outcome: Modification | None) -> None:
        """Store the `outcome` of a modification (None before it is sent) under its `revision`, > 0."""
        outcome_text = None if outcome is None else _encoder.encode(outcome).decode()
        with raise_if_damaged(self._path), transaction(self._db):
            self._db.execute(
                "INSERT OR REPLACE INTO modifications VALUES (?, ?, ?, ?)",
                with_checksum("modifications", target, revision, outcome_text),
            )

    def _rows(self, table: str, columns: str, order: str = "") -> Iterator[Any]:
        """The rows of a table, after a check of their checksums.

        Raises:
            StartError: a row is damaged.
        """
        rows = self._db.execute(f"SELECT {columns}, checksum FROM {table} {order}")  # noqa: S608 - constant names
        try:
            yield from checked_rows(self._path, table, rows)
        except (apsw.Error, ValueError) as error:
            raise unreadable_file_error(self._path, error, "restore it from a backup") from None


# Decimals are stored as strings, so that 1.0850 keeps its last digit.
_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder = msgspec.json.Decoder(Modification)
