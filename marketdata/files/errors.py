"""What makes a file no source of ticks, in words for the person who gave it."""

from __future__ import annotations

from common.errors import StartError


class TickFileError(StartError):
    """A file cannot serve as a tick source; one line that names the file, the fact and what was expected."""


class UnknownLayoutError(TickFileError):
    """A file fits no layout; `details` are further lines: how it begins, and what was tried and did not fit."""

    def __init__(self, words: str, details: tuple[str, ...]) -> None:
        """Say in `words` what a single line has room for."""
        super().__init__(words)
        self.details = details
