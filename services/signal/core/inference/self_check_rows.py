"""Rows of features on which the desk's own inference is compared with XGBoost's when a model is loaded.

There are three kinds of rows: rows of random values of different scales; random rows in which one value is replaced by
the threshold of a split, or by the next float below or above it; rows with special floats (NaN, infinities, zeros,
extremes). The same forest always gives the same rows.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from services.signal.core.inference.forest import Forest
from services.signal.core.inference.kernel import Singles

RANDOM_ROWS: Final = 2_000
EDGE_ROWS_MAX: Final = 30_000
"""Largest number of rows at thresholds, enough for 600 trees of depth 4. Of a larger model every n-th split is used."""

MISSING_PART: Final = 0.1
_SEED: Final = 20_140_501


def self_check_rows(forest: Forest) -> Singles:
    """Return the rows, float32 of shape (rows, features)."""
    random = np.random.Generator(np.random.PCG64(_SEED))
    splits = np.flatnonzero(forest.nodes[:, 0] >= 0)
    thresholds = forest.values[splits]
    scale = float(np.abs(thresholds).max()) if len(splits) else 1.0
    shape = (RANDOM_ROWS, forest.features)
    rows = (random.normal(size=shape) * scale * 10.0 ** random.integers(-4, 2, shape)).astype(np.float32)
    rows[random.random(shape) < MISSING_PART] = np.nan
    if len(splits):
        # Half of the values are thresholds of the feature, so that random rows reach more branches.
        for feature in range(forest.features):
            own = thresholds[forest.nodes[splits, 0] == feature]
            if len(own):
                chosen = random.random(RANDOM_ROWS) < 0.5
                rows[chosen, feature] = random.choice(own, int(chosen.sum()))
    return np.ascontiguousarray(np.concatenate([rows, _edges(forest, splits, rows), _special(forest.features)]))


def _edges(forest: Forest, splits: np.ndarray[tuple[int], np.dtype[np.intp]], rows: Singles) -> Singles:
    """Return random rows in which the feature of a split is at its threshold, or the next float below or above it."""
    step = max(1, -(-3 * len(splits) // EDGE_ROWS_MAX))
    chosen = splits[::step]
    infinity = np.float32(np.inf)
    found = rows[np.arange(3 * len(chosen)) % len(rows)].copy()
    thresholds = forest.values[chosen]
    values = [thresholds, np.nextafter(thresholds, -infinity), np.nextafter(thresholds, infinity)]
    found[np.arange(len(found)), np.tile(forest.nodes[chosen, 0], 3)] = np.concatenate(values)
    return found


def _special(features: int) -> Singles:
    """Return rows with a special value in every column, and rows with one in a single column and zeros elsewhere."""
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
