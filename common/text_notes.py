"""Small text files that one process writes and another reads."""

from __future__ import annotations

from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Replace the text of a file atomically, without waiting for the disk: a reader reads the old or the new text.

    Raises:
        OSError: the text cannot be written; the file is unchanged.
    """
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
