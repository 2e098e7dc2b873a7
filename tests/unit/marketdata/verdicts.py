"""Verdicts on all rows of a symbol, validated in one block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marketdata.tick_validation import RowValidator


def verdicts_at_once(
    time_ns: NDArray[np.int64],
    bid: NDArray[np.float64],
    ask: NDArray[np.float64],
    volume: NDArray[np.float64],
    *,
    accept_crossed: bool,
) -> NDArray[np.uint8]:
    validator = RowValidator(accept_crossed=accept_crossed)
    return np.concatenate([validator.validate(time_ns, bid, ask, volume), validator.finish()])
