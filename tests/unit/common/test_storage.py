"""A database file has one writer, and a file of another program or a damaged file is refused."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import apsw
import pytest

from common.errors import DiskUnavailableError, StartError
from common.storage import (
    open_reader,
    open_shared_writer,
    open_writer,
    state_hash,
    transaction,
    unreadable_file_error,
)

SCHEMA = "CREATE TABLE fills (id INTEGER PRIMARY KEY, price); CREATE TABLE notes (words TEXT)"


def a_writer(
    path: Path,
    *,
    application_id: int = 7,
    schema_version: int = 1,
    schema: str = SCHEMA,
    synchronous: Literal["NORMAL", "FULL"] = "NORMAL",
    may_lose_commits: Callable[[apsw.Connection], bool] | None = None,
    page_bytes: int = 4_096,
) -> apsw.Connection:
    return open_writer(
        path,
        application_id=application_id,
        schema=schema,
        schema_version=schema_version,
        synchronous=synchronous,
        may_lose_commits=may_lose_commits,
        page_bytes=page_bytes,
    )


def test_a_reopened_file_has_the_written_rows(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "desk.db"
    first = a_writer(path)
    first.execute("INSERT INTO fills VALUES (1, '1.10')")
    first.close()
    second = a_writer(path)
    assert second.execute("SELECT * FROM fills").fetchall() == [(1, "1.10")]
    second.close()


def test_a_file_keeps_the_page_size_with_which_it_was_created(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    for page_bytes in (8_192, 4_096):
        writer = a_writer(path, page_bytes=page_bytes)
        writer.execute("INSERT INTO notes VALUES ('kept')")
        assert writer.pragma("page_size") == 8_192
        writer.close()


def test_a_second_writer_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    first = a_writer(path)
    with pytest.raises(StartError, match=r"desk\.db is in use by another process \(pid \d+\)"):
        a_writer(path)
    first.close()
    a_writer(path).close()


def test_a_killed_writer_leaves_no_lock_and_loses_no_commit(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    script = f"""
import os, signal
from pathlib import Path
from common.storage import open_writer
writer = open_writer(Path({str(path)!r}), application_id=7, schema={SCHEMA!r}, schema_version=1, synchronous="NORMAL")
writer.execute("INSERT INTO notes VALUES ('kept')")
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    after = a_writer(path)
    assert after.execute("SELECT words FROM notes").fetchall() == [("kept",)]
    after.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    path.write_bytes(b"ticks, ticks, ticks" * 500)
    with pytest.raises(StartError, match=r"desk\.db cannot be used as a database: file is not a database"):
        a_writer(path)
    assert path.read_bytes().startswith(b"ticks"), "the file must not be changed"


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    writer = a_writer(path)
    writer.execute("INSERT INTO notes SELECT hex(randomblob(500)) FROM (VALUES (1), (2), (3))")
    writer.close()
    healthy = path.read_bytes()
    path.write_bytes(healthy[:4096] + b"\xff" * 3000 + healthy[7096:])
    with pytest.raises(StartError, match=r"desk\.db is corrupt"):
        a_writer(path)


def test_a_database_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    a_writer(path).close()
    with pytest.raises(StartError, match="another kind: application id 7, expected 8"):
        a_writer(path, application_id=8)


def test_a_foreign_database_without_an_application_id_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    theirs = apsw.Connection(str(path))
    theirs.execute("CREATE TABLE recipes (name)")
    theirs.close()
    with pytest.raises(StartError, match="another kind: application id 0, expected 7"):
        a_writer(path)


def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    a_writer(path).close()
    with pytest.raises(StartError, match="schema version 1, expected 2"):
        a_writer(path, schema_version=2)


def test_a_folder_that_cannot_be_created_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    with pytest.raises(StartError, match=r"cannot write to .*taken.*; expected a writable folder"):
        a_writer(tmp_path / "taken" / "desk.db")


def test_a_folder_at_the_path_of_a_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "desk.db").mkdir()
    with pytest.raises(StartError, match=r"cannot open .*desk\.db|cannot write to .*desk\.db"):
        a_writer(tmp_path / "desk.db")


def test_a_reader_sees_commits_while_the_writer_continues(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    writer = a_writer(path)
    reader = open_reader(path)
    writer.execute("INSERT INTO notes VALUES ('new')")
    assert reader.execute("SELECT words FROM notes").fetchall() == [("new",)]
    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("DELETE FROM notes")
    reader.close()
    writer.close()


def test_a_reader_of_a_missing_file_gets_an_error(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="does not exist, expected a database file"):
        open_reader(tmp_path / "none.db")


def test_the_hash_depends_on_the_rows_and_not_on_the_order_of_their_writes(tmp_path: Path) -> None:
    hashes = []
    for number, ids in enumerate([(1, 2, 3), (3, 1, 2), (1, 2, 4)]):
        writer = a_writer(tmp_path / f"{number}.db")
        for row in ids:
            writer.execute("INSERT INTO fills VALUES (?, 1.5)", (row,))
        hashes.append(state_hash(writer, ["fills", "notes"]))
        writer.close()
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


def test_the_hash_distinguishes_types_and_refuses_missing_tables(tmp_path: Path) -> None:
    hashes = []
    for number, price in enumerate([1, 1.0, "1"]):
        writer = a_writer(tmp_path / f"{number}.db")
        writer.execute("INSERT INTO fills VALUES (1, ?)", (price,))
        hashes.append(state_hash(writer, ["fills"]))
        with pytest.raises(ValueError, match="table 'orders' does not exist"):
            state_hash(writer, ["orders"])
        writer.close()
    assert len(set(hashes)) == 3


def test_a_disk_error_at_a_start_has_the_exit_code_of_a_restart(tmp_path: Path) -> None:
    """No setting is wrong, so the process ends with an exit code after which supervisord restarts it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_024, hard))
    try:
        with pytest.raises(DiskUnavailableError, match=r"disk I/O error.*expected a disk") as raised:
            a_writer(tmp_path / "desk.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.exit_code == 1


def test_the_exit_code_of_a_disk_error_allows_a_restart_and_that_of_a_damaged_file_does_not() -> None:
    failing = unreadable_file_error(Path("desk.db"), apsw.IOError("disk I/O error"), "restore it")
    damaged = unreadable_file_error(Path("desk.db"), apsw.CorruptError("malformed"), "restore it")
    assert (failing.exit_code, damaged.exit_code) == (1, 2)
    assert str(damaged) == "desk.db cannot be read: CorruptError malformed; restore it"


def damage_log(path: Path, *, frames_from_end: int) -> None:
    """Flip a bit in the log of a killed process, the given number of frames before its end."""
    log = path.with_name(f"{path.name}-wal")
    content = bytearray(log.read_bytes())
    content[-frames_from_end * (4096 + 24) + 100] ^= 1
    log.write_bytes(content)


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The file of a killed process, with ten commits in its log."""
    writer = a_writer(tmp_path / "running.db", synchronous="FULL")
    for number in range(10):
        writer.execute("INSERT INTO notes VALUES (?)", (str(number),))
    for end in ("", "-wal"):
        shutil.copy(tmp_path / f"running.db{end}", tmp_path / f"killed.db{end}")
    writer.close()
    return tmp_path / "killed.db"


@pytest.mark.parametrize("frames", [2, 3, 8])
def test_lost_commits_after_a_damaged_frame_of_a_synced_log_are_found(killed: Path, frames: int) -> None:
    """SQLite reads up to the damaged frame without an error.

    The log is not changed, so that the next start reports the damage too.
    """
    damage_log(killed, frames_from_end=frames)
    for _ in range(2):
        with pytest.raises(StartError, match=rf"killed\.db-wal is damaged after frame \d+: {frames} later commits"):
            a_writer(killed, synchronous="FULL")


def test_a_damaged_last_commit_of_a_synced_log_is_dropped_without_an_error(killed: Path) -> None:
    damage_log(killed, frames_from_end=1)
    writer = a_writer(killed, synchronous="FULL")
    assert writer.execute("SELECT count(*) FROM notes").fetchall() == [(9,)]
    writer.close()


@pytest.mark.parametrize("byte", [1, 8, 17, 25])
def test_a_damaged_header_of_a_synced_log_does_not_count_as_an_empty_log(killed: Path, byte: int) -> None:
    log = killed.with_name("killed.db-wal")
    content = bytearray(log.read_bytes())
    content[byte] ^= 4
    log.write_bytes(content)
    with pytest.raises(StartError, match=r"killed\.db-wal is damaged after frame 0"):
        a_writer(killed, synchronous="FULL")


def test_unsynced_commits_after_a_damaged_frame_are_dropped_unless_the_callback_forbids_it(killed: Path) -> None:
    damage_log(killed, frames_from_end=5)
    with pytest.raises(StartError, match=r"killed\.db-wal is damaged after frame"):
        a_writer(killed, may_lose_commits=lambda _: False)
    writer = a_writer(killed)
    assert writer.execute("SELECT count(*) FROM notes").fetchall() == [(5,)]
    writer.close()


def test_several_connections_and_processes_write_to_a_shared_file(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    mine = [open_shared_writer(path, application_id=7, schema=SCHEMA, schema_version=1) for _ in range(2)]
    script = f"""
from pathlib import Path
from common.storage import open_shared_writer, transaction
writer = open_shared_writer(Path({str(path)!r}), application_id=7, schema="", schema_version=1)
with transaction(writer):
    writer.execute("INSERT INTO notes VALUES ('theirs')")
writer.close()
"""
    reader = open_reader(path, application_id=7, schema_version=1)
    for number, writer in enumerate(mine):
        with transaction(writer):
            writer.execute("INSERT INTO fills VALUES (?, '1.10')", (number,))
        subprocess.run([sys.executable, "-c", script], check=True)
        found = reader.execute("SELECT (SELECT count(*) FROM fills), (SELECT count(*) FROM notes)").fetchall()
        assert found == [(number + 1, number + 1)]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_shared_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    a_writer(path).close()
    with pytest.raises(StartError, match="application id 7, expected 8"):
        open_shared_writer(path, application_id=8, schema=SCHEMA, schema_version=1)
