"""The walk down flattened trees, and from margins to calibrated probabilities: the numba kernels of inference.

A node is a row (feature, left, right, where a missing value goes) with a value beside it: the threshold of a split, or
what a leaf adds. A leaf has feature -1. Margins are added up in float32, base first and then tree by tree, as XGBoost
does it, so that they have its bits.
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
"""Column of a node's right child; the left one is before it."""
_MISSING: Final = 3


@kernel
def fill_margins(
    nodes: Indices, values: Singles, roots: Indices, base: Singles, rows: Singles, margins: Singles
) -> None:
    """Fill the margins (rows, groups) of the rows (rows, features).

    Args:
        nodes: int32 of shape (nodes, 4).
        values: float32, one for each node.
        roots: int32 of shape (trees, 2): where a tree begins, and the group that it adds to.
        base: float32, what each group begins with.
        rows: float32; NaN is a missing value.
        margins: float32, to be filled.
    """
    for number in range(rows.shape[0]):
        for group in range(base.shape[0]):
            margins[number, group] = base[group]
        for tree in range(roots.shape[0]):
            # Unsigned, so that no index is looked at for being negative; and the side is computed, not branched to, for
            # no processor guesses it: together that halves the time.
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
    """Fill the probabilities (rows, classes): softmax(slope * margin + bias), computed in float64.

    Args:
        margins: float32 of shape (rows, classes), finite.
        slope: one over the temperature, > 0.
        biases: float64, one for each class.
        probabilities: float64, to be filled; each row sums to 1.
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
