"""A commit fails if the database file or its log was removed or replaced."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from common import file_identity
from common.file_identity import SETTLED_NS, FileLostError
from common.storage import WriterConnection, open_writer, transaction
from tests.support.waits import wait_for

SCHEMA = "CREATE TABLE notes (words TEXT)"

FILES = ("desk.db", "desk.db-wal", "desk.db-shm")


def a_writer(path: Path) -> WriterConnection:
    return open_writer(path, application_id=7, schema=SCHEMA, schema_version=1, synchronous="NORMAL")


def note(writer: WriterConnection, text: str) -> None:
    with transaction(writer):
        writer.execute("INSERT INTO notes VALUES (?)", (text,))


def replace(file: Path) -> None:
    """Replace a file by a copy of itself."""
    copy = file.with_name("copy")
    shutil.copy(file, copy)
    copy.replace(file)


def move(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reduce the time after which an unchanged folder is trusted to 50 ms, so that tests do not wait for seconds."""
    monkeypatch.setattr(file_identity, "SETTLED_NS", 50_000_000)


def settle(writer: WriterConnection) -> None:
    """Wait until the folder is trusted, so that only its state is checked."""
    identity = writer.identity
    assert identity is not None

    def is_trusted() -> bool:
        writer.require_in_place()
        return identity._trusted_folder_state is not None

    wait_for(is_trusted, "a settled folder")


@pytest.mark.parametrize("is_settled", [False, True])
@pytest.mark.parametrize("harm", [Path.unlink, replace, move])
@pytest.mark.parametrize("name", FILES)
def test_a_commit_to_a_removed_or_replaced_file_fails(
    tmp_path: Path, name: str, harm: Callable[[Path], None], is_settled: bool
) -> None:
    writer = a_writer(tmp_path / "desk.db")
    note(writer, "kept")
    if is_settled:
        settle(writer)
    note(writer, "kept as well")
    harm(tmp_path / name)
    with pytest.raises(FileLostError, match=rf"{name} was removed or replaced while in use"):
        note(writer, "lost")
    writer.close()


@pytest.mark.parametrize("name", FILES)
def test_a_folder_with_a_reset_modification_time_is_checked_again(tmp_path: Path, name: str) -> None:
    """Programs that copy or unpack files set the time of modification to an earlier time."""
    writer = a_writer(tmp_path / "desk.db")
    settle(writer)
    modified_ns = tmp_path.stat().st_mtime_ns
    replace(tmp_path / name)
    os.utime(tmp_path, ns=(modified_ns, modified_ns))
    with pytest.raises(FileLostError, match=name):
        note(writer, "lost")
    writer.close()


def test_a_recently_changed_folder_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A further change may have the same time, because the time stamps of some file systems have steps of 2 s."""
    monkeypatch.setattr(file_identity, "SETTLED_NS", SETTLED_NS)
    writer = a_writer(tmp_path / "desk.db")
    note(writer, "kept")
    assert writer.identity is not None
    assert writer.identity._trusted_folder_state is None
    assert SETTLED_NS > 2_000_000_000
    writer.close()


def test_a_symbolic_link_is_followed_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "data" / "desk.db").symlink_to(tmp_path / "disk" / "desk.db")
    writer = a_writer(tmp_path / "data" / "desk.db")
    note(writer, "kept")
    replace(tmp_path / "disk" / "desk.db")
    with pytest.raises(FileLostError):
        note(writer, "lost")
    writer.close()


def test_a_commit_in_a_moved_folder_fails(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    writer = a_writer(folder / "desk.db")
    note(writer, "kept")
    folder.rename(tmp_path / "moved")
    with pytest.raises(FileLostError):
        note(writer, "lost")
    writer.close()


def test_a_file_that_replaced_the_database_is_not_changed(tmp_path: Path) -> None:
    """Closing a database deletes its log by name; the log of the file that replaced the database must remain."""
    folder, copy = tmp_path / "data", tmp_path / "copy"
    writer = a_writer(folder / "desk.db")
    note(writer, "kept")
    shutil.copytree(folder, copy)
    folder.rename(tmp_path / "moved")
    copy.rename(folder)
    with pytest.raises(FileLostError):
        note(writer, "lost")
    writer.close()
    after = a_writer(folder / "desk.db")
    assert after.execute("SELECT words FROM notes").fetchall() == [("kept",)]
    after.close()


def test_a_commit_through_a_link_with_a_new_target_fails(tmp_path: Path) -> None:
    for name in ("one", "two"):
        a_writer(tmp_path / name / "desk.db").close()
    link = tmp_path / "data"
    link.symlink_to(tmp_path / "one")
    writer = a_writer(link / "desk.db")
    note(writer, "kept")
    link.unlink()
    link.symlink_to(tmp_path / "two")
    with pytest.raises(FileLostError):
        note(writer, "lost")
    writer.close()


def test_a_removed_lock_file_does_not_stop_the_writer(tmp_path: Path) -> None:
    writer = a_writer(tmp_path / "desk.db")
    (tmp_path / "desk.db.lock").unlink()
    note(writer, "kept")
    writer.close()
