"""A file has only one writer, even if the lock file is removed or the file is opened by another path."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.errors import StartError
from common.storage import open_writer, writers_lock
from common.writer_lock import owner_of

SCHEMA = "CREATE TABLE notes (words TEXT)"

OWNER = f"""
import sys
from pathlib import Path
from common.storage import open_writer
writer = open_writer(Path(sys.argv[1]), application_id=7, schema={SCHEMA!r}, schema_version=1, synchronous="FULL")
print("open", flush=True)
sys.stdin.read()
writer.close()
"""


@contextmanager
def an_owner(path: Path) -> Iterator[None]:
    """Another process that has the file open for writing."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield
        assert process.stdin is not None
        process.stdin.close()
    assert process.returncode == 0


def try_to_write(path: Path) -> None:
    open_writer(path, application_id=7, schema=SCHEMA, schema_version=1, synchronous="FULL").close()


def test_a_removed_lock_file_makes_no_second_owner(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    with an_owner(path):
        (tmp_path / "desk.db.lock").unlink()
        for _ in range(2):  # also after the first attempt has left its own lock file
            with pytest.raises(StartError, match=r"desk\.db is in use by another process; expected a file"):
                try_to_write(path)
        with pytest.raises(StartError, match="in use"), writers_lock(path):
            pytest.fail("a restore would replace a file in use")
    try_to_write(path)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_another_path_to_the_same_file_makes_no_second_owner(tmp_path: Path, link: object) -> None:
    path, other = tmp_path / "one" / "desk.db", tmp_path / "two" / "desk.db"
    other.parent.mkdir()
    with an_owner(path):
        assert callable(link)
        link(path, other)
        with pytest.raises(StartError, match="in use by another process"):
            try_to_write(other)


def test_a_linked_folder_makes_no_second_owner(tmp_path: Path) -> None:
    path, linked = tmp_path / "one" / "desk.db", tmp_path / "two"
    with an_owner(path):
        linked.symlink_to(path.parent)
        with pytest.raises(StartError, match=r"in use by another process \(pid \d+\)"):
            try_to_write(linked / "desk.db")


def test_the_lock_of_a_missing_file_does_not_create_it(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    with writers_lock(path):
        assert not path.exists()
        with pytest.raises(StartError, match="in use"):
            try_to_write(path)


def test_the_owner_of_a_file_can_be_read_without_taking_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    assert owner_of(path) is None
    with an_owner(path):
        owner = owner_of(path)
        assert owner == f" (pid {path.with_name('a.db.lock').read_text()})"
        assert owner_of(path) == owner, "the query does not take the lock"
    assert owner_of(path) is None
    try_to_write(path)
