"""Conditions that the running process sets and clears; a restart forgets them."""

from __future__ import annotations

from collections.abc import Iterator

from proto.control import Condition, condition


class ActiveConditions:
    """Active conditions, at most one for each code and subject."""

    def __init__(self) -> None:
        """Start without a condition."""
        self._active: dict[tuple[str, str], Condition] = {}

    def set(self, code: str, text: str, *, subject: str = "") -> None:
        """Set a condition, or replace its text.

        Raises:
            KeyError: `CONDITION_KINDS` has no row with this code.
        """
        self._active[code, subject] = condition(code, text, subject=subject)

    def update(self, code: str, text: str, *, subject: str = "") -> None:
        """Set a condition, or clear it if `text` is empty."""
        if text:
            self.set(code, text, subject=subject)
        else:
            self.clear(code, subject=subject)

    def clear(self, code: str, *, subject: str = "") -> None:
        """Clear a condition, if it is active."""
        self._active.pop((code, subject), None)

    def clear_all(self, code: str) -> None:
        """Clear a condition for every subject."""
        for key in [key for key in self._active if key[0] == code]:
            del self._active[key]

    def text(self, code: str, *, subject: str = "") -> str:
        """Return the text of a condition; empty if the condition is not active."""
        found = self._active.get((code, subject))
        return "" if found is None else found.text

    def __iter__(self) -> Iterator[Condition]:
        """Iterate over the active conditions in the sequence in which they began."""
        return iter(self._active.values())
