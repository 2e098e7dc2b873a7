"""Detection of commits lost by damage to a write-ahead log, which SQLite reads only up to the first invalid frame.

If every commit is synced, a power cut leaves at most one incomplete commit in the log, because each commit begins after
the sync of the previous commit. If two or more commits follow the frame at which SQLite stops reading, the log was
damaged after they were synced.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import apsw

from common.errors import StartError

_HEADER: Final = struct.Struct(">8I")
"""Header of the log: magic, format, page size, checkpoint number, two salts, two checksums."""
_FRAME: Final = struct.Struct(">6I")
"""Header of a frame: page number, size of the database in pages, two salts, two checksums.

The size is 0 except in the last frame of a commit.
"""

_MAGIC: Final = (0x377F0682, 0x377F0683)
"""Magic numbers of logs with little-endian and with big-endian checksums."""

TORN_COMMITS_MAX: Final = 1
"""Most commits that a power cut may leave unreadable in a log whose commits are synced."""


def keep_log_on_close(connection: apsw.Connection, *, keep: bool) -> None:
    """Set whether closing the connection keeps the log.

    Otherwise SQLite copies the log to the file at the close and removes the log.
    """
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(keep))


def require_whole_log(connection: apsw.Connection, path: Path) -> None:
    """Check that SQLite can read the whole log of a file whose commits are synced.

    The connection must already have read from the file.

    Raises:
        StartError: more than one commit follows a damaged frame.
    """
    log = path.with_name(f"{path.name}-wal")
    try:
        if not log.is_file() or log.stat().st_size < _HEADER.size + _FRAME.size:
            return
    except OSError:
        return
    read, _ = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
    [(page_size,)] = connection.execute("PRAGMA page_size").fetchall()
    assert isinstance(page_size, int), page_size
    lost = commits_behind(log, max(read, 0), page_size=page_size)
    if lost > TORN_COMMITS_MAX:
        raise StartError(
            f"{log} is damaged after frame {max(read, 0)}: {lost} later commits cannot be read, expected at most "
            f"{TORN_COMMITS_MAX}, which a power cut may leave; restore {path.name} from a backup"
        )


def commit_ends(log: bytes) -> list[int]:
    """Offset in bytes of the end of each commit in `log`, the contents of an undamaged log; empty without a header."""
    if len(log) < _HEADER.size:
        return []
    _, _, page_size, _, *salts = _HEADER.unpack(log[: _HEADER.size])[:6]
    step, ends = _FRAME.size + page_size, []
    for offset in range(_HEADER.size, len(log) - step + 1, step):
        _, after_commit, *frame_salts = _FRAME.unpack(log[offset : offset + _FRAME.size])[:4]
        if frame_salts != salts:
            break
        if after_commit:
            ends.append(offset + step)
    return ends


def commits_behind(log: Path, frame: int, *, page_size: int) -> int:
    """Number of commits after a frame, readable or not, that have the current salts of the log.

    Args:
        log: path of the log.
        frame: number of the frame, from 1; 0 for the beginning of the log.
        page_size: bytes of a page.
    """
    step, found = _FRAME.size + page_size, 0
    with log.open("rb") as file:
        raw = file.read(_HEADER.size)
        salts = _HEADER.unpack(raw)[4:6]
        if not _is_whole(raw):  # SQLite ignores a log with a damaged header; the first frame has the same salts
            salts = _FRAME.unpack(file.read(_FRAME.size))[2:4]
        for offset in range(_HEADER.size + frame * step, log.stat().st_size - step + 1, step):
            file.seek(offset)
            fields = _FRAME.unpack(file.read(_FRAME.size))
            found += bool(fields[1]) and fields[2:4] == salts
    return found


def _is_whole(header: bytes) -> bool:
    """Whether the two checksums of a log's header are correct."""
    if _HEADER.unpack(header)[0] not in _MAGIC:
        return False
    words = struct.unpack("<6I" if header[3] == _MAGIC[0] & 0xFF else ">6I", header[:24])
    first = second = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return (first, second) == _HEADER.unpack(header)[6:]
