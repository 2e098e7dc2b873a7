"""Conditions that come and go while the process runs, without those that the ledger keeps or that are derived."""

from __future__ import annotations

from collections.abc import Iterator

from proto.control import Condition, condition


class ActiveConditions:
    """At most one condition for each code and subject."""

    def __init__(self) -> None:
        """Nothing holds yet."""
        self._active: dict[tuple[str, str], Condition] = {}

    def set(self, code: str, text: str, *, subject: str = "") -> None:
        """The condition holds; its text may change while it does.

        Raises:
            KeyError: `CONDITION_KINDS` has no such row.
        """
        self._active[code, subject] = condition(code, text, subject=subject)

    def update(self, code: str, text: str, *, subject: str = "") -> None:
        """The condition holds while there is a text, and is over without one."""
        if text:
            self.set(code, text, subject=subject)
        else:
            self.clear(code, subject=subject)

    def clear(self, code: str, *, subject: str = "") -> None:
        """The condition is over, if it held."""
        self._active.pop((code, subject), None)

    def clear_all(self, code: str) -> None:
        """The condition is over for every subject."""
        for key in [key for key in self._active if key[0] == code]:
            del self._active[key]

    def text(self, code: str, *, subject: str = "") -> str:
        """The text of a condition, empty while it does not hold."""
        found = self._active.get((code, subject))
        return "" if found is None else found.text

    def __iter__(self) -> Iterator[Condition]:
        """All that hold, in the order in which they began."""
        return iter(self._active.values())
