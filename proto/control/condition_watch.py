"""Detection of the conditions that began and of those that ended between two updates."""

from __future__ import annotations

from collections.abc import Iterable

from proto.control.conditions import Condition


class ConditionWatch:
    """Compares the conditions of each update with those of the update before."""

    def __init__(self) -> None:
        """Start without conditions."""
        self._present: dict[tuple[str, str], Condition] = {}

    def update(self, conditions: Iterable[Condition]) -> tuple[list[Condition], list[Condition]]:
        """Replace the conditions by the current ones, and return those that began and those that ended."""
        present = {(one.code, one.subject): one for one in conditions}
        begun = [one for key, one in present.items() if key not in self._present]
        over = [one for key, one in self._present.items() if key not in present]
        self._present = present
        return begun, over
