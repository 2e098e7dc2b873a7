"""Errors of tick files."""

from __future__ import annotations

from common.errors import StartError


class TickFileError(StartError):
    """A tick file or an option for it cannot be used; the text is one line with the problem and the expectation."""


class UnknownLayoutError(TickFileError):
    """A file fits no layout; `details` are further lines: its first lines, and why each layout does not fit."""

    def __init__(self, text: str, details: tuple[str, ...]) -> None:
        """Create the error from its one-line `text` and the further lines `details`."""
        super().__init__(text)
        self.details = details
