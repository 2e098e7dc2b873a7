"""State that the ledger keeps with each commit, in the transaction of the commit's events.

It cannot be computed from the events: a tick that changes nothing makes no event.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, field

from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.sizing.volatility import Volatility


class PersistedState(Struct, frozen=True):
    """Progress of one stream, and the state of risk rules and sizing, which outlives it.

    The default is that of a new account.
    """

    cursor: TickCursor = field(default_factory=TickCursor)
    risk: RiskState = field(default_factory=RiskState)
    volatility: dict[str, Volatility] = field(default_factory=dict)
    """By symbol, if its plan sizes positions by volatility."""


class PersistedRow(TickCursor, kw_only=True):
    """Stored row: the fields of the cursor, then those of risk and sizing.

    Stored ledgers have this format.
    """

    risk: RiskState = field(default_factory=RiskState)
    volatility: dict[str, Volatility] = field(default_factory=dict)


_CURSOR_FIELDS: Final = TickCursor.__struct_fields__


def row_of(state: PersistedState) -> PersistedRow:
    """The row that stores a state; it shares the values."""
    return PersistedRow(**_cursor_values(state.cursor), risk=state.risk, volatility=state.volatility)


def state_of(row: PersistedRow) -> PersistedState:
    """The state that a row stores; it shares the values."""
    return PersistedState(TickCursor(**_cursor_values(row)), row.risk, row.volatility)


def _cursor_values(cursor: TickCursor) -> dict[str, Any]:
    return {name: getattr(cursor, name) for name in _CURSOR_FIELDS}
