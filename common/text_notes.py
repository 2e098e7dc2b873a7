"""Small text files that one process writes and another reads."""

from __future__ import annotations

from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Give a file a new text at once: a reader finds the old one or the new one, whole. Nothing is synced.

    Raises:
        OSError: it cannot be written, and is as it was.
    """
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
