"""The table of equity points in the ledger.

A commit stores its points together with the tick cursor. The time from which the next point is due follows from the
last row, also after a restart. Each row has a checksum. The points are not part of the hash chain and the signature,
because no decision depends on them.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import apsw

from common.checksums import checked_rows, with_checksum
from services.portfolio.core.accounting.equity_curve import EquityCurve, EquityPoint, next_due_ns

EQUITY_TABLE: Final = """
CREATE TABLE equity_points (time_ns INTEGER PRIMARY KEY, ordinal INTEGER NOT NULL, balance TEXT NOT NULL,
  equity TEXT NOT NULL, margin TEXT, checksum INTEGER NOT NULL) STRICT;
"""
END_NS: Final = 2**63 - 1
"""A time after every point, in nanoseconds."""
POINTS_MAX: Final = 2**63 - 1
"""More points than any ledger has."""

_TABLE: Final = "equity_points"
_COLUMNS: Final = "time_ns, ordinal, balance, equity, margin, checksum"


def write_points(db: apsw.Connection, points: Iterable[EquityPoint]) -> None:
    """Store points; a point that the table already has is stored again. The caller begins and ends the transaction."""
    for point in points:
        margin = None if point.margin is None else str(point.margin)
        row = with_checksum(_TABLE, point.time_ns, point.ordinal, str(point.balance), str(point.equity), margin)
        db.execute("INSERT OR REPLACE INTO equity_points VALUES (?, ?, ?, ?, ?, ?)", row)


def read_equity_points(
    db: apsw.Connection, from_ns: int = 0, to_ns: int = END_NS, *, limit: int = POINTS_MAX
) -> list[EquityPoint]:
    """Read points in the order of their times.

    Args:
        db: the ledger.
        from_ns: venue time of the first point or earlier, in nanoseconds.
        to_ns: venue time after the last point, in nanoseconds.
        limit: largest number of points; the later ones are left out.

    Raises:
        DamagedRowError: a row is damaged.
    """
    return _points(db, "WHERE time_ns >= ? AND time_ns < ? ORDER BY time_ns LIMIT ?", (from_ns, to_ns, limit))


def read_curve(db: apsw.Connection) -> EquityCurve:
    """Return a curve without unstored points that continues after the last stored point.

    Raises:
        DamagedRowError: the row of the last point is damaged.
    """
    last = _points(db, "ORDER BY time_ns DESC LIMIT 1", ())
    return EquityCurve(due_ns=next_due_ns(last[0].time_ns)) if last else EquityCurve()


def _points(db: apsw.Connection, clause: str, bindings: tuple[int, ...]) -> list[EquityPoint]:
    rows: Any = db.execute(f"SELECT {_COLUMNS} FROM {_TABLE} {clause}", bindings)  # noqa: S608 - names of ours
    found: Any = checked_rows(db.filename, _TABLE, rows)
    return [
        EquityPoint(
            time_ns=time_ns,
            ordinal=ordinal,
            balance=Decimal(balance),
            equity=Decimal(equity),
            margin=None if margin is None else Decimal(margin),
        )
        for time_ns, ordinal, balance, equity, margin in found
    ]
