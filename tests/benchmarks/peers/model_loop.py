"""The work `model` with numpy and XGBoost alone: features of the last 100 ticks, probabilities, and the position.

The features are those of docs/features.md, in its order; they are written here a second time, as somebody would write
them who has numpy and no compiler. Sums run from the newest tick back or from the oldest on, as the definition says,
because the order of a sum decides its last digit, and the last digit may decide a branch of a tree.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.benchmarks.peers.work import UNITS, Quotes

WINDOW_TICKS: Final = 100
FEATURES: Final = 30
DEMO_MODEL: Final = Path(__file__).resolve().parents[3] / "models" / "demo"
CAPACITY: Final = 4_096
"""Ticks in the arrays of which the window is a part; the window moves to the front when they are full."""

DAY_NS: Final = 86_400 * 10**9


def _total(values: Any) -> float:
    """The sum, added in the order of the values."""
    return float(np.add.accumulate(values)[-1])


def _part(value: float, whole: float, otherwise: float) -> float:
    return value / whole if whole > 0 else otherwise


def _sine_of_turn(turn: float) -> float:
    return math.sin(2 * math.pi * turn)


class Features:
    """The rolling window of one symbol."""

    def __init__(self) -> None:
        """Start without ticks."""
        self.ticks = 0
        self._end = 0
        self._columns = np.zeros((6, CAPACITY))
        self._times = np.zeros(CAPACITY, dtype=np.int64)
        self.row = np.empty((1, FEATURES), dtype=np.float32)

    def push(self, time_ns: int, bid: float, ask: float, volume: float) -> bool:
        """Add a tick; whether the window is full, and `row` has its features."""
        if self._end == CAPACITY:
            self._columns[:, :WINDOW_TICKS] = self._columns[:, -WINDOW_TICKS:]
            self._times[:WINDOW_TICKS] = self._times[-WINDOW_TICKS:]
            self._end = WINDOW_TICKS
        mid = (bid + ask) / 2
        change = 0.0
        if self.ticks:
            before = float(self._columns[3, self._end - 1])
            change = (mid - before) / before * 1e4
        self._columns[:, self._end] = bid, ask, volume, mid, change, ask - bid
        self._times[self._end] = time_ns
        self._end += 1
        self.ticks += 1
        if self.ticks < WINDOW_TICKS:
            return False
        self._fill()
        return True

    def _fill(self) -> None:
        window = slice(self._end - WINDOW_TICKS, self._end)
        bid, ask, volume, mid, change, spread = self._columns[:, window]
        time_ns = self._times[window]
        row, last = self.row[0], float(mid[-1])
        changes = change[:0:-1]
        squares = np.add.accumulate(changes * changes)
        rises = np.add.accumulate(np.maximum(changes, 0.0))
        falls = np.add.accumulate(np.maximum(-changes, 0.0))
        signs = np.sign(changes)
        volatility_20, volatility_99 = math.sqrt(squares[19]), math.sqrt(squares[98])
        median = float(np.partition(spread, 49)[49])
        lowest, highest = float(mid.min()), float(mid.max())
        seconds_20, seconds_99 = int(time_ns[-1] - time_ns[-21]) / 1e9, int(time_ns[-1] - time_ns[0]) / 1e9
        turn = (int(time_ns[-1]) % DAY_NS) / DAY_NS
        for column, ticks in enumerate((1, 5, 10, 20, 50, 99)):
            before = float(mid[-1 - ticks])
            row[column] = (last - before) / before * 1e4
        row[6] = volatility_20
        row[7] = volatility_99
        row[8] = _part(volatility_20 * (99 / 20) ** 0.5, volatility_99, 0.0)
        row[9] = spread[-1] / last * 1e4
        row[10] = median / last * 1e4
        row[11] = spread[-1] / max(median, last * 1e-5)
        for column, ticks in ((12, 20), (13, 100)):
            shifted = mid[-ticks:] - last
            mean = _total(shifted) / ticks
            distances = shifted - mean
            deviation = math.sqrt(_total(distances * distances) / ticks)
            row[column] = -mean / deviation if deviation > 0 else 0.0
        row[14] = _part(last - lowest, highest - lowest, 0.5)
        row[15] = _part(rises[13], rises[13] + falls[13], 0.5)
        row[16] = _part(rises[49], rises[49] + falls[49], 0.5)
        row[17] = signs[:20].sum() / 20
        row[18] = signs.sum() / 99
        same = signs == signs[0]
        row[19] = (len(same) if same.all() else int(same.argmin())) * signs[0]
        pressure = np.count_nonzero(bid[-20:] > bid[-21:-1]) - np.count_nonzero(ask[-20:] < ask[-21:-1])
        row[20] = pressure / 20
        row[21] = _part(last - float(mid[-51]), _total(np.abs(mid[-50:] - mid[-51:-1])), 0.0)
        row[22] = _part(_total(change[-50:] * change[-51:-1]), squares[49], 0.0)
        row[23] = int(time_ns[-1] - time_ns[-2]) / 1e9
        row[24] = seconds_20 / 20
        row[25] = seconds_99 / 99
        row[26] = _part(seconds_20 / 20, seconds_99 / 99, 1.0)
        row[27] = _part(_total(volume[-20:]) / 20, _total(volume) / 100, 1.0)
        row[28] = _sine_of_turn(turn)
        row[29] = _sine_of_turn(turn + 0.25)


class ModelDecisions:
    """The demo model's decisions tick by tick."""

    def __init__(self, folder: Path = DEMO_MODEL) -> None:
        """Load the model with XGBoost, on one thread."""
        import xgboost

        manifest = json.loads((folder / "manifest.json").read_text())
        self.version: str = xgboost.__version__
        self.trees: int = manifest["model"]["trees"]
        self._booster = xgboost.Booster(model_file=str(folder / manifest["model"]["file"]))
        self._booster.set_param({"nthread": 1})
        self._slope = 1 / manifest["calibration"]["temperature"]
        self._biases = np.array(manifest["calibration"]["biases"])
        self._sell, self._buy = (manifest["thresholds"][side] for side in ("sell", "buy"))
        self._features = Features()
        self.side = 0

    def push(self, time_ns: int, bid: float, ask: float, volume: float) -> int:
        """The position to hold from this tick on: -1, 0 or 1. The first ticks only fill the window."""
        if not self._features.push(time_ns, bid, ask, volume) or self._features.ticks <= WINDOW_TICKS:
            return 0
        margins = self._booster.inplace_predict(self._features.row, predict_type="margin")[0]
        scores = self._slope * margins.astype(np.float64) + self._biases
        weights = np.exp(scores - scores.max())
        sell, _, buy = (weights / weights.sum()).tolist()
        if buy > sell and buy >= self._buy:
            self.side = 1
        elif sell > buy and sell >= self._sell:
            self.side = -1
        return self.side


def follow_model(quotes: Quotes, decisions: ModelDecisions) -> tuple[int, float]:
    """Legs and realized profit of the position that follows the model."""
    entry = profit = 0.0
    position = legs = 0
    columns = (quotes.time_ns.tolist(), quotes.bid.tolist(), quotes.ask.tolist(), quotes.volume.tolist())
    for time_ns, bid, ask, volume in zip(*columns, strict=True):
        side = decisions.push(time_ns, bid, ask, volume)
        if side != position:
            if position:
                profit += ((bid - entry) if position > 0 else (entry - ask)) * UNITS
                legs += 1
            entry = ask if side > 0 else bid
            legs += 1
            position = side
    return legs, profit
