"""Rows that reveal errors of our tree walk, compared with XGBoost's margins when a model is loaded.

Random rows of every scale, and around each threshold of each split: the value itself and its neighbours on either
side; then special floats (NaN, infinities, zeros, extremes). The same forest always gives the same rows.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from services.signal.core.inference.forest import Forest
from services.signal.core.inference.kernel import Singles

RANDOM_ROWS: Final = 2_000
EDGE_ROWS_MAX: Final = 30_000
"""Enough for every threshold of 600 trees of depth 4; a larger model is sampled evenly."""

MISSING_PART: Final = 0.1
_SEED: Final = 20_140_501


def self_check_rows(forest: Forest) -> Singles:
    """Rows of float32 in the shape (rows, features)."""
    random = np.random.Generator(np.random.PCG64(_SEED))
    splits = np.flatnonzero(forest.nodes[:, 0] >= 0)
    thresholds = forest.values[splits]
    scale = float(np.abs(thresholds).max()) if len(splits) else 1.0
    shape = (RANDOM_ROWS, forest.features)
    rows = (random.normal(size=shape) * scale * 10.0 ** random.integers(-4, 2, shape)).astype(np.float32)
    rows[random.random(shape) < MISSING_PART] = np.nan
    if len(splits):
        # With thresholds of the feature as values, random rows reach all branches.
        for feature in range(forest.features):
            own = thresholds[forest.nodes[splits, 0] == feature]
            if len(own):
                chosen = random.random(RANDOM_ROWS) < 0.5
                rows[chosen, feature] = random.choice(own, int(chosen.sum()))
    return np.ascontiguousarray(np.concatenate([rows, _edges(forest, splits, rows), _uniform(forest.features)]))


def _edges(forest: Forest, splits: np.ndarray[tuple[int], np.dtype[np.intp]], rows: Singles) -> Singles:
    """A random row for each threshold, with the split's feature at the threshold and next to it."""
    step = max(1, -(-3 * len(splits) // EDGE_ROWS_MAX))
    chosen = splits[::step]
    infinity = np.float32(np.inf)
    found = rows[np.arange(3 * len(chosen)) % len(rows)].copy()
    thresholds = forest.values[chosen]
    values = [thresholds, np.nextafter(thresholds, -infinity), np.nextafter(thresholds, infinity)]
    found[np.arange(len(found)), np.tile(forest.nodes[chosen, 0], 3)] = np.concatenate(values)
    return found


def _uniform(features: int) -> Singles:
    """Rows with one special value in every column, and with one special value among zeros."""
    limits = np.finfo(np.float32)
    odd = np.array(
        [
            *(np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0),
            *(limits.smallest_subnormal, -limits.smallest_subnormal, limits.tiny, -limits.tiny, limits.max, limits.min),
        ],
        dtype=np.float32,
    )
    everywhere = np.repeat(odd[:, None], features, axis=1)
    alone = np.zeros((len(odd) * features, features), dtype=np.float32)
    alone[np.arange(len(alone)), np.tile(np.arange(features), len(odd))] = np.repeat(odd, features)
    return np.concatenate([everywhere, alone])
