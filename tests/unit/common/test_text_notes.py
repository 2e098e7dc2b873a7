"""A reader of a note finds a whole text, whatever happens to its writer."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.text_notes import replace_text


def test_a_note_gets_a_new_text_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    note = tmp_path / "desk.json"
    for text in ("first", "µ"):
        replace_text(note, text)
        assert note.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [note]


def test_a_note_that_cannot_be_written_is_as_it_was(tmp_path: Path) -> None:
    note = tmp_path / "desk.json"
    note.write_text("first")
    (tmp_path / "desk.json.new").mkdir()
    with pytest.raises(OSError, match="desk"):
        replace_text(note, "second")
    assert note.read_text() == "first"
