"""How long a difference between ledger and venue has lasted.

Two comparisons find the same difference if kind, subject and amount agree: a trade changes both balances, but not the
amount by which they differ. A full comparison finds more than one that begins at the watermark, so the times of both
kinds are kept apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from proto.trading.number_text import parse_decimal
from services.portfolio.core.gateway_client.reconciliation import SymbolDifference

_ROWS = ("deal ", "order ", "ticket ")
"""Beginnings of the subjects that are one deal or order."""

DifferenceKey = tuple[str, str, str, Decimal | tuple[str, str]]


def difference_key(found: SymbolDifference) -> DifferenceKey:
    """Kind, subject, symbol, and venue minus ledger; both texts where they are not numbers."""
    difference = found.difference
    amount: Decimal | tuple[str, str]
    try:
        amount = parse_decimal(difference.venue) - parse_decimal(difference.ledger)
    except ValueError:
        amount = (difference.ledger, difference.venue)
    return difference.kind, difference.subject, found.symbol, amount


class DifferenceTimes:
    """When each present difference was found first."""

    def __init__(self) -> None:
        """Start without a difference."""
        self._partial: dict[DifferenceKey, int] = {}
        self._full: dict[DifferenceKey, int] = {}

    def update(self, present: Sequence[SymbolDifference], mono_ns: int, *, is_full: bool) -> None:
        """Add the differences of a comparison, and forget those that it did not find.

        Args:
            present: every difference that the comparison found.
            mono_ns: monotonic time of the comparison.
            is_full: whether it compared everything, not only what is after the watermark.
        """
        known = self._full if is_full else self._partial
        times = {key: known.get(key, mono_ns) for key in map(difference_key, present)}
        if is_full:
            self._full, self._partial = times, {key: since for key, since in self._partial.items() if key in times}
        else:
            # Positions, stops and cash are always compared whole; only deals and orders may be before the watermark.
            rows = {key: since for key, since in self._full.items() if key[1].startswith(_ROWS)}
            self._full, self._partial = rows, times

    def lasted_ns(self, found: SymbolDifference, mono_ns: int) -> int:
        """Time from the first comparison that found a difference to `mono_ns`; 0 for a difference not yet added."""
        key = difference_key(found)
        return max(mono_ns - times.get(key, mono_ns) for times in (self._partial, self._full))
