"""A run reports whether its model was trained or tuned on its ticks, or that this is unknown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from msgspec import structs

from cli.main import run
from marketdata.files.tick_input import TickInput
from research.model_data import model_data
from research.report import report_digest
from research.run_spec import RunSpec
from services.signal.model.manifest import Part, read_manifest
from services.signal.strategy_loader import DEFAULT_MODEL
from tests.support.builders import START_NS, TICK_NS
from tests.support.models import a_booster, write_model

S = 1_000_000_000
HASH = "ab" * 32
PARTS = {
    "training": Part(60, START_NS, START_NS + 60 * S),
    "validation": Part(20, START_NS + 70 * S, START_NS + 90 * S),
    "held_out": Part(20, START_NS + 100 * S, START_NS + 120 * S),
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def a_model_of(folder: Path, **training: Any) -> Path:
    """A model whose manifest has the given data fields."""
    path = write_model(folder, bytes(a_booster().save_raw("ubj")))
    reported = structs.replace(read_manifest(path).training, **{"data_sha256": HASH, "parts": PARTS, **training})
    return write_model(folder, bytes(a_booster().save_raw("ubj")), training=reported)


def model_data_of(
    model: Path, first_s: int, last_s: int, *, symbol: str = "EURUSD", data: str = "0" * 64
) -> dict[str, Any]:
    spec = RunSpec(inputs=(TickInput(Path("t.parquet"), symbol),), strategy="xgboost", model=model)
    reported = model_data(spec, data_sha256=data, first_ns=START_NS + first_s * S, last_ns=START_NS + last_s * S)
    assert reported is not None
    return reported


@pytest.mark.parametrize(
    ("first_s", "last_s", "overlap"),
    [
        (0, 10, {"training": (0, 10)}),
        (-50, 0, {"training": (0, 0)}),
        (60, 65, {"training": (60, 60)}),
        (50, 75, {"training": (50, 60), "validation": (70, 75)}),
        (-5, 500, {"training": (0, 60), "validation": (70, 90)}),
        (80, 200, {"validation": (80, 90)}),
    ],
)
def test_ticks_in_the_time_of_the_training_or_validation_part_are_in_sample(
    tmp_path: Path, first_s: int, last_s: int, overlap: dict[str, tuple[int, int]]
) -> None:
    reported = model_data_of(a_model_of(tmp_path / "m"), first_s, last_s)
    assert reported["sample"] == "in"
    assert reported["text"].startswith(
        "IN SAMPLE: ticks of this run are of the symbol, EURUSD, and the time that the model"
    )
    assert set(reported["overlap"]) == set(overlap)
    base = np.datetime64(START_NS, "ns")
    for name, seconds in overlap.items():
        ends = [np.datetime64(text.removesuffix("Z").replace(" ", "T"), "ns") for text in reported["overlap"][name]]
        assert [int((end - base) / np.timedelta64(1, "s")) for end in ends] == list(seconds)
    assert ("trained on" in reported["text"]) is ("training" in overlap)
    assert ("tuned on" in reported["text"]) is ("validation" in overlap)


@pytest.mark.parametrize(("first_s", "last_s"), [(-90, -1), (61, 69), (91, 99), (100, 120), (121, 500)])
def test_ticks_outside_the_parts_or_in_the_held_out_part_are_out_of_sample(
    tmp_path: Path, first_s: int, last_s: int
) -> None:
    reported = model_data_of(a_model_of(tmp_path / "m"), first_s, last_s)
    assert (reported["sample"], reported["overlap"]) == ("out", {})


def test_another_symbol_is_out_of_sample_but_a_brokers_suffix_is_ignored(tmp_path: Path) -> None:
    model = a_model_of(tmp_path / "m")
    assert model_data_of(model, 0, 10, symbol="NZDUSD")["sample"] == "out"
    assert model_data_of(model, 0, 10, symbol="EURUSD.m")["sample"] == "in"


def test_the_hash_of_the_rows_identifies_the_ticks_under_any_name_of_the_symbol(tmp_path: Path) -> None:
    reported = model_data_of(a_model_of(tmp_path / "m"), 0, 10, symbol="GBPUSD", data=HASH)
    assert reported["sample"] == "in"
    assert reported["text"].startswith("IN SAMPLE: ticks of this run are ticks that the model was trained on")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "trained or tuned"),
        ({"held_out": PARTS["held_out"]}, "trained or tuned"),
        ({"training": Part(0, 0, 0), "validation": PARTS["validation"]}, "trained"),
        ({"training": PARTS["training"]}, "tuned"),
    ],
)
def test_with_a_manifest_without_parts_the_sample_is_unknown(
    tmp_path: Path, parts: dict[str, Part], message: str
) -> None:
    reported = model_data_of(a_model_of(tmp_path / "m", parts=parts), 200, 300)
    assert reported["sample"] == "unknown"
    assert reported["text"].endswith(f"the manifest lacks the times of the ticks on which the model was {message}")


def test_only_symbols_that_the_model_trades_count(tmp_path: Path) -> None:
    inputs = tuple(TickInput(Path("t.parquet"), symbol) for symbol in ("EURUSD", "NZDUSD"))
    span: dict[str, Any] = {"data_sha256": "0" * 64, "first_ns": START_NS, "last_ns": START_NS + S}
    for strategy, sample in (("EURUSD=xgboost,NZDUSD=ema_cross", "in"), ("EURUSD=ema_cross,NZDUSD=xgboost", "out")):
        reported = model_data(RunSpec(inputs=inputs, strategy=strategy, model=a_model_of(tmp_path / "m")), **span)
        assert reported is not None
        assert reported["sample"] == sample
    assert model_data(RunSpec(inputs=inputs, strategy="ema_cross"), **span) is None


def test_the_demo_model_names_its_data_as_generated() -> None:
    manifest = read_manifest(DEFAULT_MODEL)
    assert {"training", "validation", "held_out"} == set(manifest.training.parts)
    assert all(part.last_ns > part.first_ns > 0 for part in manifest.training.parts.values())
    assert "of the generated, SIMULATED market" in manifest.note


def some_ticks(folder: Path) -> Path:
    random = np.random.default_rng(3)
    bid = np.round(1.1 + np.cumsum(random.normal(0, 0.0002, 300)), 5)
    time_ns = START_NS + np.arange(300, dtype=np.int64) * TICK_NS
    path = folder / "t.parquet"
    pl.DataFrame({"ts_ns": time_ns, "bid": bid, "ask": np.round(bid + 0.0001, 5)}).write_parquet(path)
    return path


@pytest.mark.parametrize("sample", ["in", "out", "unknown"])
def test_a_backtest_reports_in_sample_ticks_first_and_in_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sample: str
) -> None:
    far = START_NS + 10**6 * S
    parts = {
        "in": PARTS,
        "out": {name: Part(9, far, far + S) for name in PARTS},
        "unknown": {},
    }[sample]
    model = a_model_of(tmp_path / "m", parts=parts)
    arguments = ["backtest", f"{some_ticks(tmp_path)}:EURUSD", "--strategy", "xgboost", "--model", str(model)]
    assert run(arguments) == 0
    output = capsys.readouterr().out
    begin = {"in": "IN SAMPLE: ", "out": "backtest on the SIMULATED venue", "unknown": "UNKNOWN whether in sample: "}
    assert output.startswith(begin[sample])
    assert run([*arguments, "--json"]) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert report["model_data"]["sample"] == sample
    assert printed.err.startswith(begin[sample]) is (sample != "out")
    assert report_digest({**report, "model_data": {}}) == report_digest(report)
