"""Small text files that one process writes and another reads."""

from __future__ import annotations

from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Replace a file's text atomically, without a sync: a reader sees the old or the new text, whole.

    Raises:
        OSError: it cannot be written and is unchanged.
    """
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
