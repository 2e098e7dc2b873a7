"""What of a terminal has to survive the gateway: the numbers of deals, the ticks that went out, revisions.

The terminal itself keeps the account. Kept here is what the gateway has said of it and must say again: deals are numbered in the
order in which they were seen, because a broker's history may show an earlier deal later; ticks are numbered as they were
published, with how far each symbol was read; a modification of an older revision must stay refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from common.errors import StartError
from common.file_identity import raise_if_damaged
from common.storage import WriterConnection, open_writer, transaction
from marketdata.tick_stream import StreamTick
from services.mt5.core.ports.book_records import Modification
from services.mt5.terminal.terminal_market import TICKS_KEPT
from services.mt5.terminal.tick_reader import TickReadOffset

APPLICATION_ID: Final = 0x50445431
SCHEMA_VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE terminal (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    account TEXT NOT NULL,
    stream_id TEXT NOT NULL
) STRICT;
CREATE TABLE deals (
    number INTEGER PRIMARY KEY,
    ticket INTEGER NOT NULL UNIQUE,  -- the broker's
    ordinal INTEGER NOT NULL
) STRICT;
CREATE TABLE ticks (
    ordinal INTEGER PRIMARY KEY,
    symbol TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    bid REAL NOT NULL,
    ask REAL NOT NULL,
    volume REAL NOT NULL
) STRICT;
CREATE TABLE tick_cursors (
    symbol TEXT PRIMARY KEY,
    time_msc INTEGER NOT NULL,
    seen INTEGER NOT NULL
) STRICT;
CREATE TABLE modifications (
    target TEXT PRIMARY KEY,  -- order: or position: and the ticket
    revision INTEGER NOT NULL,
    outcome TEXT  -- a Modification in JSON; NULL while it is not known
) STRICT;
"""


class TerminalStore:
    """One SQLite file; every write is synced before it returns."""

    def __init__(self, path: Path, *, account: str, stream_id: str) -> None:
        """Open or make the file.

        Args:
            path: of the file.
            account: whose it is.
            stream_id: name of the stream of ticks if the file has to be made.

        Raises:
            StartError: the file cannot be used, or belongs to another account.
        """
        self._path = path
        self._db: WriterConnection = open_writer(
            path, application_id=APPLICATION_ID, schema=SCHEMA, schema_version=SCHEMA_VERSION, synchronous="FULL"
        )
        self._db.execute("INSERT OR IGNORE INTO terminal VALUES (1, ?, ?)", (account, stream_id))
        rows: Any = self._db.execute("SELECT account, stream_id FROM terminal").fetchall()
        [(owner, self.stream_id)] = rows
        if owner != account:
            self._db.close()
            raise StartError(f"{path} is of account {owner}, expected that of {account}: one folder for each account")
        self._dirty = 0

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    def require_file_unchanged(self) -> None:
        """See that the file is still there.

        Raises:
            FileLostError: it is not.
        """
        self._db.require_in_place()

    # ------------------------------------------------------------------------------------------------------------- deals

    def deal_numbers(self) -> dict[int, tuple[int, int]]:
        """Number and ordinal of each deal by its ticket at the broker."""
        rows: Any = self._db.execute("SELECT ticket, number, ordinal FROM deals")
        return {ticket: (number, ordinal) for ticket, number, ordinal in rows}

    def add_deals(self, deals: Sequence[tuple[int, int, int]]) -> None:
        """Number deals: (number, ticket, ordinal)."""
        with raise_if_damaged(self._path), transaction(self._db):
            self._db.executemany("INSERT INTO deals VALUES (?, ?, ?)", deals)

    # ------------------------------------------------------------------------------------------------------------- ticks

    def ticks(self) -> list[StreamTick]:
        """The ticks that are kept."""
        rows: Any = self._db.execute(
            "SELECT symbol, sequence, ordinal, time_ns, bid, ask, volume FROM ticks ORDER BY ordinal"
        )
        return [StreamTick(*row) for row in rows]

    def cursors(self) -> dict[str, TickReadOffset]:
        """How far each symbol has been read."""
        rows: Any = self._db.execute("SELECT symbol, time_msc, seen FROM tick_cursors")
        return {symbol: TickReadOffset(time_msc, seen) for symbol, time_msc, seen in rows}

    def add_ticks(self, ticks: Sequence[StreamTick], cursors: dict[str, TickReadOffset]) -> None:
        """Keep ticks together with how far their symbols have been read; what is too old goes."""
        with raise_if_damaged(self._path), transaction(self._db):
            self._db.executemany(
                "INSERT INTO ticks VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(t.ordinal, t.symbol, t.sequence, t.time_ns, t.bid, t.ask, t.volume) for t in ticks],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO tick_cursors VALUES (?, ?, ?)",
                [(symbol, *cursor) for symbol, cursor in cursors.items()],
            )
            self._dirty += len(ticks)
            if ticks and self._dirty > TICKS_KEPT // 10:
                self._dirty = 0
                self._db.execute("DELETE FROM ticks WHERE ordinal <= ?", (ticks[-1].ordinal - TICKS_KEPT,))

    # ----------------------------------------------------------------------------------------------------- modifications

    def modifications(self) -> dict[str, tuple[int, Modification | None]]:
        """The last revision of each target, and what that modification came to, where it is known."""
        rows: Any = self._db.execute("SELECT target, revision, outcome FROM modifications")
        return {target: (revision, _decoder.decode(told) if told else None) for target, revision, told in rows}

    def set_modification(self, target: str, revision: int, outcome: Modification | None) -> None:
        """A modification is on its way to the broker, or has come to something."""
        told = None if outcome is None else _encoder.encode(outcome).decode()
        with raise_if_damaged(self._path), transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO modifications VALUES (?, ?, ?)", (target, revision, told))


# Decimals as strings, so that 1.0850 comes back as 1.0850.
_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder = msgspec.json.Decoder(Modification)
