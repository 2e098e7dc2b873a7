"""The state stored with each commit: the row keeps the fields of earlier ledgers."""

import msgspec

from services.portfolio.core.account.tick_cursor import Mark, TickCursor
from services.portfolio.core.risk.state import Peaks, RiskState
from services.portfolio.core.sizing.volatility import Volatility
from services.portfolio.core.state.persisted import PersistedRow, PersistedState, row_of, state_of

SOME_STATE = PersistedState(
    TickCursor(stream_id="s", ordinal=3, buy=2, hold=1, marks={"EURUSD": Mark(1.1, 1.2, 5)}),
    RiskState(order_times_ns=[4], peaks=Peaks(day=1)),
    {"EURUSD": Volatility(minute=1, mid=1.1)},
)


def test_the_stored_row_has_the_fields_of_old_ledgers_in_the_same_sequence() -> None:
    assert list(msgspec.json.decode(msgspec.json.encode(row_of(SOME_STATE)))) == [
        "stream_id",
        "ordinal",
        "time_ns",
        "buy",
        "sell",
        "hold",
        "warming_up",
        "gaps",
        "blocked",
        "denied",
        "sequences",
        "marks",
        "last_blocked",
        "last_denied",
        "blocked_signals",
        "latest_denials",
        "risk",
        "volatility",
    ]


def test_a_state_is_restored_from_its_row() -> None:
    row = msgspec.json.decode(msgspec.json.encode(row_of(SOME_STATE)), type=PersistedRow)
    assert state_of(row, SOME_STATE.equity_curve) == SOME_STATE
