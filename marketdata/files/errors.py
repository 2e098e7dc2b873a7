"""Errors of tick files, as texts for the person who named the file."""

from __future__ import annotations

from common.errors import StartError


class TickFileError(StartError):
    """A file cannot serve as a tick source; one line that names the file, the fact and the expectation."""


class UnknownLayoutError(TickFileError):
    """A file fits no layout; `details` are further lines: how it begins, and which layouts were tried."""

    def __init__(self, text: str, details: tuple[str, ...]) -> None:
        """Keep the one-line `text` and the further lines."""
        super().__init__(text)
        self.details = details
