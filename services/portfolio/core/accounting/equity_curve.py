"""Equity points: balance, equity and margin at the first decided tick of each minute of venue time.

If the equity is not known at a tick, the next one is tried; a minute without such a tick has no point. In a lock-step
stream the points depend only on the ticks and the deals: a desk that processes a tick again after a crash computes the
same point. In a live stream they also depend on the time at which the deals are reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from msgspec import Struct, field

from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.accounting.valuation import AccountValuation

POINT_EVERY_NS: Final = 60_000_000_000
"""Length of the intervals of venue time with one point each, aligned to the minutes of UTC."""


class EquityPoint(Struct, frozen=True, gc=False, kw_only=True):
    """Money of the account at a decided tick, before the tick's decision, in account currency.

    `ordinal` is the tick's number in its stream, `time_ns` its venue time. `equity` values the positions at the marks.
    `margin` is None if it is unknown.
    """

    time_ns: int
    ordinal: int
    balance: Decimal
    equity: Decimal
    margin: Decimal | None


class EquityCurve(Struct):
    """Points that the ledger does not have yet, and the venue time from which the next point is due."""

    due_ns: int = 0
    unstored: list[EquityPoint] = field(default_factory=list)

    def add(self, point: EquityPoint) -> None:
        """Add a point; the next one is due in the following minute."""
        self.unstored.append(point)
        self.due_ns = next_due_ns(point.time_ns)

    def mark_stored(self) -> None:
        """Drop the points, after the ledger has stored them."""
        self.unstored.clear()


def next_due_ns(time_ns: int) -> int:
    """Return the venue time from which the point after one at venue time `time_ns` is due, in nanoseconds."""
    return time_ns - time_ns % POINT_EVERY_NS + POINT_EVERY_NS


def equity_point(
    valuation: AccountValuation, *, ordinal: int, time_ns: int, marks: Mapping[str, Mark]
) -> EquityPoint | None:
    """Return the point at a decided tick; None if the equity is not known.

    Args:
        valuation: the account before the tick's decision.
        ordinal: number of the tick in its stream.
        time_ns: venue time of the tick.
        marks: the latest quotes at the tick.
    """
    if valuation.book.stream is None:
        return None
    equity = valuation.equity(marks)
    if equity is None:
        return None
    return EquityPoint(
        time_ns=time_ns,
        ordinal=ordinal,
        balance=valuation.book.balance,
        equity=equity,
        margin=valuation.margin(marks),
    )
