"""State that the ledger stores with each commit, in the same transaction as the commit's events.

The state cannot be computed from the events, because a tick without consequences makes no event.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, field

from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.accounting.equity_curve import EquityCurve
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.sizing.volatility import Volatility


class PersistedState(Struct, frozen=True):
    """Progress of one stream, the state of risk rules and sizing, and the equity curve.

    A new stream takes over everything but the progress. The default values are those of a new account.
    """

    cursor: TickCursor = field(default_factory=TickCursor)
    risk: RiskState = field(default_factory=RiskState)
    volatility: dict[str, Volatility] = field(default_factory=dict)
    """Volatility estimate of each symbol whose orders are sized by volatility."""
    equity_curve: EquityCurve = field(default_factory=EquityCurve)
    """Points of the equity curve. They have a table of their own; the time of the next one follows from the last."""


class PersistedRow(TickCursor, kw_only=True):
    """Format in which ledgers store the state: the fields of the cursor, then those of risk and sizing."""

    risk: RiskState = field(default_factory=RiskState)
    volatility: dict[str, Volatility] = field(default_factory=dict)


_CURSOR_FIELDS: Final = TickCursor.__struct_fields__


def row_of(state: PersistedState) -> PersistedRow:
    """Return the row that stores a state; row and state share mutable values."""
    return PersistedRow(**_cursor_values(state.cursor), risk=state.risk, volatility=state.volatility)


def state_of(row: PersistedRow, curve: EquityCurve) -> PersistedState:
    """Return the state that a row stores, with an equity curve; row and state share mutable values."""
    return PersistedState(TickCursor(**_cursor_values(row)), row.risk, row.volatility, curve)


def _cursor_values(cursor: TickCursor) -> dict[str, Any]:
    return {name: getattr(cursor, name) for name in _CURSOR_FIELDS}
