"""A load of the checkpoint file returns the last saved state and its signals, and nothing of an earlier stream."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from common.checksums import with_checksum
from common.storage import open_writer
from services.signal.checkpoint import APPLICATION_ID, SCHEMA, SCHEMA_VERSION, CheckpointStore
from services.signal.core.signal_ring import RING_SIGNALS_MIN
from tests.unit.signal.builders import Bench, Momentum, TickGateway, a_walk


def test_a_new_file_has_no_checkpoint(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "signal.db")
    assert store.load() is None
    store.close()


def test_a_load_after_several_saves_returns_the_last_state_and_all_signals(tmp_path: Path) -> None:
    ticks = a_walk(95)
    bench = Bench(TickGateway(ticks), make_strategy=Momentum).start()
    store = CheckpointStore(tmp_path / "signal.db")
    for begin in range(0, 95, 10):
        bench.publish(ticks[begin : begin + 10])
        store.save(bench.engine.checkpoint(), bench.engine.ring)
    store.close()
    again = CheckpointStore(tmp_path / "signal.db")
    saved = again.load()
    again.close()
    assert saved is not None
    assert saved.checkpoint == bench.engine.checkpoint()
    assert saved.signals == bench.signals


def test_signals_dropped_by_the_ring_are_dropped_from_the_file_too(tmp_path: Path) -> None:
    ticks = a_walk(3 * RING_SIGNALS_MIN)
    bench = Bench(TickGateway(ticks), make_strategy=Momentum).start()
    store = CheckpointStore(tmp_path / "signal.db")
    for begin in range(0, len(ticks), 1_000):
        bench.publish(ticks[begin : begin + 1_000])
        store.save(bench.engine.checkpoint(), bench.engine.ring)
    saved = store.load()
    store.close()
    assert saved is not None
    ordinals = [signal.ordinal for signal in saved.signals]
    assert ordinals[-1] == len(ticks)
    assert RING_SIGNALS_MIN <= len(ordinals) <= RING_SIGNALS_MIN + 1_000
    assert ordinals == sorted(set(ordinals))


def test_the_checkpoint_of_a_new_stream_replaces_the_signals_of_the_earlier_stream(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "signal.db")
    for seed, stream_id in enumerate(("stream-1", "stream-2")):
        ticks = a_walk(20, seed=seed, stream_id=stream_id)
        bench = Bench(TickGateway(ticks, stream_id=stream_id), make_strategy=Momentum).start().publish(ticks)
        store.save(bench.engine.checkpoint(), bench.engine.ring)
    saved = store.load()
    store.close()
    assert saved is not None
    assert saved.checkpoint.stream_id == "stream-2"
    assert {signal.stream_id for signal in saved.signals} == {"stream-2"}
    assert len(saved.signals) == 20


def test_an_unreadable_checkpoint_is_refused_until_it_is_cleared(tmp_path: Path) -> None:
    path = tmp_path / "signal.db"
    connection = open_writer(
        path, application_id=APPLICATION_ID, schema=SCHEMA, schema_version=SCHEMA_VERSION, synchronous="NORMAL"
    )
    connection.execute("INSERT INTO state VALUES (?, ?, ?, ?)", with_checksum("state", 1, "stream-1", b"\xc1"))
    connection.close()
    store = CheckpointStore(path)
    with pytest.raises(ValueError, match=r"signal\.db contains a checkpoint that cannot be read"):
        store.load()
    store.clear()
    assert store.load() is None
    store.close()


@pytest.mark.parametrize("table", ["state", "signals"])
def test_a_damaged_row_is_refused(tmp_path: Path, table: str) -> None:
    """The body of the row can still be decoded; only the checksum shows the damage."""
    path = tmp_path / "signal.db"
    ticks = a_walk(20)
    bench = Bench(TickGateway(ticks), make_strategy=Momentum).start().publish(ticks)
    store = CheckpointStore(path)
    store.save(bench.engine.checkpoint(), bench.engine.ring)
    store.close()
    connection = apsw.Connection(str(path))
    connection.execute(f"UPDATE {table} SET checksum = (checksum | 1) - (checksum & 1)")
    connection.close()
    store = CheckpointStore(path)
    with pytest.raises(ValueError, match=f"row 1 of table {table} is damaged"):
        store.load()
    store.close()
