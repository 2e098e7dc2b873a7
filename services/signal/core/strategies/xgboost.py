"""`xgboost`: the direction whose calibrated probability by a trained model reaches its threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.signal.core.features.kernel import fill_features
from services.signal.core.features.schema import FEATURES, WINDOW_TICKS
from services.signal.core.inference.classes import CLASSES
from services.signal.core.inference.kernel import Floats, Singles, fill_probabilities
from services.signal.core.tick_buffer import TickBuffer


@dataclass(frozen=True)
class ClassModel:
    """A trained model as a strategy needs it: from a row of features to the probabilities of the three classes."""

    margins: Callable[[Singles], Singles]
    """Margins of rows of shape (rows, features); both arrays are float32 and contiguous."""
    temperature: float
    biases: tuple[float, float, float]
    sell_threshold: float
    buy_threshold: float

    def probabilities(self, rows: Singles) -> Floats:
        """softmax(margin / temperature + bias) of each row: float64 of shape (rows, 3)."""
        margins = self.margins(rows)
        found = np.empty(margins.shape)
        fill_probabilities(margins, 1 / self.temperature, np.array(self.biases), found)
        return found

    def decide(self, sell: float, hold: float, buy: float) -> tuple[int, float]:
        """The direction, and the probability of the class that was chosen.

        The likelier of the two sides is chosen when its probability is not below its threshold; otherwise, and when
        both sides are as likely, it is HOLD.
        """
        if buy > sell and buy >= self.buy_threshold:
            return 1, buy
        if sell > buy and sell >= self.sell_threshold:
            return -1, sell
        return 0, hold


class XGBoostClasses:
    """The model's decision on the 100 ticks up to each tick; it keeps no state between ticks."""

    name: Final = "xgboost"
    warm_up_ticks: Final = WINDOW_TICKS

    def __init__(self, model: ClassModel) -> None:
        """Use a loaded model."""
        self.model = model
        self._row = np.empty((1, len(FEATURES)), dtype=np.float32)
        self._slope = 1 / model.temperature
        self._biases = np.array(model.biases)
        self._probabilities = np.empty((1, len(CLASSES)))

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """Compute features, margins and probabilities of the window, and decide."""
        if window.count < WINDOW_TICKS:
            return 0, 0.0
        fill_features(window.time_ns, window.bid, window.ask, window.volume, self._row)
        fill_probabilities(self.model.margins(self._row), self._slope, self._biases, self._probabilities)
        sell, hold, buy = self._probabilities[0].tolist()
        return self.model.decide(sell, hold, buy)

    def snapshot(self) -> bytes:
        """Empty: the window is the whole state."""
        return b""

    def restore(self, state: bytes) -> None:
        """Accept the empty state."""
        if state:
            raise ValueError(f"xgboost snapshot of {len(state)} bytes, expected none")
