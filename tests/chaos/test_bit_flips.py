"""A desk's file with a flipped bit gives the right content, or an error that names the file."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cli.main import run
from marketdata.files.tick_input import TickInput
from research.backtest import run_backtest
from research.run_spec import RunSpec
from services.portfolio.ledger.signing_key import ensure_key, key_file
from services.signal.checkpoint import CheckpointStore
from tests.support.builders import START_NS, TICK_NS
from tests.unit.signal.builders import Bench, Momentum, TickGateway, a_walk
from verification.chaos import bit_flips
from verification.chaos.bit_flips import FAILURES, Outcome, flip_bits

ROWS = 600
FLIPS = 300


@pytest.fixture(scope="module")
def killed_desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a killed desk, whose last commits are in SQLite's write-ahead logs."""
    folder = tmp_path_factory.mktemp("desk")
    running, killed, path = folder / "running", folder / "killed", folder / "ticks.parquet"
    bid = np.round(1.1 + np.cumsum(np.random.default_rng(3).normal(0, 0.0002, ROWS)), 5)
    time_ns = START_NS + np.arange(ROWS, dtype=np.int64) * 60 * TICK_NS
    pl.DataFrame({"ts_ns": time_ns, "bid": bid, "ask": bid + 0.0001}).write_parquet(path)
    ensure_key(key_file(running))
    spec = RunSpec(inputs=(TickInput(path, "EURUSD"),), risk="none")
    ticks = a_walk(95)
    bench = Bench(TickGateway(ticks), make_strategy=Momentum).start()
    with closing(CheckpointStore(running / "signal" / "signal.db")) as store:
        for begin in range(0, 95, 19):
            bench.publish(ticks[begin : begin + 19])
            store.save(bench.engine.checkpoint(), bench.engine.ring)
        run_backtest(
            spec,
            spec.load(),
            data_dir=running,
            keep_venue=True,
            progress=lambda _: copy_over(running, killed),
        )
    assert all(path.stat().st_size for path in killed.rglob("*-wal"))
    return killed


def copy_over(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)


def test_a_file_with_a_flipped_bit_is_read_correctly_or_refused(killed_desk: Path) -> None:
    report = flip_bits(killed_desk, count=FLIPS, seed=1)
    assert report.failures == []
    total = sum(report.outcomes.values(), Counter[Outcome]())
    assert sum(total.values()) == FLIPS
    assert total[Outcome.REFUSED] > FLIPS // 4
    assert sorted(report.outcomes) == [
        *("keys/ledger.key", "keys/ledger.key.head", "ledger.db", "ledger.db-wal", "signal/signal.db"),
        *("signal/signal.db-wal", "venue/book.db", "venue/book.db-wal", "venue/journal.db", "venue/journal.db-wal"),
    ]


def test_the_same_seed_flips_the_same_bits(killed_desk: Path) -> None:
    assert flip_bits(killed_desk, count=20, seed=5) == flip_bits(killed_desk, count=20, seed=5)


def test_a_flip_that_changes_content_without_an_error_is_reported(
    killed_desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader of this test has no checks, so that it accepts damaged content."""
    monkeypatch.setattr(bit_flips, "_read_book", lambda desk: (desk / "venue" / "book.db-wal").read_bytes())
    report = flip_bits(killed_desk, count=60, seed=1)
    assert report.failures
    assert {flip.file for flip, _ in report.failures} == {"venue/book.db-wal"}
    assert report.outcomes["venue/book.db-wal"][FAILURES[0]] == len(report.failures)


def test_the_command_reports_the_outcome_of_each_file(killed_desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bit-flips", str(killed_desk), "--count", "20", "--seed", "2"]) == 0
    output = capsys.readouterr().out
    assert "keys/ledger.key: " in output
    assert output.splitlines()[-1] == "20 flips, seed 2, 0 failures"
