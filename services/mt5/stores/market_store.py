"""States of the generated market in the book's file, so that account, prices and market time stay consistent."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from common.checksums import checked_row, checked_rows, with_checksum
from common.errors import StartError
from common.fault_injection import crash_point
from common.storage import open_reader, transaction
from marketdata.generated_market import GeneratedMarket, MarketHistory
from marketdata.price_model import MarketState

APPLICATION_ID: Final = 0x50444231
SCHEMA_VERSION: Final = 6
"""Schema version of the book's file."""

SCHEMA: Final = """
CREATE TABLE market (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    stream_id TEXT NOT NULL,
    symbols TEXT NOT NULL,
    seed INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    opening_ordinal INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE market_minutes (
    block INTEGER PRIMARY KEY,
    state BLOB NOT NULL,  -- a MarketState in MessagePack, as the minute begins
    checksum INTEGER NOT NULL
) STRICT;
"""

_MARKET: Final = "SELECT id, stream_id, symbols, seed, start_ns, opening_ordinal, checksum FROM market"
_MINUTES: Final = "SELECT block, state, checksum FROM market_minutes ORDER BY block"

_states = msgspec.msgpack.Decoder(MarketState)


class MarketStore:
    """The market's tables in an open book; `save` returns after the sync."""

    def __init__(self, db: apsw.Connection, path: Path) -> None:
        """Use the open connection `db` to the book at `path`."""
        self._db = db
        self._path = path

    def load(self) -> MarketHistory | None:
        """The stored market; None if the account never had a generated market.

        Raises:
            StartError: the tables cannot be read.
        """
        path = self._path
        try:
            row = self._db.execute(_MARKET).fetchone()
            if row is None:
                return None
            values: Any = checked_row(path, "market", row)
            _, stream_id, symbols, seed, start_ns, opening_ordinal = values
            rows: Any = checked_rows(path, "market_minutes", self._db.execute(_MINUTES))
            states = tuple(_states.decode(state) for _, state in rows)
        except (apsw.Error, ValueError) as error:
            raise StartError(
                f"{path}: the generated market cannot be read: {error}; restore it from a backup"
            ) from None
        return MarketHistory(
            stream_id=stream_id,
            symbols=tuple(symbols.split(",")),
            seed=seed,
            start_ns=start_ns,
            opening_ordinal=opening_ordinal,
            states=states,
        )

    def save(self, history: MarketHistory, *, oldest_block: int) -> None:
        """Add the states of `history`, and delete the states of any other market and those before `oldest_block`."""
        newest_block = max((state.block for state in history.states), default=0)
        crash_point("mt5.before_market", newest_block)
        with transaction(self._db):
            kept: Any = self._db.execute("SELECT stream_id FROM market").fetchone()
            if kept is None or kept[0] != history.stream_id:
                self._db.execute("DELETE FROM market_minutes")
            self._db.execute(
                "INSERT OR REPLACE INTO market VALUES (?, ?, ?, ?, ?, ?, ?)",
                with_checksum(
                    *(
                        "market",
                        1,
                        history.stream_id,
                        ",".join(history.symbols),
                        history.seed,
                        history.start_ns,
                        history.opening_ordinal,
                    )
                ),
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO market_minutes VALUES (?, ?, ?)",
                [
                    with_checksum("market_minutes", state.block, msgspec.msgpack.encode(state))
                    for state in history.states
                ],
            )
            self._db.execute("DELETE FROM market_minutes WHERE block < ?", (oldest_block,))
        crash_point("mt5.after_market", newest_block)


def read_market(book: Path) -> MarketHistory | None:
    """The generated market in a book's file, which is not changed; None if there is no file or no such market.

    Raises:
        StartError: the file cannot be read.
    """
    if not book.is_file():
        return None
    db = open_reader(book, application_id=APPLICATION_ID, schema_version=SCHEMA_VERSION)
    try:
        return MarketStore(db, book).load()
    finally:
        db.close()


class MarketSaver:
    """Stores a market's new states, from which a restart generates the ticks up to the book's tick again."""

    def __init__(self, market: GeneratedMarket, store: MarketStore) -> None:
        """Store the states of `market` in `store`."""
        self._market = market
        self._store = store

    def save(self, ordinal: int) -> None:
        """Store new states, and delete states that are no longer needed at tick `ordinal`."""
        self._market.discard_before(ordinal)
        fresh = self._market.unsaved()
        if fresh is not None:
            self._store.save(fresh, oldest_block=self._market.oldest_block)
            self._market.mark_saved()
