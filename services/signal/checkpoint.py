"""The checkpoint file of one signal process: the states of its engines, and the last signals.

All of it could be computed again from the ticks. With the checkpoint a start need not process all ticks, and can
send the last signals again. A save is one small transaction: it replaces the states of the engines and adds the signals
since the last save as one row. So its run time does not depend on the number of stored signals.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw
import msgspec

from common.checksums import DamagedRowError, add_checksum_column, checked_rows, with_checksum
from common.migration import FileKind
from common.storage import open_writer, transaction
from proto.messages import Signal
from services.signal.core.engine_checkpoint import Checkpoint
from services.signal.core.signal_ring import SignalRing

APPLICATION_ID: Final = 0x50445347  # "PDSG"
SCHEMA_VERSION: Final = 2
SCHEMA: Final = """
CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    stream_id TEXT NOT NULL,
    body BLOB NOT NULL,  -- a Checkpoint in MessagePack
    checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE signals (
    save INTEGER PRIMARY KEY,
    last_ordinal INTEGER NOT NULL,  -- the highest ordinal of the signals in the row
    body BLOB NOT NULL,  -- an array of Signals in MessagePack
    checksum INTEGER NOT NULL
) STRICT;
"""

_checkpoint_decoder = msgspec.msgpack.Decoder(Checkpoint)
_signals_decoder = msgspec.msgpack.Decoder(list[Signal])


def _from_1(db: apsw.Connection) -> None:
    """Migrate to version 2, which has a checksum in each row."""
    add_checksum_column(db, "state")
    add_checksum_column(db, "signals")


CHECKPOINT_FILE: Final = FileKind("checkpoint", APPLICATION_ID, SCHEMA_VERSION, {1: _from_1}, check=lambda _db: "")


class SavedState(NamedTuple):
    """Stored state from which a start continues."""

    checkpoint: Checkpoint
    signals: list[Signal]


class CheckpointStore:
    """Reads and writes a checkpoint file; only one process may have it open."""

    def __init__(self, path: Path) -> None:
        """Open the file, or create it.

        Raises:
            StartError: the file is in use, not writable, damaged or of another kind.
        """
        self.path = path
        self._connection = open_writer(
            path,
            application_id=APPLICATION_ID,
            schema=SCHEMA,
            schema_version=SCHEMA_VERSION,
            # A power cut may lose the last saves. Then some ticks are processed again.
            synchronous="NORMAL",
        )

    def load(self) -> SavedState | None:
        """Return the last saved state; None if the file has none.

        Raises:
            ValueError: the saved state cannot be read.
        """
        try:
            rows = self._rows("state", "id, stream_id, body", "")
            state = next(rows, None)
            if state is None:
                return None
            checkpoint = _checkpoint_decoder.decode(state[-1])
            kept = [row[-1] for row in self._rows("signals", "save, last_ordinal, body", "ORDER BY save")]
            return SavedState(checkpoint, [signal for body in kept for signal in _signals_decoder.decode(body)])
        except (DamagedRowError, apsw.Error, ValueError) as error:
            raise ValueError(f"{self.path} contains a checkpoint that cannot be read: {error}") from None

    def _rows(self, table: str, columns: str, order: str) -> Iterator[Any]:
        statement = f"SELECT {columns}, checksum FROM {table} {order}"  # noqa: S608 - names of ours
        return checked_rows(self.path, table, self._connection.execute(statement))

    def save(self, checkpoint: Checkpoint, ring: SignalRing) -> None:
        """Replace the state by `checkpoint`, add the ring's new signals, and delete old ones.

        The deleted signals belong to another stream, or the ring no longer contains them.

        Args:
            checkpoint: the state of the engines.
            ring: the signals that belong to this state.

        Raises:
            apsw.Error: one of `common.storage.DISK_FAULTS`, if the disk cannot be written; the earlier save remains.
        """
        fresh = ring.take_unsaved()
        try:
            self._write(checkpoint, fresh, gone=ring.last_ordinal - ring.capacity)
        except BaseException:  # after any error the next save must add these signals; raised again
            ring.return_unsaved(fresh)
            raise

    def _write(self, checkpoint: Checkpoint, fresh: list[Signal], *, gone: int) -> None:
        connection = self._connection
        with transaction(connection):
            before = connection.execute("SELECT stream_id FROM state").fetchall()
            if before and before[0][0] != checkpoint.stream_id:
                connection.execute("DELETE FROM signals")
            connection.execute(
                "INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?)",
                with_checksum("state", 1, checkpoint.stream_id, msgspec.msgpack.encode(checkpoint)),
            )
            if fresh:
                [(last,)] = connection.execute("SELECT ifnull(max(save), 0) FROM signals").fetchall()
                assert isinstance(last, int), last
                newest = max(signal.ordinal for signal in fresh)
                row = with_checksum("signals", last + 1, newest, msgspec.msgpack.encode(fresh))
                connection.execute("INSERT INTO signals VALUES (?, ?, ?, ?)", row)
            connection.execute("DELETE FROM signals WHERE last_ordinal <= ?", (gone,))

    def clear(self) -> None:
        """Delete the state and all signals, because they belong to another strategy or cannot be read."""
        connection = self._connection
        with transaction(connection):
            connection.execute("DELETE FROM state")
            connection.execute("DELETE FROM signals")

    def require_file_unchanged(self) -> None:
        """Check that the file is still the one that was opened.

        Raises:
            FileLostError: the file was removed or replaced.
        """
        self._connection.require_in_place()

    def close(self) -> None:
        """Close the file, so that another process may open it."""
        self._connection.close()
