"""Boosting rounds of a model: their number, their trees, and the best round of the training.

A training with early stopping keeps the rounds after the best round, and stores the index of the best round, counted
from 0, as `best_iteration`. The desk predicts with the rounds up to the best round, as XGBoost's scikit-learn interface
does.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

BEST: Final = "best_iteration"
LINEAR: Final = "gblinear"


class Rounds(NamedTuple):
    """The rounds of a model.

    Only the first `used` of the `grown` rounds are used for predictions. `tree_ends[n]` is the number of trees in the
    first n rounds; it is empty for a linear booster.
    """

    used: int
    grown: int
    tree_ends: tuple[int, ...]


def boosting_rounds(learner: Mapping[str, Any]) -> Rounds:
    """Read the rounds of a model from the `learner` of its document.

    Raises:
        ValueError: the rounds contradict the trees, or the model at its best round cannot be restored.
        KeyError: a field is missing.
    """
    booster = learner["gradient_booster"]
    ends: tuple[int, ...]
    if booster["name"] == LINEAR:
        ends, grown = (), int(booster["model"]["boosted_rounds"])
    else:
        ends = _tree_ends(
            booster.get("gbtree", booster)["model"], max(1, int(learner["learner_model_param"]["num_class"]))
        )
        grown = len(ends) - 1
    text = learner.get("attributes", {}).get(BEST)
    used = grown if text is None else _used(str(text), grown)
    if used < grown and booster["name"] == LINEAR:
        raise ValueError(
            f"{BEST} is {text} of {grown} rounds of a linear booster, which has only the weights of its last round; "
            "expected a training that ends with the best round"
        )
    return Rounds(used, grown, ends)


def _tree_ends(model: Mapping[str, Any], groups: int) -> tuple[int, ...]:
    count = len(model["trees"])
    if "iteration_indptr" in model:
        ends = tuple(int(end) for end in model["iteration_indptr"])
    else:  # written before XGBoost 2: every round has the same number of trees
        trees_per_round = groups * max(1, int(model["gbtree_model_param"].get("num_parallel_tree", 1)))
        ends = tuple(range(0, count + 1, trees_per_round))
    if not ends or ends[0] != 0 or ends[-1] != count or any(end < start for start, end in pairwise(ends)):
        raise ValueError(f"{count} trees, which do not fit the rounds of the model")
    return ends


def _used(text: str, grown: int) -> int:
    # XGBoost 1 stores -1 for a model without rounds.
    plain = text.removeprefix("-")
    best = int(text) if plain.isascii() and plain.isdecimal() and len(plain) < 10 else None
    if best is None or not -1 <= best < grown or (best < 0 < grown):
        raise ValueError(f"{BEST} is {text[:40]!r}, expected one of its {grown} rounds, counted from 0")
    return best + 1
