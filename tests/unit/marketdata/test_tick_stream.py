"""A tick stream has one order over all symbols, counts of its rows, and a hash that identifies its source."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.tick_stream import BLOCK_TICKS, BLOCKS_KEPT, TickStream, build_stream
from proto.gateway import TickCounts
from tests.unit.mt5.builders import Row, a_stream, some_rows

EURUSD: list[Row] = [(1, 1.1, 1.2), (3, 1.3, 1.2), (3, 1.1, 1.2), (5, 1.1, 1.2)]
NZDUSD: list[Row] = [(2, 0.8, 0.9), (3, 0.8, 0.9), (4, 0.8, 0.9), (4, 0.7, 0.6)]


def two_symbols(ticks_max: int | None = None) -> TickStream:
    sources = [some_rows("EURUSD", EURUSD), some_rows("NZDUSD", NZDUSD)]
    return build_stream(sources, accept_crossed=False, ticks_max=ticks_max)


def test_ticks_at_the_same_time_are_in_the_order_of_the_symbols() -> None:
    stream = two_symbols()
    order = [(tick.time_ns, tick.symbol, tick.sequence) for tick in map(stream.tick_at, range(1, 7))]
    assert order == [
        (1, "EURUSD", 1),
        (2, "NZDUSD", 1),
        (3, "EURUSD", 2),
        (3, "NZDUSD", 2),
        (4, "NZDUSD", 3),
        (5, "EURUSD", 3),
    ]
    assert stream.last_ordinal == 6


def test_ticks_are_plain_python_values() -> None:
    tick = two_symbols().tick_at(1)
    assert [type(value) for value in tick] == [str, int, int, int, float, float, float]


def test_a_stream_without_a_limit_counts_all_rows() -> None:
    assert two_symbols().counts == TickCounts(read=8, published=6, rejected={"crossed": 2})


def test_a_limited_stream_counts_rows_up_to_each_symbols_last_tick() -> None:
    """Four ticks come from EURUSD's rows 1 to 3 and NZDUSD's rows 1 and 2.

    The crossed row after these is not counted.
    """
    stream = two_symbols(ticks_max=4)
    assert stream.counts == TickCounts(read=5, published=4, rejected={"crossed": 1})
    assert stream.last_ordinal == 4


def test_a_limited_stream_is_the_beginning_of_the_whole() -> None:
    whole, cut = two_symbols(), two_symbols(ticks_max=3)
    assert [whole.tick_at(n) for n in (1, 2, 3)] == [cut.tick_at(n) for n in (1, 2, 3)]


def test_sequences_at_an_ordinal_count_the_ticks_up_to_it() -> None:
    stream = two_symbols()
    assert stream.sequences_at(0) == {"EURUSD": 0, "NZDUSD": 0}
    assert stream.sequences_at(3) == {"EURUSD": 2, "NZDUSD": 1}


def test_the_last_tick_of_a_symbol_is_at_or_before_the_ordinal() -> None:
    stream = two_symbols()
    assert stream.last_tick("NZDUSD", 1) is None
    assert stream.last_tick("GBPUSD", 6) is None
    for ordinal, expected in ((2, 2), (3, 2), (4, 4), (6, 5)):
        tick = stream.last_tick("NZDUSD", ordinal)
        assert tick is not None
        assert tick.ordinal == expected


def test_a_page_of_ticks_ends_at_the_last_published_tick() -> None:
    stream = two_symbols()
    assert stream.ticks("NZDUSD", from_sequence=1, limit=10, published=4).ordinal == [2, 4]
    assert stream.ticks("NZDUSD", from_sequence=2, limit=1, published=6).ordinal == [4]
    assert stream.ticks("NZDUSD", from_sequence=9, limit=1, published=6).ordinal == []
    assert stream.ticks("NZDUSD", from_sequence=3, limit=1, published=4).ordinal == []


def test_reads_in_any_order_give_the_same_ticks_as_reads_from_the_start() -> None:
    """More blocks than stay in memory are read forward, backward and in random order."""
    count = BLOCK_TICKS * (BLOCKS_KEPT + 2) + 7
    stream = a_stream(*(1.0 + n / 1e5 for n in range(count)))
    once = [stream.tick_at(n) for n in range(1, count + 1)]
    assert [stream.tick_at(n) for n in range(count, 0, -1)] == once[::-1]
    assert [tick.ordinal for tick in once] == list(range(1, count + 1))


def test_a_tick_read_alone_equals_the_tick_of_its_block() -> None:
    count = 2 * BLOCK_TICKS
    rows = [[(n, 1.0, 1.1) for n in range(count) if (n % 3 == 0) is is_third] for is_third in (True, False)]
    sources = [some_rows("EURUSD", rows[0]), some_rows("NZDUSD", rows[1])]
    whole, sparse = (build_stream(sources, accept_crossed=False) for _ in range(2))
    ticks = [whole.tick_at(n) for n in range(1, count + 1)]
    assert [sparse.tick_at(n) for n in range(3, count + 1, 7)] == ticks[2::7]
    assert not sparse._blocks
    pairs = [n + k for n in range(3, count, 50) for k in (0, 1, 2)]
    assert [sparse.tick_at(n) for n in pairs] == [ticks[n - 1] for n in pairs]
    assert not sparse._blocks
    assert [sparse.tick_at(n) for n in range(1, count + 1)] == ticks
    assert len(sparse._blocks) == 2
    for symbol in sparse.symbols:
        own = [tick for tick in ticks if tick.symbol == symbol]
        for ordinal in range(0, count, 7):
            before = [tick for tick in own[: ordinal + 1] if tick.ordinal <= ordinal]
            assert sparse.last_tick(symbol, ordinal) == (before[-1] if before else None)


def test_the_hash_depends_on_the_data_and_not_on_their_storage() -> None:
    sources = [some_rows("EURUSD", EURUSD)]
    plain = build_stream(sources, accept_crossed=False).data_sha256
    strided = [some_rows("EURUSD", [row for row in EURUSD for _ in range(2)])]
    every_other = type(strided[0])("EURUSD", *(column[::2] for column in _columns(strided[0])))
    assert build_stream([every_other], accept_crossed=True).data_sha256 == plain
    assert build_stream([some_rows("EURGBP", EURUSD)], accept_crossed=False).data_sha256 != plain
    assert build_stream([some_rows("EURUSD", EURUSD[:-1])], accept_crossed=False).data_sha256 != plain
    assert build_stream([some_rows("EURUSD", EURUSD, volume=1.0)], accept_crossed=False).data_sha256 != plain


def _columns(rows: object) -> list[np.ndarray]:
    return [getattr(rows, name) for name in ("time_ns", "bid", "ask", "volume")]


def test_a_rejected_row_counts_in_the_hash() -> None:
    with_row = build_stream([some_rows("EURUSD", EURUSD)], accept_crossed=False)
    without = build_stream([some_rows("EURUSD", [EURUSD[0], *EURUSD[2:]])], accept_crossed=False)
    assert with_row.last_ordinal == without.last_ordinal
    assert with_row.data_sha256 != without.data_sha256


@given(
    tables=st.lists(
        st.lists(st.tuples(st.integers(1, 5), st.just(1.0), st.just(1.1)), max_size=8), min_size=1, max_size=4
    )
)
def test_the_merge_is_sorted_by_time_then_symbol_then_row(tables: list[list[Row]]) -> None:
    names = [f"S{n}" for n in range(len(tables))]
    sources = [some_rows(name, rows) for name, rows in zip(names, tables, strict=True)]
    stream = build_stream(sources, accept_crossed=False)
    keys = [
        (tick.time_ns, names.index(tick.symbol), tick.sequence)
        for tick in map(stream.tick_at, range(1, stream.last_ordinal + 1))
    ]
    assert all(one < other for one, other in pairwise(keys))
    assert stream.counts.read == stream.counts.published + sum(stream.counts.rejected.values())


@pytest.mark.parametrize("ticks_max", [1, 2, 5, 6, 100])
def test_read_is_published_plus_rejected_for_any_limit(ticks_max: int) -> None:
    counts = two_symbols(ticks_max=ticks_max).counts
    assert counts.read == counts.published + sum(counts.rejected.values())
    assert counts.published == min(ticks_max, 6)
