"""Counts of signals by direction, and of missing ticks."""

from proto.messages import WARMING_UP
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.stream import StreamState
from tests.support.builders import a_signal


def test_signals_are_counted_by_direction_and_warm_up_is_not_counted_as_hold() -> None:
    stream = StreamState(PersistedState())
    cursor = stream.cursor
    signals = [(1, ""), (-1, ""), (0, ""), (0, WARMING_UP), (0, WARMING_UP), (1, WARMING_UP)]
    for ordinal, (direction, reason) in enumerate(signals, 1):
        stream.count(a_signal(ordinal, direction, reason=reason))
    assert (cursor.buy, cursor.sell, cursor.hold, cursor.warming_up) == (2, 1, 1, 2)
    assert cursor.processed == cursor.ordinal == 6
    assert cursor.marks == {"EURUSD": Mark(1.1, 1.1001, a_signal(6).time_ns)}


def test_missing_sequences_are_counted_as_gaps() -> None:
    stream = StreamState(PersistedState())
    cursor = stream.cursor
    for sequence in (1, 2, 5, 6, 9):
        stream.count(a_signal(sequence))
    stream.count(a_signal(10, symbol="GBPUSD", sequence=1))
    assert cursor.gaps == 4
    assert cursor.sequences == {"EURUSD": 9, "GBPUSD": 1}
