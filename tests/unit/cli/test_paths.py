"""Data directories are checked before a run."""

from pathlib import Path

import pytest

from cli.paths import data_directory, existing_desk
from common.errors import StartError


def test_without_a_directory_a_temporary_one_is_made_and_removed() -> None:
    with data_directory(None, go_on=False) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "ledger.db").touch()
    assert not folder.exists()


def test_the_temporary_directory_is_removed_after_an_error() -> None:
    with pytest.raises(KeyboardInterrupt), data_directory(None, go_on=False) as folder:
        raise KeyboardInterrupt
    assert not folder.exists()


def test_a_given_directory_is_created_and_kept(tmp_path: Path) -> None:
    with data_directory(tmp_path / "a" / "desk", go_on=False) as folder:
        (folder / "ledger.db").touch()
    assert (tmp_path / "a" / "desk" / "ledger.db").is_file()


def test_a_directory_with_a_desk_is_refused_without_continue(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch()
    with (
        pytest.raises(StartError, match=r"is not empty, expected an empty folder, or --continue"),
        data_directory(tmp_path, go_on=False),
    ):
        pass


def test_continue_without_a_data_directory_is_refused() -> None:
    with pytest.raises(StartError, match="--continue without --data-dir"), data_directory(None, go_on=True):
        pass


@pytest.mark.parametrize("name", ["", "not-there"])
def test_continue_without_a_desk_in_the_directory_is_refused(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(StartError, match="which has no desk, expected the folder of an earlier run"),
        data_directory(tmp_path / name, go_on=True),
    ):
        pass


def test_a_folder_of_other_files_cannot_be_continued(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    with (
        pytest.raises(StartError, match="which has no desk, expected the folder of an earlier run"),
        data_directory(tmp_path, go_on=True),
    ):
        pass


def test_a_desk_killed_before_its_first_commit_can_be_continued(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with data_directory(tmp_path, go_on=True) as folder:
        assert folder == tmp_path


def test_a_file_as_data_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StartError, match="is a file, expected a folder"),
        data_directory(tmp_path / "file", go_on=False),
    ):
        pass


def test_a_directory_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StartError, match=r"cannot be used: .*; expected a writable folder"),
        data_directory(tmp_path / "file" / "desk", go_on=False),
    ):
        pass


def test_a_folder_without_a_ledger_is_no_desk(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"has no ledger\.db"):
        existing_desk(tmp_path)
    with pytest.raises(StartError, match="does not exist"):
        existing_desk(tmp_path / "nowhere")
