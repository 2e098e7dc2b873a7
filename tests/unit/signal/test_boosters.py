"""Boosters of every kind: a model has the margins of XGBoost, or is refused before the first tick."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost

from services.signal import StrategyEngine
from services.signal.core.features.schema import FEATURE_NAMES
from services.signal.model.loader import load_model
from services.signal.model.manifest import ModelError
from tests.support.models import a_booster, random_rows, write_model
from tests.unit.signal.test_features import market


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the records of self-checks in the folder of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def a_document(**parameters: Any) -> bytes:
    return bytes(a_booster(**parameters).save_raw("json"))


def edited(data: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    document = json.loads(data)
    change(document)
    return json.dumps(document).encode()


def booster_of(document: dict[str, Any]) -> Any:
    return document["learner"]["gradient_booster"]


# ------------------------------------------------------------------------------------------- evaluated by XGBoost


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"booster": "dart", "rate_drop": 0.3}, "the tree walk does not support booster dart"),
        ({"booster": "gblinear", "max_depth": None}, "the tree walk does not support booster gblinear"),
        (
            {"booster": "gblinear", "max_depth": None, "names": FEATURE_NAMES},
            "the tree walk does not support booster gblinear",
        ),
        ({"booster": "gblinear", "max_depth": None, "updater": "shotgun", "names": FEATURE_NAMES}, "booster gblinear"),
        ({"booster": "gblinear", "max_depth": None, "rounds": 0, "names": FEATURE_NAMES}, "booster gblinear"),
        ({"booster": "gblinear", "max_depth": None, "objective": "multi:softmax"}, "booster gblinear"),
        ({"booster": "dart", "rate_drop": 0.3, "names": FEATURE_NAMES}, "the tree walk does not support booster dart"),
        ({"multi_strategy": "multi_output_tree"}, "vectors in its leaves"),
    ],
)
@pytest.mark.parametrize("form", ["json", "ubj"])
def test_a_model_that_the_tree_walk_does_not_support_is_evaluated_by_xgboost_and_logged(
    tmp_path: Path, parameters: dict[str, Any], message: str, form: str
) -> None:
    logged: list[str] = []
    booster = a_booster(**parameters)
    folder = write_model(tmp_path / "m", bytes(booster.save_raw(form)), file=f"model.{form}")
    model = load_model(folder, on_fallback=logged.append)
    assert len(logged) == 1
    assert message in logged[0]
    rows = random_rows(rows=30)
    theirs = booster.predict(xgboost.DMatrix(rows), output_margin=True, validate_features=False)
    np.testing.assert_allclose(model.margins(rows), theirs, rtol=1e-6, atol=1e-6)
    rows[0, 5], rows[1, 5] = np.inf, -np.inf
    np.testing.assert_allclose(model.probabilities(rows).sum(axis=1), 1)
    engine = StrategyEngine("EURUSD", "xgboost", model=folder)
    for time_ns, bid, ask, _ in zip(*market(count=105), strict=True):
        signal = engine.process_tick({"time_ns": int(time_ns), "bid": float(bid), "ask": float(ask)})
    assert 0 < signal[1] < 1


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (a_document(feature_types=["c", *["q"] * 29]), "feature 1 is categorical, expected numerical features"),
        (
            a_document(feature_types=["q"] * 29 + ["c"], names=FEATURE_NAMES),
            "feature time_of_day_cos is categorical, expected numerical features",
        ),
        (
            edited(a_document(feature_types=["c", *["q"] * 29]), lambda d: d["learner"].update(feature_types=[])),
            " is categorical, expected numerical features",
        ),
        (a_document(booster="dart", rounds=0), "XGBoost can load it but cannot predict with it: chunksize == groups"),
        (
            edited(
                a_document(booster="gblinear", max_depth=None),
                lambda d: booster_of(d)["model"]["weights"].__setitem__(0, 1e300),
            ),
            "XGBoost returns margins that are not finite for 200 rows, expected 3 finite margins for each row",
        ),
        (
            edited(a_document(booster="gblinear", max_depth=None), lambda d: booster_of(d)["model"]["weights"].pop()),
            "92 weights of a linear booster, expected 93",
        ),
        (
            edited(
                a_document(multi_strategy="multi_output_tree"),
                lambda d: [tree.pop("leaf_weights") for tree in booster_of(d)["model"]["trees"]],
            ),
            "tree 0 has vectors in its leaves in the format of an older XGBoost",
        ),
        (
            edited(
                a_document(multi_strategy="multi_output_tree"),
                lambda d: booster_of(d)["model"]["trees"][1]["leaf_weights"].pop(),
            ),
            "weights, expected 3 for each leaf",
        ),
        (
            edited(
                a_document(booster="dart"),
                lambda d: booster_of(d)["gbtree"]["model"]["trees"][2]["left_children"].__setitem__(0, 900),
            ),
            "tree 2 is not a tree: node 900 is missing or has two parents",
        ),
        (b"binf\x00\x00\x00?", "the binary format of XGBoost before 2, expected UBJ or JSON"),
    ],
    ids=["category", "named", "split", "empty dart", "overflow", "weights", "old vectors", "vectors", "dart", "binary"],
)
def test_an_unusable_booster_is_refused_with_the_reason(tmp_path: Path, document: bytes, message: str) -> None:
    """If XGBoost would crash or fail at the first signal of a model, the start fails with one line of text."""
    error = refusal(write_model(tmp_path / "m", document, file="model.json"))
    assert "model.json is not a usable model: " in error
    assert message in error


# -------------------------------------------------------------------------------------------------- best iteration


@pytest.mark.parametrize(
    ("parameters", "has_index"),
    [
        ({}, True),
        ({}, False),
        ({"num_parallel_tree": 3, "subsample": 0.5}, True),
        ({"num_parallel_tree": 3, "subsample": 0.5}, False),
        ({"booster": "dart"}, True),
        ({"booster": "dart"}, False),
        ({"multi_strategy": "multi_output_tree"}, True),
    ],
)
def test_rounds_after_the_best_round_are_not_used(tmp_path: Path, parameters: dict[str, Any], has_index: bool) -> None:
    booster = a_booster(rounds=6, **parameters)
    booster.set_attr(best_iteration="1")
    document = json.loads(booster.save_raw("json"))
    if not has_index:  # the format of XGBoost 1
        del booster_of(document).get("gbtree", booster_of(document))["model"]["iteration_indptr"]
    data = json.dumps(document).encode()
    rows = random_rows(rows=50)
    model = load_model(write_model(tmp_path / "m", data, file="model.json"))
    best = booster.inplace_predict(rows, iteration_range=(0, 2), predict_type="margin")
    assert model.margins(rows).tobytes() == best.tobytes()
    assert best.tobytes() != booster.inplace_predict(rows, predict_type="margin").tobytes()


def test_after_early_stopping_predictions_equal_those_of_xgboosts_classifier(tmp_path: Path) -> None:
    booster = a_booster(rounds=60, stop_after=4, learning_rate=0.9)
    best, grown = booster.best_iteration, booster.num_boosted_rounds()
    assert best + 1 < grown
    rows = random_rows(rows=50)
    model = load_model(write_model(tmp_path / "m", bytes(booster.save_raw("ubj"))))
    theirs = booster[: best + 1].inplace_predict(rows, predict_type="margin")
    assert model.margins(rows).tobytes() == theirs.tobytes()


@pytest.mark.parametrize(
    ("parameters", "best", "message"),
    [
        ({}, "4", "best_iteration is '4', expected one of its 4 rounds, counted from 0"),
        ({}, "-1", "best_iteration is '-1', expected one of its 4 rounds"),
        ({}, "2.0", "best_iteration is '2.0', expected one of its 4 rounds"),
        ({}, "\u0662", "expected one of its 4 rounds"),
        ({"booster": "dart"}, "4", "best_iteration is '4', expected one of its 4 rounds"),
        (
            {"booster": "gblinear", "max_depth": None},
            "1",
            "best_iteration is 1 of 4 rounds of a linear booster, which has only the weights of its last round",
        ),
    ],
)
def test_a_best_round_that_cannot_be_restored_is_refused(
    tmp_path: Path, parameters: dict[str, Any], best: str, message: str
) -> None:
    booster = a_booster(**parameters)
    booster.set_attr(best_iteration=best)
    assert message in refusal(write_model(tmp_path / "m", bytes(booster.save_raw("ubj"))))


@pytest.mark.parametrize(
    ("parameters", "best"), [({"booster": "gblinear", "max_depth": None}, "3"), ({"rounds": 0}, "-1"), ({}, "3")]
)
def test_all_rounds_are_used_if_the_best_round_is_the_last(
    tmp_path: Path, parameters: dict[str, Any], best: str
) -> None:
    """XGBoost 1 stored the best round in every model that it trained."""
    rows, booster = random_rows(rows=20), a_booster(**parameters)
    before = load_model(write_model(tmp_path / "a", bytes(booster.save_raw("ubj")))).margins(rows)
    booster.set_attr(best_iteration=best)
    after = load_model(write_model(tmp_path / "b", bytes(booster.save_raw("ubj")))).margins(rows)
    assert before.tobytes() == after.tobytes()
