"""Training: labels, parts without common ticks, reproducible bytes, and the summary of the edge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cli.json_output import json_text
from cli.main import run
from marketdata.files.tick_input import TickInput
from research.training.calibration import UNCALIBRATED, calibration_error, fit_calibration, log_loss, probabilities
from research.training.edge import NO_TRADES, Edge, QuoteColumns, best_threshold, directions, edge_summary, measure_edge
from research.training.labels import BUY, HOLD, NO_LABEL, SELL, label_ticks
from research.training.train import TrainedModel, TrainingError, TrainSpec, split_parts, train, write_model
from services.signal.core.features.schema import FEATURE_NAMES, WINDOW_TICKS
from services.signal.model.loader import load_model

SECOND_NS = 1_000_000_000


def ticks_file(path: Path, *, rows: int = 12_000, trend: float = 0.0, seed: int = 1, spread: float = 2e-5) -> Path:
    """Quotes of a random walk. The drift per tick is `trend` or -`trend`, chosen at random every 400 ticks."""
    random = np.random.default_rng(seed)
    drift = np.repeat(random.choice([-1.0, 1.0], rows // 400 + 1), 400)[:rows] * trend
    bid = np.round(1.2 + np.cumsum(random.normal(0, 3e-5, rows) + drift), 5)
    times = 1_400_000_000 * SECOND_NS + np.cumsum(random.integers(200, 2_000, rows)) * 1_000_000
    pl.DataFrame({"ts_ns": times, "bid": bid, "ask": np.round(bid + spread, 5)}).write_parquet(path)
    return path


def trained_by(spec: TrainSpec) -> TrainedModel:
    """A model that is trained on the ticks of a specification."""
    return train(spec, spec.load())


def a_spec(path: Path, **changes: Any) -> TrainSpec:
    options: dict[str, Any] = {
        "horizon_ticks": 40,
        "rounds_max": 15,
        "command": "paperdesk train ticks.parquet",
    } | changes
    return TrainSpec(inputs=(TickInput(path, "EURUSD"),), symbol="EURUSD", **options)


@pytest.fixture(scope="module")
def trending(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainedModel]:
    """Ticks with a predictable trend, and a model trained on them."""
    path = ticks_file(tmp_path_factory.mktemp("trending") / "ticks.parquet", trend=1e-5)
    return path, trained_by(a_spec(path))


# --------------------------------------------------------------------------------------------------------------- labels


def test_a_label_is_the_side_that_earns_more_than_the_spread() -> None:
    bid = np.array([1.00, 1.00, 1.03, 0.97, 1.02, 1.00])
    ask = bid + 0.02
    times = np.arange(6) * SECOND_NS
    found = label_ticks(times, bid, ask, horizon_ticks=2, pause_max_ns=SECOND_NS)
    # A buy gains if the bid two ticks later is above the ask, a sell if the ask two ticks later is below the bid.
    # Ticks 1 to 4: 1.03 > 1.02 buys; 0.99 < 1.00 sells; 1.02 < 1.05 and 1.04 > 1.03 hold; 1.00 > 0.99 buys.
    assert found.tolist() == [BUY, SELL, HOLD, BUY, NO_LABEL, NO_LABEL]


def test_a_move_of_exactly_the_spread_is_a_hold() -> None:
    bid, ask = np.array([1.0, 1.5, 1.0]), np.array([1.5, 2.0, 1.5])
    assert label_ticks(np.arange(3), bid, ask, horizon_ticks=1, pause_max_ns=9).tolist() == [HOLD, HOLD, NO_LABEL]


def test_a_horizon_with_a_pause_in_it_has_no_label() -> None:
    times = np.array([0, 1, 2, 100, 101, 102]) * SECOND_NS
    price = np.ones(6)
    found = label_ticks(times, price, price, horizon_ticks=2, pause_max_ns=10 * SECOND_NS)
    assert found.tolist() == [HOLD, NO_LABEL, NO_LABEL, HOLD, NO_LABEL, NO_LABEL]


def test_too_few_ticks_have_no_labels() -> None:
    price = np.ones(3)
    assert label_ticks(np.arange(3), price, price, horizon_ticks=5, pause_max_ns=1).tolist() == [NO_LABEL] * 3


# ---------------------------------------------------------------------------------------------------------------- parts


@pytest.mark.parametrize("horizon", [1, 40, 300])
def test_no_tick_is_used_by_rows_of_two_parts(horizon: int) -> None:
    count = 4_000
    features = np.zeros((count - WINDOW_TICKS + 1, len(FEATURE_NAMES)), dtype=np.float32)
    features[:, 0] = np.arange(WINDOW_TICKS - 1, count)
    labels = np.full(count, HOLD, dtype=np.int8)
    labels[count - horizon :] = NO_LABEL
    parts = split_parts(features, labels, horizon_ticks=horizon)
    assert list(parts) == ["training", "validation", "held_out"]
    seen_to = -1
    for rows in parts.values():
        assert (rows.features[:, 0] == rows.at).all()
        assert int(rows.at[0]) - (WINDOW_TICKS - 1) > seen_to
        seen_to = int(rows.at[-1]) + horizon
    assert seen_to == count - 1


# ---------------------------------------------------------------------------------------------------------- calibration


def test_a_calibration_finds_the_temperature_and_the_biases_of_the_data() -> None:
    random = np.random.default_rng(3)
    margins = random.normal(0, 1.5, (60_000, 3)).astype(np.float32)
    true = np.exp(margins / 2 + np.array([0.4, 0, -0.3]))
    true /= true.sum(axis=1, keepdims=True)
    labels = (random.random(60_000)[:, None] > true.cumsum(axis=1)).sum(axis=1).astype(np.int8)
    found = fit_calibration(margins, labels)
    assert found.temperature == pytest.approx(2, abs=0.06)
    assert found.biases == pytest.approx((0.4, 0, -0.3), abs=0.04)
    assert log_loss(probabilities(margins, found), labels) < log_loss(probabilities(margins, UNCALIBRATED), labels)
    assert calibration_error(probabilities(margins, found), labels) < 0.01


def test_model_outputs_without_information_are_calibrated_to_the_base_rates() -> None:
    random = np.random.default_rng(4)
    labels = random.choice(3, 20_000, p=[0.2, 0.7, 0.1]).astype(np.int8)
    found = probabilities(
        np.zeros((20_000, 3), dtype=np.float32), fit_calibration(np.zeros((20_000, 3), np.float32), labels)
    )
    assert found[0] == pytest.approx(np.bincount(labels) / 20_000, abs=1e-5)


# ----------------------------------------------------------------------------------------------------------------- edge


def test_an_edge_is_measured_one_position_at_a_time_with_the_spread_paid() -> None:
    bid = np.array([100.0, 100.0, 101.0, 103.0, 103.0, 100.0, 100.0])
    quotes = QuoteColumns(bid, bid + 0.5)
    signals = np.array([1, 1, 0, -1, 1])
    found = measure_edge(signals, np.arange(5), quotes, 2)
    # The buy at tick 0 is closed at tick 2, and the sell at tick 3 is closed at tick 5.
    # The buys at ticks 1 and 4 are ignored, because a position is open.
    assert found.trades == 2
    assert found.won_part == 1.0
    assert found.gross_bp == pytest.approx((1 / 100.25 + 3 / 103.25) / 2 * 1e4)
    assert found.cost_bp == pytest.approx((0.5 / 100.25 + 0.5 / 103.25) / 2 * 1e4)
    assert found.net_bp == pytest.approx(found.gross_bp - found.cost_bp)
    assert measure_edge(np.zeros(5, dtype=np.int64), np.arange(5), quotes, 2) == NO_TRADES


def test_a_direction_needs_the_threshold_and_a_higher_probability_than_the_opposite() -> None:
    chances = np.array([[0.2, 0.3, 0.5], [0.5, 0.3, 0.2], [0.45, 0.1, 0.45], [0.3, 0.5, 0.2]])
    assert directions(chances, 0.4).tolist() == [1, -1, 0, 0]


def test_the_threshold_with_the_highest_profit_is_chosen() -> None:
    """Signals with probability 0.6 have profits and those with 0.5 have losses, so the threshold is above 0.5."""
    count = 4_000
    rise = np.tile([1.0, -1.0], count // 2)
    bid = np.repeat(100 + np.concatenate([[0], np.cumsum(rise)]), 2)[: 2 * count]
    at = np.arange(0, 2 * count - 4, 2) + 1
    buy = np.where(rise[: len(at)] > 0, 0.6, 0.5)
    chances = np.column_stack([np.full(len(at), 0.1), 0.9 - buy, buy])
    assert 0.5 < best_threshold(chances, at, QuoteColumns(bid, bid + 0.01), 2) <= 0.6


@pytest.mark.parametrize(
    ("edge", "summary"),
    [
        (NO_TRADES, "There is no edge: no signal"),
        (Edge(400, 0.4, 0.2, 0.5, -0.3, -4.0), "does NOT survive costs"),
        (Edge(400, 0.5, 0.6, 0.5, 0.1, 1.2), "may be luck"),
        (Edge(12, 0.9, 2.6, 0.5, 2.1, 5.0), "may be luck"),
        (Edge(400, 0.6, 1.6, 0.5, 1.1, 3.4), "The edge survives costs"),
    ],
)
def test_the_summary_claims_an_edge_only_if_it_is_significant(edge: Edge, summary: str) -> None:
    assert summary in edge_summary(edge)


# ------------------------------------------------------------------------------------------------------------- training


def test_the_same_ticks_give_the_same_bytes(trending: tuple[Path, TrainedModel]) -> None:
    path, trained = trending
    again = trained_by(a_spec(path))
    assert again.model == trained.model
    assert again.manifest == trained.manifest
    assert trained_by(a_spec(path, horizon_ticks=41)).model != trained.model


def test_an_existing_edge_survives_costs(trending: tuple[Path, TrainedModel], tmp_path: Path) -> None:
    _, trained = trending
    held_out = trained.manifest.metrics["held_out"]
    assert held_out["log_loss"] < held_out["log_loss_of_base_rates"] - 0.02
    assert "The edge survives costs" in edge_summary(Edge(**held_out["edge"]))
    write_model(trained, tmp_path / "m")
    assert load_model(tmp_path / "m").buy_threshold == trained.manifest.thresholds.buy


def test_no_edge_is_found_in_a_random_walk(tmp_path: Path) -> None:
    found = trained_by(a_spec(ticks_file(tmp_path / "walk.parquet", spread=5e-5))).manifest.metrics["held_out"]
    assert "survives costs on the held-out part:" not in edge_summary(Edge(**found["edge"]))


def test_the_manifest_documents_the_source_of_the_model(trending: tuple[Path, TrainedModel]) -> None:
    manifest = trending[1].manifest
    training = manifest.training
    assert (training.symbol, training.files, training.ticks) == ("EURUSD", ["ticks.parquet"], 12_000)
    assert training.gap_ticks == 140
    assert training.parts["training"].last_ns < training.parts["validation"].first_ns
    assert training.parts["validation"].last_ns < training.parts["held_out"].first_ns
    assert set(manifest.libraries) == {"numba", "numpy", "xgboost"}
    assert manifest.model.trees == 3 * training.rounds


def test_too_few_ticks_or_rows_of_a_class_are_refused(tmp_path: Path) -> None:
    few = ticks_file(tmp_path / "few.parquet", rows=900)
    with pytest.raises(TrainingError, match="900 ticks of EURUSD to train on, expected at least 5000"):
        trained_by(a_spec(few))
    wide = ticks_file(tmp_path / "wide.parquet", rows=6_000, spread=0.1)
    with pytest.raises(TrainingError, match="0 rows of the training part are labelled buy with --horizon 40"):
        trained_by(a_spec(wide))
    with pytest.raises(TrainingError, match="no labelled row in the validation part"):
        trained_by(a_spec(ticks_file(tmp_path / "long.parquet", rows=6_000), horizon_ticks=1_200))


# ----------------------------------------------------------------------------------------------------- the command line


def test_the_command_trains_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = ticks_file(tmp_path / "ticks.parquet", rows=6_000)
    out = tmp_path / "mine"
    arguments = ["train", str(path), "--symbol", "EURUSD", "--horizon", "30", "--rounds", "5", "--out", str(out)]
    assert run(arguments) == 0
    output = capsys.readouterr().out
    assert "log loss, held out" in output
    assert "held-out part" in output.splitlines()[-1]
    manifest = json.loads((out / "manifest.json").read_text())
    assert (
        manifest["training"]["command"] == f"paperdesk train {path} --symbol EURUSD --horizon 30 --rounds 5 --out {out}"
    )
    before = (out / "model.ubj").read_bytes()
    assert run(arguments) == 2
    assert "has a model, expected a new folder, or --force to replace it" in capsys.readouterr().err
    assert run([*arguments, "--json", "--force"]) == 0, "--force replaces a model"
    assert json.loads(capsys.readouterr().out) == json.loads(json_text(manifest))
    assert (out / "model.ubj").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ticks.parquet"], "no symbol for ticks.parquet"),
        (["ticks.parquet:EURUSD", "ticks.parquet:NZDUSD"], "ticks of EURUSD, NZDUSD, expected one symbol"),
        (["nowhere.parquet:EURUSD"], "nowhere.parquet does not exist"),
        (["ticks.parquet:EURUSD", "--horizon", "0"], "--horizon is 0, expected 1 to 100000"),
        (["ticks.parquet:EURUSD", "--threshold", "1.5"], "--threshold is 1.5, expected a probability"),
        (["ticks.parquet:EURUSD", "--from-row", "9", "--to-row", "3"], "--to-row is 3"),
        (["ticks.parquet:EURUSD", "--out", "ticks.parquet"], "--out ticks.parquet is a file"),
        (["ticks.parquet:EURUSD", "--out", "."], "--out . has files but no model"),
        (["ticks.parquet:EURUSD", "--to-row", "200"], "200 ticks of EURUSD to train on"),
    ],
)
def test_training_that_is_not_possible_is_refused_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    ticks_file(tmp_path / "ticks.parquet", rows=6_000)
    monkeypatch.chdir(tmp_path)
    assert run(["train", *arguments, *([] if "--out" in arguments else ["--out", "new"])]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()
