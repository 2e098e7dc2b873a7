"""Counts of the venue's answers to modifications of stops and resting orders."""

from __future__ import annotations

from collections import Counter

from services.portfolio.core.account.events import Event, OrderModifyAnswered, ProtectionAnswered


class ModificationCounts:
    """Number of modifications that the venue made, and for each error code the number that the venue refused."""

    def __init__(self) -> None:
        """Start at zero."""
        self.made = 0
        self.refused: Counter[str] = Counter()

    def add(self, event: Event) -> None:
        """Count an event if it is the venue's answer to a modification."""
        if not isinstance(event, ProtectionAnswered | OrderModifyAnswered):
            return
        if event.error:
            self.refused[event.error.split(maxsplit=1)[0]] += 1
        else:
            self.made += 1

    @property
    def refused_total(self) -> int:
        """Number of modifications that the venue refused, with any code."""
        return self.refused.total()
