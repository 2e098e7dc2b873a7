"""`xgboost`: buys or sells if a trained model's calibrated probability of this direction reaches its threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from services.signal.core.features.kernel import feature_rows, fill_features
from services.signal.core.features.schema import FEATURE_NAMES, FEATURES, WINDOW_TICKS
from services.signal.core.inference.classes import CLASSES
from services.signal.core.inference.kernel import Floats, Singles, fill_probabilities
from services.signal.core.strategy import ModelReport, ModelStrategy, SignalArrays, TickArrays
from services.signal.core.tick_buffer import TickBuffer


@dataclass(frozen=True)
class ClassModel:
    """A trained model that computes the probabilities of the three classes from a row of features."""

    margins: Callable[[Singles], Singles]
    """Function that returns the margins, shape (rows, 3), of rows, shape (rows, features); float32, contiguous."""
    temperature: float
    biases: tuple[float, float, float]
    sell_threshold: float
    buy_threshold: float
    name: str = ""
    """Name of the model's folder."""
    sha256: str = ""
    """SHA-256 of the model's file, hexadecimal."""

    def probabilities(self, rows: Singles) -> Floats:
        """Return softmax(margin / temperature + bias) of each row, float64 of shape (rows, 3).

        `rows` are contiguous float32 of shape (rows, features).
        """
        margins = self.margins(rows)
        found = np.empty(margins.shape)
        fill_probabilities(margins, 1 / self.temperature, np.array(self.biases), found)
        return found

    def decide(self, sell: float, hold: float, buy: float) -> tuple[int, float]:
        """Return the direction (-1, 0, +1) and the probability of its class.

        The direction is buy or sell, whichever is more probable. If the probability of this direction is below its
        threshold, or if both are equally probable, the direction is 0 (HOLD).

        Args:
            sell: probability of the class sell, 0 to 1.
            hold: probability of the class hold, 0 to 1.
            buy: probability of the class buy, 0 to 1.
        """
        if buy > sell and buy >= self.buy_threshold:
            return 1, buy
        if sell > buy and sell >= self.sell_threshold:
            return -1, sell
        return 0, hold


class XGBoostClasses(ModelStrategy):
    """Decides on each tick by the model, from the latest 100 ticks. The strategy has no other state."""

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
        """Compute features and probabilities of the window, and return direction (-1, 0, +1) and probability.

        `bid` and `ask` are not used: the window contains them.
        """
        if window.count < WINDOW_TICKS:
            return 0, 0.0
        fill_features(window.time_ns, window.bid, window.ask, window.volume, self._row)
        fill_probabilities(self.model.margins(self._row), self._slope, self._biases, self._probabilities)
        sell, hold, buy = self._probabilities[0].tolist()
        return self.model.decide(sell, hold, buy)

    def on_ticks(self, window: TickBuffer, ticks: TickArrays) -> SignalArrays:
        """Compute features and probabilities of the window of each tick, and return the signals of all ticks."""
        count = len(ticks.bid)
        directions, confidences = np.zeros(count, dtype=np.int8), np.zeros(count)
        columns = [
            np.concatenate([earlier, column])[-(count + WINDOW_TICKS - 1) :]
            for earlier, column in zip((window.time_ns, window.bid, window.ask, window.volume), ticks, strict=True)
        ]
        rows = feature_rows(*columns)
        if len(rows):
            margins = self.model.margins(rows)
            probabilities = np.empty(margins.shape)
            fill_probabilities(margins, self._slope, self._biases, probabilities)
            decide = self.model.decide
            columns_of_classes: Any = probabilities.T.tolist()
            decided = [decide(sell, hold, buy) for sell, hold, buy in zip(*columns_of_classes, strict=True)]
            first = count - len(rows)
            directions[first:] = [direction for direction, _ in decided]
            confidences[first:] = [confidence for _, confidence in decided]
        return SignalArrays(directions, confidences)

    def model_report(self, window: TickBuffer) -> ModelReport:
        """Name, hash and thresholds of the model, with features and probabilities of a full window."""
        model = self.model
        thresholds = {"sell": model.sell_threshold, "buy": model.buy_threshold}
        if window.count < WINDOW_TICKS:
            return ModelReport(model.name, model.sha256, thresholds, {}, {})
        row = np.empty((1, len(FEATURES)), dtype=np.float32)
        fill_features(window.time_ns, window.bid, window.ask, window.volume, row)
        sell, hold, buy = model.probabilities(row)[0].tolist()
        features = dict(zip(FEATURE_NAMES, row[0].tolist(), strict=True))
        return ModelReport(model.name, model.sha256, thresholds, {"sell": sell, "hold": hold, "buy": buy}, features)

    def snapshot(self) -> bytes:
        """Return an empty state, because the strategy has none besides the window."""
        return b""

    def restore(self, state: bytes) -> None:
        """Accept the empty state.

        Raises:
            ValueError: `state` is not empty.
        """
        if state:
            raise ValueError(f"xgboost snapshot of {len(state)} bytes, expected none")
