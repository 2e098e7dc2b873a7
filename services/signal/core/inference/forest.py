"""Converts XGBoost's model format into arrays for the tree walk (`kernel.py`).

`read_document` reads a model in JSON, and `flatten` converts it into a `Forest`. The walk does not support linear
boosters, DART, categorical splits and trees with vectors in their leaves. For these `UnsupportedModelError` is raised,
and XGBoost itself may be able to evaluate the model. Bytes that are no model raise `ModelFormatError`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from services.signal.core.inference.kernel import Indices, Singles, fill_margins
from services.signal.core.inference.rounds import LINEAR, Rounds, boosting_rounds

IDENTITY_OBJECTIVES: Final = ("multi:softprob", "multi:softmax", "reg:squarederror", "binary:logitraw")
LOGISTIC_OBJECTIVES: Final = ("binary:logistic", "reg:logistic")
"""Objectives whose base score is stored as a probability."""


CATEGORY: Final = "c"
"""XGBoost's name for the type of a categorical feature."""


class ModelFormatError(ValueError):
    """The bytes are no XGBoost model, or the model contradicts itself."""


class UnsupportedModelError(ValueError):
    """The tree walk does not support this kind of XGBoost model."""


@dataclass(frozen=True)
class Forest:
    """All trees of a model in a few arrays, which `kernel.py` describes."""

    nodes: Indices
    values: Singles
    roots: Indices
    base: Singles
    features: int

    @property
    def groups(self) -> int:
        """Number of margins of a row, one for each class."""
        return len(self.base)

    def margins(self, rows: Singles) -> Singles:
        """Return the margins (untransformed scores), float32 of shape (rows, groups).

        `rows` must be float32, contiguous, of shape (rows, features).
        """
        assert rows.shape[1] == self.features, (rows.shape, self.features)
        found = np.empty((len(rows), self.groups), dtype=np.float32)
        fill_margins(self.nodes, self.values, self.roots, self.base, rows, found)
        return found


@dataclass(frozen=True)
class ModelInfo:
    """Properties of a model file, which are read whether or not the tree walk supports the model."""

    objective: str
    classes: int
    features: int
    feature_names: tuple[str, ...]
    categorical: str
    """The model's first categorical feature or split; empty if it has none."""
    rounds: Rounds


def read_document(data: bytes) -> Mapping[str, Any]:
    """Decode the JSON of a model.

    Raises:
        ModelFormatError: the bytes are no JSON, or not the JSON of a model.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(f"not JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("learner"), dict):
        raise ModelFormatError("no XGBoost model: JSON without a learner in it")
    return document


def model_info(document: Mapping[str, Any]) -> ModelInfo:
    """Return the properties of a model.

    Raises:
        ModelFormatError: properties are missing or contradict each other.
    """
    try:
        learner = document["learner"]
        parameters = learner["learner_model_param"]
        return ModelInfo(
            objective=str(learner["objective"]["name"]),
            classes=int(parameters["num_class"]),
            features=int(parameters["num_feature"]),
            feature_names=tuple(str(name) for name in learner.get("feature_names", ())),
            categorical=_categorical(learner),
            rounds=boosting_rounds(learner),
        )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ModelFormatError(f"no XGBoost model: its learner lacks {error}") from None
    except ValueError as error:
        raise ModelFormatError(str(error)) from None


def _categorical(learner: Mapping[str, Any]) -> str:
    types = [str(kind) for kind in learner.get("feature_types", ())]
    if CATEGORY in types:
        names = learner.get("feature_names", ())
        place = types.index(CATEGORY)
        return f"feature {names[place] if place < len(names) else place + 1}"
    booster = learner["gradient_booster"]
    trees = booster.get("gbtree", booster)["model"].get("trees", ())
    number = next((number for number, tree in enumerate(trees) if len(tree.get("categories_nodes", ()))), None)
    return "" if number is None else f"a split of tree {number}"


def flatten(document: Mapping[str, Any]) -> Forest:
    """Convert the trees of a model into arrays.

    Raises:
        UnsupportedModelError: the tree walk does not support the model, but XGBoost may.
        ModelFormatError: the model is damaged.
    """
    try:
        return _flatten(document["learner"])
    except (KeyError, TypeError, IndexError, OverflowError) as error:
        raise ModelFormatError(f"damaged model: {type(error).__name__} at {error}") from None
    except (UnsupportedModelError, ModelFormatError):
        raise
    except ValueError as error:
        raise ModelFormatError(f"damaged model: {error}") from None


def require_sound_booster(document: Mapping[str, Any]) -> None:
    """Refuse trees and weights that XGBoost would load without a check, and on which it would then crash.

    Raises:
        ModelFormatError: a tree is damaged, or in a format that the installed XGBoost does not read.
    """
    try:
        learner = document["learner"]
        booster = learner["gradient_booster"]
        parameters = learner["learner_model_param"]
        features = int(parameters["num_feature"])
        if booster["name"] == LINEAR:
            found, expected = len(booster["model"]["weights"]), (features + 1) * max(1, int(parameters["num_class"]))
            if found != expected and (found or int(booster["model"]["boosted_rounds"])):  # no weights without a round
                raise ModelFormatError(f"{found} weights of a linear booster, expected {expected}")
        for number, tree in enumerate(booster.get("gbtree", booster)["model"].get("trees", ())):
            width = int(tree["tree_param"].get("size_leaf_vector", 1))
            if width > 1 and "leaf_weights" not in tree:
                raise ModelFormatError(
                    f"tree {number} has vectors in its leaves in the format of an older XGBoost, which crashes the "
                    "installed XGBoost; expected a model trained with the installed XGBoost"
                )
            leaves = int(np.count_nonzero(_columns(tree, number, features).left == -1))
            if width > 1 and len(tree["leaf_weights"]) != width * leaves:
                raise ModelFormatError(
                    f"tree {number} has {len(tree['leaf_weights'])} weights, expected {width} for each leaf"
                )
    except (KeyError, TypeError, IndexError, OverflowError) as error:
        raise ModelFormatError(f"damaged model: {type(error).__name__} at {error}") from None
    except ModelFormatError:
        raise
    except ValueError as error:
        raise ModelFormatError(f"damaged model: {error}") from None


def _flatten(learner: Mapping[str, Any]) -> Forest:
    booster = learner["gradient_booster"]
    if booster["name"] != "gbtree":
        raise UnsupportedModelError(f"booster {booster['name']}, expected gbtree")
    parameters = learner["learner_model_param"]
    if int(parameters.get("num_target", 1)) > 1:
        raise UnsupportedModelError(f"{parameters['num_target']} targets, expected 1")
    groups, features = max(1, int(parameters["num_class"])), int(parameters["num_feature"])
    base = _base(str(parameters["base_score"]), str(learner["objective"]["name"]), groups)

    model = booster["model"]
    trees, tree_info = model["trees"], [int(group) for group in model["tree_info"]]
    if len(trees) != len(tree_info) or any(not 0 <= group < groups for group in tree_info):
        raise ModelFormatError(
            f"{len(trees)} trees with {len(tree_info)} groups {sorted(set(tree_info))}, "
            f"expected a group from 0 to {groups - 1} for each tree"
        )
    rounds = boosting_rounds(learner)
    used = rounds.tree_ends[rounds.used]
    trees, tree_info = trees[:used], tree_info[:used]
    nodes: list[Indices] = []
    values: list[Singles] = []
    roots: list[tuple[int, int]] = []
    start = 0
    for number, (tree, group) in enumerate(zip(trees, tree_info, strict=True)):
        tree_nodes, tree_values = _tree(tree, number, features)
        tree_nodes[:, 1:] += start
        roots.append((start, group))
        nodes.append(tree_nodes)
        values.append(tree_values)
        start += len(tree_nodes)
    return Forest(
        nodes=np.concatenate([np.zeros((0, 4), dtype=np.int32), *nodes]),
        values=np.concatenate([np.zeros(0, dtype=np.float32), *values]),
        roots=np.array(roots, dtype=np.int32).reshape(-1, 2),
        base=base,
        features=features,
    )


def _base(text: str, objective: str, groups: int) -> Singles:
    scores = [float(part) for part in text.strip("[] ").split(",")]
    if len(scores) == 1:
        scores *= groups
    if len(scores) != groups or not all(map(math.isfinite, scores)):
        raise ModelFormatError(f"base_score {text}, expected {groups} finite numbers")
    if objective in LOGISTIC_OBJECTIVES:
        if not all(0 < score < 1 for score in scores):
            raise ModelFormatError(f"base_score {text}, expected a probability")
        # XGBoost divides and subtracts in float32. Near 0 the result differs from float64.
        one = np.float32(1)
        scores = [-math.log(one / np.float32(score) - one) for score in scores]
    elif objective not in IDENTITY_OBJECTIVES:
        raise UnsupportedModelError(
            f"objective {objective}, expected {', '.join(IDENTITY_OBJECTIVES + LOGISTIC_OBJECTIVES)}"
        )
    return np.array(scores, dtype=np.float32)


def _tree(tree: Mapping[str, Any], number: int, features: int) -> tuple[Indices, Singles]:
    if int(tree["tree_param"].get("size_leaf_vector", 1)) > 1:
        raise UnsupportedModelError(f"tree {number} has vectors in its leaves")
    if len(tree.get("categories_nodes", ())) or any(tree.get("split_type", ())):
        raise UnsupportedModelError(f"tree {number} has categorical splits")
    left, right, feature, default_left, values = _columns(tree, number, features)
    is_leaf = left == -1
    missing = np.where(default_left != 0, left, right)
    nodes = np.column_stack([feature, *(np.where(is_leaf, 0, child) for child in (left, right, missing))])
    return np.ascontiguousarray(nodes, dtype=np.int32), values


class _Columns(NamedTuple):
    left: Indices
    right: Indices
    feature: Indices
    """-1 for a leaf."""
    default_left: Indices
    values: Singles


def _columns(tree: Mapping[str, Any], number: int, features: int) -> _Columns:
    left, right = _column(tree["left_children"]), _column(tree["right_children"])
    feature, default_left = _column(tree["split_indices"]), _column(tree["default_left"])
    values = np.array(tree["split_conditions"], dtype=np.float32)
    count = len(left)
    if not count or any(len(column) != count for column in (right, feature, default_left, values)):
        raise ModelFormatError(f"tree {number} has columns of different lengths or none")
    is_leaf = left == -1
    feature[is_leaf] = -1
    if not np.isfinite(values).all() or (feature >= features).any() or (feature[~is_leaf] < 0).any():
        raise ModelFormatError(f"tree {number} splits on a missing feature or at a value that is not finite")
    _require_tree(left.tolist(), right.tolist(), number)
    return _Columns(left, right, feature, default_left, values)


def _column(values: Any) -> Indices:
    return np.array(values, dtype=np.int32)


def _require_tree(left: Sequence[int], right: Sequence[int], number: int) -> None:
    """Refuse nodes that are reached twice or do not exist, so that every walk from the root ends."""
    seen: set[int] = set()
    open_nodes = [0]
    while open_nodes:
        node = open_nodes.pop()
        if not 0 <= node < len(left) or node in seen:
            raise ModelFormatError(f"tree {number} is not a tree: node {node} is missing or has two parents")
        seen.add(node)
        if left[node] != -1:
            open_nodes += [left[node], right[node]]
