"""A new ledger reports a loss if portfolio had a ledger with events under the same supervisor."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from services.portfolio.core.account.book import Book
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger import lost_ledger
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.portfolio.ledger.lost_ledger import mark_if_lost, note_before_opening, note_ledger
from tests.support.builders import an_opened_stream


def test_a_new_ledger_reports_a_loss_if_the_same_supervisor_had_an_earlier_ledger(tmp_path: Path) -> None:
    assert loss_after(tmp_path, has_events=True) == (
        f"{tmp_path / LEDGER_FILE_NAME} is new: the earlier ledger of this desk is gone, with the files beside it"
    )


def test_the_loss_of_an_empty_ledger_is_not_reported(tmp_path: Path) -> None:
    assert loss_after(tmp_path, has_events=False) == ""


def test_a_new_ledger_under_another_supervisor_is_a_new_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person stopped the desk, removed its folder and restarted it."""
    with closing(a_ledger_with_an_event(tmp_path / LEDGER_FILE_NAME)) as ledger:
        assert note_ledger(ledger, tmp_path)
    remove(tmp_path)
    monkeypatch.setattr(lost_ledger, "process_identity", lambda _pid: "another")
    with closing(Ledger(tmp_path / LEDGER_FILE_NAME)) as ledger:
        mark_if_lost(ledger, tmp_path)
        assert ledger.rollback == ""


def test_a_ledger_found_at_a_start_is_noted_before_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / LEDGER_FILE_NAME
    a_ledger_with_an_event(path).close()
    note_before_opening(path, tmp_path)
    remove(tmp_path)
    with closing(Ledger(path)) as ledger:
        mark_if_lost(ledger, tmp_path)
        assert "is new: the earlier ledger of this desk is gone" in ledger.rollback


def test_a_ledger_without_an_event_is_not_noted_before_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / LEDGER_FILE_NAME
    Ledger(path).close()
    note_before_opening(path, tmp_path)
    with closing(Ledger(path)) as ledger:
        mark_if_lost(ledger, tmp_path)
        assert ledger.rollback == ""


def test_an_existing_ledger_reports_no_loss(tmp_path: Path) -> None:
    with closing(a_ledger_with_an_event(tmp_path / LEDGER_FILE_NAME)) as ledger:
        assert note_ledger(ledger, tmp_path)
    with closing(Ledger(tmp_path / LEDGER_FILE_NAME)) as ledger:
        mark_if_lost(ledger, tmp_path)
        assert ledger.rollback == ""


def a_ledger_with_an_event(path: Path) -> Ledger:
    ledger, book = Ledger(path), Book()
    event = an_opened_stream()
    book.apply(event)
    ledger.commit([event], book, PersistedState())
    return ledger


def loss_after(folder: Path, *, has_events: bool) -> str:
    """Remove a ledger with or without events; return the loss that a new ledger in its place reports."""
    path = folder / LEDGER_FILE_NAME
    with closing(a_ledger_with_an_event(path) if has_events else Ledger(path)) as ledger:
        assert note_ledger(ledger, folder) is has_events
    remove(folder)
    with closing(Ledger(path)) as ledger:
        mark_if_lost(ledger, folder)
        return ledger.rollback


def remove(folder: Path) -> None:
    for path in folder.glob(f"{LEDGER_FILE_NAME}*"):
        path.unlink()
