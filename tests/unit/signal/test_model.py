"""Loading of a model's folder: models that are evaluated, models that are refused, and the error texts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from common.errors import StartError
from common.project_root import PROJECT_ROOT
from services.signal import StrategyEngine
from services.signal.core.features.schema import FEATURE_NAMES
from services.signal.core.inference.classes import CLASSES
from services.signal.core.inference.forest import Forest, flatten, model_info, read_document
from services.signal.core.strategies.xgboost import ClassModel, XGBoostClasses
from services.signal.model.kernel_cache import is_writable
from services.signal.model.loader import load_model
from services.signal.model.manifest import Calibration, Features, ModelError, Thresholds, read_manifest
from services.signal.model.self_check import self_check_failure
from services.signal.model.ubj_to_json import ubj_to_json
from services.signal.strategy_loader import strategy_factory
from tests.support.models import a_booster, a_model, random_rows, write_model
from tests.unit.signal.test_features import market


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the records of self-checks in the folder of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(folder)
    message = str(caught.value)
    assert isinstance(caught.value, StartError)
    assert "\n" not in message
    assert str(folder) in message
    return message


def with_leaf_vectors(model: bytes) -> bytes:
    """Return a model whose first tree declares three weights for each leaf, as in XGBoost 2, but stores none."""
    width = model.index(b"size_leaf_vector") + len(b"size_leaf_vectorSL") + 8
    return model[:width] + b"3" + model[width + 1 :]


OLD_LEAF_VECTORS = with_leaf_vectors(a_booster().save_raw("ubj"))


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize("form", ["json", "ubj"])
def test_the_tree_walk_evaluates_a_model_with_the_margins_of_xgboost(tmp_path: Path, form: str) -> None:
    booster = a_booster()
    logged: list[str] = []
    folder = write_model(tmp_path / "m", bytes(booster.save_raw(form)), file=f"model.{form}")
    model = load_model(folder, on_fallback=logged.append)
    rows = random_rows()
    assert model.margins(rows).tobytes() == booster.inplace_predict(rows, predict_type="margin").tobytes()
    assert isinstance(getattr(model.margins, "__self__", None), Forest)
    assert logged == []


def test_probabilities_follow_from_margins_by_the_calibration(tmp_path: Path) -> None:
    calibration = Calibration("temperature and biases", 2.0, [0.5, 0.0, -0.5])
    model = load_model(write_model(tmp_path / "m", bytes(a_booster().save_raw("ubj")), calibration=calibration))
    rows = random_rows(rows=20)
    scores = model.margins(rows).astype(float) / 2 + np.array([0.5, 0, -0.5])
    weights = np.exp(scores)
    np.testing.assert_allclose(model.probabilities(rows), weights / weights.sum(axis=1, keepdims=True), rtol=1e-9)


@pytest.mark.parametrize(
    ("sell", "hold", "buy", "signal"),
    [
        (0.2, 0.3, 0.5, (1, 0.5)),
        (0.2, 0.45, 0.35, (1, 0.35)),
        (0.2, 0.451, 0.349, (0, 0.451)),
        (0.6, 0.3, 0.1, (-1, 0.6)),
        (0.59, 0.3, 0.11, (0, 0.3)),
        (0.4, 0.2, 0.4, (0, 0.2)),
        (0.45, 0.15, 0.40, (0, 0.15)),
    ],
)
def test_a_direction_needs_its_threshold_and_a_higher_probability_than_the_opposite(
    sell: float, hold: float, buy: float, signal: tuple[int, float]
) -> None:
    """The thresholds are 0.35 for buy and 0.6 for sell. The confidence is the probability of the signaled class."""
    model = ClassModel(
        margins=lambda rows: rows, temperature=1.0, biases=(0.0, 0.0, 0.0), sell_threshold=0.6, buy_threshold=0.35
    )
    assert model.decide(sell, hold, buy) == signal


def test_signals_tick_by_tick_equal_the_models_decisions_on_all_rows(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "m")
    from services.signal.core.features.kernel import feature_rows

    columns = market(count=400)
    engine = StrategyEngine("EURUSD", "xgboost", model=folder)
    model = load_model(folder)
    rows = feature_rows(*columns)
    expected = [model.decide(*chances) for chances in model.probabilities(rows).tolist()]
    signals = [
        engine.process_tick({"time_ns": int(time_ns), "bid": float(bid), "ask": float(ask), "volume": float(volume)})
        for time_ns, bid, ask, volume in zip(*columns, strict=True)
    ]
    assert signals[:100] == [(0, 0.0)] * 100
    assert signals[100:] == expected[1:]
    assert {direction for direction, _ in signals} == set(CLASSES)


def test_the_strategy_has_no_state_besides_the_window(tmp_path: Path) -> None:
    make = strategy_factory("xgboost", model=a_model(tmp_path / "m"))
    strategy = make()
    assert strategy.snapshot() == b""
    strategy.restore(b"")
    with pytest.raises(ValueError, match="xgboost snapshot of 3 bytes, expected none"):
        strategy.restore(b"abc")
    assert (strategy.name, strategy.warm_up_ticks) == ("xgboost", 100)
    assert isinstance(strategy, XGBoostClasses)
    assert make() is not strategy


# ------------------------------------------------------------------------------------------------------- refusals


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert "there is no such folder" in refusal(tmp_path / "nowhere")


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    assert "manifest.json cannot be read: No such file" in refusal(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"model"', "\x00", '{"kind": "paperdesk xgboost classes"}', '{"kind": "other"}']
)
def test_a_file_that_is_not_a_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    assert "manifest.json is no manifest of a model" in refusal(tmp_path)


def test_a_manifest_must_have_every_field_and_no_other(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "m")
    text = (folder / "manifest.json").read_text()
    manifest = json.loads(text)
    places = [(manifest, name) for name in manifest]
    places += [(part, name) for part in manifest.values() if isinstance(part, dict) for name in part]
    for part, name in places:
        kept = dict(part)
        del part[name]
        (folder / "manifest.json").write_text(json.dumps(manifest))
        assert f"`{name}`" in refusal(folder)
        part.clear()
        part.update(kept)
    (folder / "manifest.json").write_text(json.dumps({**manifest, "colour": "blue"}))
    assert "`colour`" in refusal(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(version=2), "version"),
        (lambda m: m.update(classes=[0, 1, 2]), "classes [0, 1, 2], expected [-1, 0, 1]"),
        (lambda m: m["thresholds"].update(buy=1.5), "$.thresholds.buy"),
        (lambda m: m["calibration"].update(temperature=0), "$.calibration.temperature"),
        (lambda m: m["calibration"].update(biases=[0.0]), "$.calibration.biases"),
        (lambda m: m["calibration"].update(method="isotonic"), "$.calibration.method"),
        (lambda m: m["model"].update(file="../elsewhere.ubj"), "$.model.file"),
        (lambda m: m["model"].update(file="model.pkl"), "$.model.file"),
        (lambda m: m["model"].update(file="other.ubj"), "other.ubj cannot be read: No such file"),
        (lambda m: m["features"]["names"].pop(), "feature 30 is none, expected time_of_day_cos"),
        (lambda m: m["features"]["names"].reverse(), "feature 1 is time_of_day_cos, expected return_1"),
        (lambda m: m["features"].update(schema_sha256="0" * 64), "the formulas of its 30 features have changed since"),
    ],
)
def test_an_unsuitable_manifest_is_refused_with_the_reason(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    assert message in refusal(edit(a_model(tmp_path / "m"), change))


def test_another_feature_schema_is_refused_with_both_hashes(tmp_path: Path) -> None:
    theirs = Features("ab" * 32, ["colour", *FEATURE_NAMES[1:]])
    error = refusal(write_model(tmp_path / "m", bytes(a_booster().save_raw("ubj")), features=theirs))
    assert "made for the feature schema abababababab, this version computes" in error
    assert "feature 1 is colour, expected return_1; train the model again" in error


def test_a_changed_model_file_is_refused(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "m")
    path = folder / "model.ubj"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    assert "model.ubj is not the file that its manifest describes" in refusal(folder)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "XGBoost cannot read it as UBJ: the model is empty"),
        (b"PK\x03\x04 a zip archive", "UBJ: Unknown construct"),
        (b"{}", "UBJ: Invalid model format"),
        (a_booster(features=7).save_raw("ubj"), "7 features, expected the 30"),
        (a_booster(objective="binary:logistic", num_class=None).save_raw("ubj"), "objective binary:logistic with 0"),
        (a_booster(num_class=4).save_raw("ubj"), "objective multi:softprob with 4 classes"),
        (a_booster().save_raw("ubj")[:-40], "cannot read it as UBJ: Expecting"),
        (OLD_LEAF_VECTORS, "cannot read it as UBJ: XGBoost crashes with SIGSEGV, expected a model that the installed"),
        (a_booster().save_raw("ubj")[:100], "cannot read it as UBJ: std::bad_alloc"),
    ],
    ids=["empty", "zip", "no learner", "features", "objective", "classes", "cut short", "crash", "huge"],
)
def test_an_unusable_model_file_is_refused_with_the_reason(tmp_path: Path, data: bytes, message: str) -> None:
    error = refusal(write_model(tmp_path / "m", bytes(data)))
    assert "model.ubj is not a usable model: " in error
    assert message in error


def test_a_model_with_the_features_in_another_order_is_refused(tmp_path: Path) -> None:
    booster = a_booster()
    booster.feature_names = [*reversed(FEATURE_NAMES)]
    assert "expected the 30 of the manifest in their order" in refusal(
        write_model(tmp_path / "m", bytes(booster.save_raw("ubj")))
    )


def test_a_model_in_ubj_has_the_same_trees_as_in_json() -> None:
    booster = a_booster()
    ours = flatten(read_document(ubj_to_json(bytes(booster.save_raw("ubj")))))
    theirs = flatten(read_document(bytes(booster.save_raw("json"))))
    for name in ("nodes", "values", "roots", "base"):
        assert getattr(ours, name).tobytes() == getattr(theirs, name).tobytes()


# ------------------------------------------------------------------------------------------------- the self-check


def test_the_self_check_finds_a_difference_of_one_bit(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "m")
    forest = load_model(folder).margins.__self__  # type: ignore[attr-defined]  # a bound method
    values = forest.values.copy()
    leaf = int(np.flatnonzero(forest.nodes[:, 0] < 0)[0])
    values[leaf] = np.nextafter(values[leaf], np.float32(1e9))
    bent = Forest(forest.nodes, values, forest.roots, forest.base, forest.features)
    data = (folder / "model.ubj").read_bytes()
    why = self_check_failure(bent, data, model_info(read_document(ubj_to_json(data))), "0" * 64, [tmp_path])
    assert "rows of the self-check have other margins than XGBoost's" in why
    assert list(tmp_path.glob("model-check-*")) == []


def test_a_model_that_xgboost_cannot_load_is_refused(tmp_path: Path) -> None:
    data = a_booster(booster="dart").save_raw("json").replace(b'"num_trees":"12"', b'"num_trees":"11"')
    assert "is not a usable model: XGBoost cannot load it" in refusal(
        write_model(tmp_path / "m", bytes(data), file="model.json")
    )


# ---------------------------------------------------------------------------------------------- starts and restarts

LOADING = """
import sys
from pathlib import Path
from services.signal.strategy_loader import strategy_factory
strategy_factory("xgboost", model=Path(sys.argv[1]), data_dir=Path(sys.argv[2]))
print("xgboost" in sys.modules)
"""


def imports_xgboost(folder: Path, data_dir: Path, **environment: str) -> bool:
    done = subprocess.run(
        [sys.executable, "-c", LOADING, str(folder), str(data_dir)],
        cwd=PROJECT_ROOT,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() == "True"


@pytest.mark.slow
def test_a_restart_finds_the_record_of_the_self_check_and_does_not_import_xgboost(tmp_path: Path) -> None:
    folder, data_dir = a_model(tmp_path / "m"), tmp_path / "data"
    kept = {"NUMBA_CACHE_DIR": str(tmp_path / "numba"), "XDG_CACHE_HOME": str(tmp_path / "one")}
    assert imports_xgboost(folder, data_dir, **kept)
    notes = list((data_dir / "signal").glob("model-check-*.json"))
    assert json.loads(notes[0].read_text())["outcome"] == "the same bits"
    assert not imports_xgboost(folder, data_dir, **kept | {"XDG_CACHE_HOME": str(tmp_path / "two")})
    assert not imports_xgboost(folder, tmp_path / "other", **kept), "the user's cache folder has the record, too"
    notes[0].unlink()
    assert imports_xgboost(folder, data_dir, **kept | {"XDG_CACHE_HOME": str(tmp_path / "three")})
    assert list((tmp_path / "numba").rglob("*.nbi")), "compiled kernels are in the folder of NUMBA_CACHE_DIR"


def test_a_cache_folder_that_is_not_writable_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        imports_xgboost(a_model(tmp_path / "m"), tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "file"))
    assert f"NUMBA_CACHE_DIR: value '{tmp_path / 'file'}', expected a folder that can be written" in caught.value.stderr
    assert is_writable(tmp_path / "new")


def test_the_digest_of_a_manifest_depends_only_on_fields_that_affect_signals(tmp_path: Path) -> None:
    manifest = read_manifest(a_model(tmp_path / "m"))
    replace = msgspec.structs.replace
    assert replace(manifest, note="other", metrics={"a": 1}).deciding_sha256() == manifest.deciding_sha256()
    assert replace(manifest, thresholds=Thresholds(0.5, 0.36)).deciding_sha256() != manifest.deciding_sha256()
