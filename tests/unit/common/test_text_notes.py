"""A reader of a note always finds a complete text, even if the writer dies."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.text_notes import replace_text


def test_a_rewritten_note_has_the_new_text_and_no_file_beside_it(tmp_path: Path) -> None:
    note = tmp_path / "desk.json"
    for text in ("first", "µ"):
        replace_text(note, text)
        assert note.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [note]


def test_a_failed_write_leaves_the_note_unchanged(tmp_path: Path) -> None:
    note = tmp_path / "desk.json"
    note.write_text("first")
    (tmp_path / "desk.json.new").mkdir()
    with pytest.raises(OSError, match="desk"):
        replace_text(note, "second")
    assert note.read_text() == "first"
