"""Streams do not depend on the size of blocks, nor on whether their columns are in memory or on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata import stream_builder
from marketdata.columns import MemoryColumn, SymbolRows
from marketdata.files.errors import TickFileError
from marketdata.files.spool import Spool
from marketdata.files.stream_loader import load_stream
from marketdata.files.tick_input import TickInput
from marketdata.stream_builder import ValidatedRows, assemble
from marketdata.tick_stream import BLOCK_TICKS, TickStream, build_stream
from marketdata.tick_validation import FAR_NS, UNREADABLE_TIME_NS, RowValidator
from proto.gateway import TickCounts
from tests.support.tick_files import a_tick_file
from tests.unit.marketdata.verdicts import verdicts_at_once

Rows = list[tuple[int, float, float]]

RECORDINGS = {
    "fxcm_eurusd_2014-05-01_09": (
        TickCounts(read=675_401, published=606_047, rejected={"crossed": 69_354}),
        "3f280aead4bb41011410560771bc3940ccb150b6273ecc82928846f29762b419",
    ),
    "fxcm_nzdusd_2014-05-01_09": (
        TickCounts(read=605_951, published=592_591, rejected={"crossed": 13_360}),
        "fb0ef3fc851282c0430fa1dfc3ed1985b64e9b6d86eda11fe787cc941f397853",
    ),
}
FAR = 2 * FAR_NS
a_row = st.tuples(
    st.one_of(st.integers(1, 6), st.sampled_from([FAR, 2 * FAR]), st.just(UNREADABLE_TIME_NS)),
    st.sampled_from([1.0, 1.1, np.nan]),
    st.just(1.05),
)


def rows_of(symbol: str, rows: Rows) -> SymbolRows:
    time_ns, bid, ask = (np.array([row[place] for row in rows]) for place in range(3))
    return SymbolRows(symbol, time_ns.astype(np.int64), bid.astype(float), ask.astype(float), np.zeros(len(rows)))


def ticks_of(stream: TickStream) -> list[Any]:
    return [stream.tick_at(ordinal) for ordinal in range(1, stream.last_ordinal + 1)]


@given(rows=st.lists(a_row, max_size=30), cut=st.integers(1, 7), accept=st.booleans())
def test_validation_by_blocks_equals_validation_at_once(rows: Rows, cut: int, accept: bool) -> None:
    whole = rows_of("EURUSD", rows)
    at_once = verdicts_at_once(whole.time_ns, whole.bid, whole.ask, whole.volume, accept_crossed=accept).tolist()
    by_blocks = RowValidator(accept_crossed=accept)
    found: list[int] = []
    for start in range(0, len(rows), cut):
        part = rows_of("EURUSD", rows[start : start + cut])
        found += by_blocks.validate(part.time_ns, part.bid, part.ask, part.volume).tolist()
    assert [*found, *by_blocks.finish().tolist()] == at_once


@given(
    tables=st.lists(st.lists(a_row, max_size=14), min_size=1, max_size=4),
    block=st.integers(1, 5),
    on_disk=st.booleans(),
    ticks_max=st.one_of(st.none(), st.integers(1, 20)),
)
def test_a_stream_from_small_blocks_equals_one_from_large_blocks(
    tables: list[Rows], block: int, on_disk: bool, ticks_max: int | None
) -> None:
    names = [f"S{number}" for number in range(len(tables))]
    whole = build_stream(
        [rows_of(name, rows) for name, rows in zip(names, tables, strict=True)],
        accept_crossed=False,
        ticks_max=ticks_max,
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stream_builder, "BLOCK_ROWS", block)
        spool = Spool(memory_bytes=0) if on_disk else MemoryColumn
        validated = [ValidatedRows(name, accept_crossed=False, store=spool) for name in names]
        for one, rows in zip(validated, tables, strict=True):
            for start in range(0, len(rows), block):
                one.add(rows_of(one.symbol, rows[start : start + block]))
        stream = TickStream(assemble(validated, store=spool, ticks_max=ticks_max))
    assert ticks_of(stream) == ticks_of(whole)
    assert stream.counts == whole.counts
    assert stream.data_sha256 == whole.data_sha256


def test_every_query_has_the_same_answer_from_disk_as_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream has two symbols, one of them with few ticks, and several blocks."""
    often = a_tick_file(tmp_path / "often.parquet", rows=4 * BLOCK_TICKS, seed=1, crossed_every=9)
    rare = a_tick_file(tmp_path / "rare.parquet", rows=9, seed=2)
    inputs = [TickInput(often, "EURUSD"), TickInput(rare, "GBPUSD")]
    in_memory = load_stream(inputs, crossed="reject")
    monkeypatch.setattr(Spool.__init__, "__kwdefaults__", {"memory_bytes": 0})
    on_disk = load_stream(inputs, crossed="reject", spool_folder=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["often.parquet", "rare.parquet"]
    assert (on_disk.counts, on_disk.data_sha256) == (in_memory.counts, in_memory.data_sha256)
    expected = ticks_of(in_memory)
    assert ticks_of(on_disk) == expected
    count = len(expected)
    for ordinal in {*range(0, count, 97), 1, BLOCK_TICKS, BLOCK_TICKS + 1, count}:
        seen = expected[:ordinal]
        of = {name: [tick for tick in seen if tick.symbol == name] for name in ("EURUSD", "GBPUSD")}
        assert on_disk.sequences_at(ordinal) == {name: len(ticks) for name, ticks in of.items()}
        for name, ticks in of.items():
            assert on_disk.last_tick(name, ordinal) == (ticks[-1] if ticks else None)
            for start in (1, 5, len(ticks), len(ticks) + 1):
                page = on_disk.ticks(name, from_sequence=max(1, start), limit=1_500, published=ordinal)
                expected_ticks = ticks[max(1, start) - 1 :][:1_500]
                assert page.ordinal == [tick.ordinal for tick in expected_ticks]
                assert page.bid == [tick.bid for tick in expected_ticks]
                assert page.time_ns == [tick.time_ns for tick in expected_ticks]


def test_a_spool_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        TickFileError, match=r"cannot be spooled to .*/nowhere: Not a directory.*70 bytes per row there$"
    ):
        Spool(tmp_path / "file" / "nowhere", memory_bytes=0)(np.int64).append(np.zeros(5, np.int64))


def test_a_spools_folder_is_created_when_it_is_needed(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "data", memory_bytes=1_000)
    column = spool(np.int64)
    column.append(np.zeros(5, np.int64))
    assert not (tmp_path / "data").exists()
    column.append(np.zeros(500, np.int64))
    assert spool.is_on_disk
    assert list((tmp_path / "data").iterdir()) == []  # the temporary file has no name


def test_an_error_of_the_systems_spool_folder_names_the_setting_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(TickFileError, match=r"cannot be spooled to .*/nowhere: No such file.*another folder in TMPDIR"):
        Spool(memory_bytes=0)(np.int64).append(np.zeros(5, np.int64))


def test_a_limit_of_ticks_limits_the_rows_that_are_read(tmp_path: Path) -> None:
    """The rows after the limit are not counted as read."""
    frame = pl.DataFrame({"ts_ns": np.arange(600_000), "bid": 1.1, "ask": 1.2})
    path = tmp_path / "ticks.parquet"
    frame.write_parquet(path, row_group_size=100_000, compression="uncompressed")
    whole = load_stream([TickInput(path, "EURUSD")], crossed="reject", ticks_max=1_000)
    assert whole.counts == TickCounts(read=1_000, published=1_000, rejected={})


CHILD = """
import re, sys
from pathlib import Path
from marketdata.files.stream_loader import load_stream
from marketdata.files.tick_input import TickInput
stream = load_stream([TickInput(Path(sys.argv[1]), "EURUSD")], crossed="reject")
assert stream.last_ordinal == int(sys.argv[2]), stream.counts
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
"""Program that prints its peak memory from VmHWM. ru_maxrss would include the memory of the forking process."""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, expected Linux")
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Reading and merging four million rows in memory would add more than 250 MB to the memory of the libraries."""
    rows = 4_000_000
    path = tmp_path / "ticks.parquet"
    frame = pl.LazyFrame({"ts_ns": pl.int_range(rows, eager=True)})
    frame.with_columns(pl.lit(1.1).alias("bid"), pl.lit(1.2).alias("ask")).sink_parquet(path, row_group_size=1 << 18)
    found = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), str(rows)], capture_output=True, text=True, check=True
    )
    assert int(found.stdout) < 300 * 1024, "KiB"


def test_a_recording_has_known_counts_and_the_known_hash(shared_parquet: Path) -> None:
    symbol = shared_parquet.stem.split("_")[1].upper()
    stream = load_stream([TickInput(shared_parquet, symbol)], crossed="reject")
    assert (stream.counts, stream.data_sha256) == RECORDINGS[shared_parquet.stem]


def test_a_recording_is_the_same_in_every_layout_stored_beside_it(shared_parquet: Path) -> None:
    """LEAN's daily files, read with the clock of FXCM, give the same hash; the text files have the first 2,000 rows."""
    name = shared_parquet.stem.split("_")[1]
    folder = shared_parquet.parent
    days = folder / "lean" / "fxcm" / name
    if days.is_dir():
        stream = load_stream([TickInput(days, name.upper(), "-05:00")], crossed="reject")
        assert (stream.counts, stream.data_sha256) == RECORDINGS[shared_parquet.stem]
    head = load_stream([TickInput(shared_parquet, name.upper())], crossed="accept", to_row=2_000)
    expected = [(tick.time_ns, tick.bid, tick.ask) for tick in ticks_of(head)]
    for layout, zone in (("truefx", None), ("dukascopy", None), ("mt5_export", "UTC")):
        path = folder / "formats" / f"{layout}_{name}.csv"
        if path.is_file():
            found = ticks_of(load_stream([TickInput(path, name.upper(), zone)], crossed="accept"))
            assert [(tick.time_ns, tick.bid, tick.ask) for tick in found] == expected
