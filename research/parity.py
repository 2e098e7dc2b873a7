"""Parity of replay and backtest: compare the accounts in two data directories field by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from research import ledger_views

DIFFERENCES_MAX: Final = 50
_IDENTITY: Final = ("order_id", "deal", "symbol", "time_ns")


def compare(left: Path, right: Path, *, names: tuple[str, str] = ("replay", "backtest")) -> list[str]:
    """Differences between two accounts in orders, deals, positions, equity points and account fields.

    The result is empty if there are none.

    Args:
        left: data directory of one account.
        right: data directory of the other account.
        names: names of the two accounts in the texts.

    Returns:
        A line for each difference, at most DIFFERENCES_MAX.

    Raises:
        StartError: one of the ledgers cannot be read.
    """
    found: list[str] = []
    for what, rows in (
        ("orders", ledger_views.orders),
        ("deals", ledger_views.deals),
        ("positions", ledger_views.positions),
        ("equity points", ledger_views.equity_points),
    ):
        found += _rows(what, rows(left), rows(right), names)
    found += _fields("account", ledger_views.account(left), ledger_views.account(right), names)
    return found[:DIFFERENCES_MAX]


def _rows(
    what: str, left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]], names: tuple[str, str]
) -> list[str]:
    found = []
    if len(left) != len(right):
        found.append(f"{what}: {names[0]} has {len(left)}, {names[1]} has {len(right)}")
    for one, other in zip(left, right, strict=False):
        subject = next(str(one[key]) for key in _IDENTITY if key in one)
        found += _fields(f"{what} {subject}", one, other, names)
    return found


def _fields(subject: str, left: Mapping[str, Any], right: Mapping[str, Any], names: tuple[str, str]) -> list[str]:
    return [
        f"{subject}: {key} is {left.get(key)!r} in {names[0]}, {right.get(key)!r} in {names[1]}"
        for key in sorted({*left, *right})
        if left.get(key) != right.get(key)
    ]
