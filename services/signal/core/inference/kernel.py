"""The numba kernels of inference: the tree walk, which computes margins, and the conversion to probabilities.

A node is a row (feature, left child, right child, child for a missing value) and a value. The value is the threshold of
a split, or the amount that a leaf adds to the margin. A leaf has feature -1. Margins are sums in float32, starting with
the base score and adding tree by tree. XGBoost adds in the same order, so that both results have the same bits.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from services.signal.core.jit import kernel

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]

_RIGHT: Final = 2
"""Column of a node's right child; the column before it is the left child."""
_MISSING: Final = 3


@kernel
def fill_margins(
    nodes: Indices, values: Singles, roots: Indices, base: Singles, rows: Singles, margins: Singles
) -> None:
    """Fill the margins of rows of features.

    Args:
        nodes: int32 of shape (nodes, 4), the nodes of all trees.
        values: float32 of shape (nodes,), threshold or leaf value of each node.
        roots: int32 of shape (trees, 2): index of a tree's root, and the group to which the tree adds.
        base: float32 of shape (groups,), the base score of each group.
        rows: float32 of shape (rows, features); NaN is a missing value.
        margins: float32 of shape (rows, groups), to be filled.
    """
    for number in range(rows.shape[0]):
        for group in range(base.shape[0]):
            margins[number, group] = base[group]
        for tree in range(roots.shape[0]):
            # Unsigned indices need no check for negative values. The child is computed without a branch, because a
            # processor cannot predict the branch. Both together halve the run time.
            at = np.uintp(roots[tree, 0])
            feature = nodes[at, 0]
            while feature >= 0:
                value = rows[number, np.uintp(feature)]
                if np.isnan(value):
                    side = np.uintp(_MISSING)
                else:
                    side = np.uintp(_RIGHT) - np.uintp(value < values[at])
                at = np.uintp(nodes[at, side])
                feature = nodes[at, 0]
            margins[number, roots[tree, 1]] += values[at]


@kernel
def fill_probabilities(margins: Singles, slope: float, biases: Floats, probabilities: Floats) -> None:
    """Fill the probabilities softmax(slope * margin + bias), computed in float64.

    Args:
        margins: float32 of shape (rows, classes), finite.
        slope: 1 / temperature, > 0.
        biases: float64 of shape (classes,).
        probabilities: float64 of shape (rows, classes), to be filled; each row sums to 1.
    """
    for number in range(margins.shape[0]):
        highest = -math.inf
        for group in range(margins.shape[1]):
            score = slope * margins[number, group] + biases[group]
            probabilities[number, group] = score
            highest = max(highest, score)
        total = 0.0
        for group in range(margins.shape[1]):
            weight = math.exp(probabilities[number, group] - highest)
            probabilities[number, group] = weight
            total += weight
        for group in range(margins.shape[1]):
            probabilities[number, group] /= total
