"""The tree walk: its margins equal XGBoost's bit by bit, and damaged models are refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.signal.core.inference.forest import (
    ModelFormatError,
    UnsupportedModelError,
    flatten,
    model_info,
    read_document,
)
from services.signal.core.inference.kernel import fill_probabilities
from services.signal.core.inference.self_check_rows import self_check_rows
from tests.support.models import a_booster


def raw(booster: Any) -> bytes:
    return bytes(booster.save_raw("json"))


def document(**parameters: Any) -> Any:
    """Return the decoded JSON of a small model, for tests that damage it."""
    return json.loads(raw(a_booster(rounds=2, features=5, **parameters)))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"max_depth": 6, "rounds": 12},
        {"objective": "multi:softmax", "tree_method": "exact"},
        {"num_parallel_tree": 3, "tree_method": "approx"},
        {"base_score": 0.7},
        {"objective": "binary:logistic", "num_class": None},
        {"objective": "binary:logistic", "num_class": None, "base_score": 0.1},
        {"objective": "reg:squarederror", "num_class": None, "base_score": 1.3},
        {"grow_policy": "lossguide", "max_leaves": 9, "max_depth": 0},
        {"min_child_weight": 1e9},
    ],
    ids=lambda parameters: ",".join(f"{name}={value}" for name, value in parameters.items()) or "plain",
)
def test_margins_of_the_tree_walk_equal_those_of_xgboost_bit_by_bit(parameters: dict[str, Any]) -> None:
    booster = a_booster(features=6, **parameters)
    forest = flatten(read_document(raw(booster)))
    rows = self_check_rows(forest)
    theirs = booster.inplace_predict(rows, predict_type="margin").reshape(len(rows), -1)
    assert forest.margins(rows).tobytes() == theirs.tobytes()


def test_the_rows_of_the_self_check_include_every_threshold_and_its_neighbors() -> None:
    forest = flatten(read_document(raw(a_booster(features=4))))
    rows = self_check_rows(forest)
    for node in np.flatnonzero(forest.nodes[:, 0] >= 0):
        threshold, column = forest.values[node], rows[:, forest.nodes[node, 0]]
        for value in (threshold, np.nextafter(threshold, np.float32(9e9)), np.nextafter(threshold, np.float32(-9e9))):
            assert (column == value).any()
    for column in rows.T:
        assert np.isnan(column).any()
        for value in (np.inf, -np.inf, np.finfo(np.float32).smallest_subnormal, np.finfo(np.float32).max):
            assert (column == np.float32(value)).any()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"booster": "dart"}, "booster dart"),
        ({"booster": "gblinear", "max_depth": None}, "booster gblinear"),
        ({"multi_strategy": "multi_output_tree"}, "tree 0 has vectors in its leaves"),
        ({"feature_types": ["c", "q", "q", "q", "q"]}, "categorical splits"),
        ({"objective": "count:poisson", "num_class": None}, "objective count:poisson"),
    ],
)
def test_an_unsupported_model_is_distinguished_from_a_damaged_one(parameters: dict[str, Any], message: str) -> None:
    found = read_document(raw(a_booster(features=5, **parameters)))
    with pytest.raises(UnsupportedModelError, match=message):
        flatten(found)


def first_tree(found: Any) -> Any:
    return found["learner"]["gradient_booster"]["model"]["trees"][0]


DAMAGES: dict[str, Any] = {
    "a child that is not there": lambda d: first_tree(d)["left_children"].__setitem__(0, 900),
    "a child that is its own parent": lambda d: first_tree(d)["right_children"].__setitem__(0, 0),
    "a child below -1": lambda d: first_tree(d)["left_children"].__setitem__(0, -7),
    "a feature that is not there": lambda d: first_tree(d)["split_indices"].__setitem__(0, 5),
    "a threshold that is not a number": lambda d: first_tree(d)["split_conditions"].__setitem__(0, float("nan")),
    "a threshold that is text": lambda d: first_tree(d)["split_conditions"].__setitem__(0, "high"),
    "columns of different lengths": lambda d: first_tree(d)["default_left"].pop(),
    "a tree without nodes": lambda d: first_tree(d).update(left_children=[], right_children=[]),
    "a tree of an unknown class": lambda d: d["learner"]["gradient_booster"]["model"]["tree_info"].__setitem__(0, 3),
    "one tree fewer than declared": lambda d: d["learner"]["gradient_booster"]["model"]["trees"].pop(),
    "no base score": lambda d: d["learner"]["learner_model_param"].pop("base_score"),
    "two base scores": lambda d: d["learner"]["learner_model_param"].update(base_score="[1E0,2E0]"),
    "a base score that is not a number": lambda d: d["learner"]["learner_model_param"].update(base_score="nan"),
    "no trees": lambda d: d["learner"]["gradient_booster"].pop("model"),
    "a list for a booster": lambda d: d["learner"].update(gradient_booster=[]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_model_is_refused(damage: Any) -> None:
    found = document()
    damage(found)
    with pytest.raises(ModelFormatError):
        flatten(found)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"learner": 1}',
        b"PK\x03\x04 a zip",
        b"\x80\x04\x95 a pickle",
        b"[" * 100_000,
        b"\xff" * 9,
    ],
)
def test_bytes_that_are_not_the_json_of_a_model_are_refused(data: bytes) -> None:
    with pytest.raises(ModelFormatError):
        read_document(data)


def test_a_document_without_properties_is_refused() -> None:
    with pytest.raises(ModelFormatError, match="lacks 'learner_model_param'"):
        model_info({"learner": {}})


SMALL = raw(a_booster(rounds=1, features=3))


@given(st.integers(0, len(SMALL) - 1))
@settings(deadline=None)
def test_a_truncated_file_is_refused(length: int) -> None:
    with pytest.raises(ModelFormatError):
        read_document(SMALL[:length])


@given(st.integers(0, len(SMALL) - 1), st.integers(0, 255))
@settings(deadline=None, max_examples=300)
def test_a_file_with_a_changed_byte_is_loaded_or_refused_without_hanging(place: int, byte: int) -> None:
    data = SMALL[:place] + bytes([byte]) + SMALL[place + 1 :]
    try:
        found = read_document(data)
        if model_info(found).classes < 100:  # a changed byte may also give a valid but too large model
            forest = flatten(found)
            forest.margins(np.zeros((1, forest.features), dtype=np.float32))
    except (ModelFormatError, UnsupportedModelError):
        pass


def test_probabilities_are_the_softmax_of_scaled_margins_plus_biases() -> None:
    margins = np.array([[0.0, 1.0, -1.0], [80.0, -80.0, 0.0], [3e4, 2e4, -3e4]], dtype=np.float32)
    found = np.empty((3, 3))
    fill_probabilities(margins, 0.5, np.array([0.0, 0.0, 0.25]), found)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    scores = margins.astype(float) * 0.5 + np.array([0, 0, 0.25])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    np.testing.assert_allclose(found, weights / weights.sum(axis=1, keepdims=True), rtol=1e-12)


def test_flattening_does_not_change_the_document() -> None:
    found = document()
    before = copy.deepcopy(found)
    flatten(found)
    assert found == before
