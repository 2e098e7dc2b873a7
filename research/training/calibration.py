"""Calibration of a model's margins to probabilities: one temperature, and a bias for each class.

The parameters minimise the log loss of softmax(margin / temperature + bias) on the validation part, which the trees
were not grown on. The bias of hold is 0, because softmax depends only on differences. The problem is convex in the
slope (1 / temperature) and the biases. Newton's method starts from slope 1, without random numbers or tuned parameters.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.training.labels import BUY, HOLD, SELL

Floats = NDArray[np.float64]

STEPS_MAX: Final = 50
SLOPE_MIN: Final = 0.05
SLOPE_MAX: Final = 20.0
BIAS_MAX: Final = 10.0
DECIMALS: Final = 6
_RIDGE: Final = 1e-9
_BINS: Final = 10


class FittedCalibration(NamedTuple):
    """Parameters of probability = softmax(margin / temperature + bias); biases in the order sell, hold, buy."""

    temperature: float
    biases: tuple[float, float, float]


UNCALIBRATED: Final = FittedCalibration(1.0, (0.0, 0.0, 0.0))


def probabilities(margins: NDArray[np.float32], calibration: FittedCalibration) -> Floats:
    """Calibrated probabilities of sell, hold and buy: float64 of shape (rows, 3), from `margins` of the same shape."""
    return _softmax(margins.astype(np.float64) / calibration.temperature + np.array(calibration.biases))


def fit_calibration(margins: NDArray[np.float32], labels: NDArray[np.int8]) -> FittedCalibration:
    """The calibration with the lowest log loss on these rows; `UNCALIBRATED` if its log loss is as low.

    Args:
        margins: the model's output before softmax, of shape (rows, 3), in the order sell, hold, buy.
        labels: class of each row (sell 0, hold 1, buy 2), of shape (rows,).
    """
    scores = margins.astype(np.float64)
    slope, sell, buy = 1.0, 0.0, 0.0
    targets = np.eye(3)[labels]
    for _ in range(STEPS_MAX):
        predicted = _softmax(slope * scores + np.array([sell, 0.0, buy]))
        # Gradient and Hessian in (slope, bias of sell, bias of buy); `inputs` are the derivatives of the scores.
        inputs = np.zeros((len(scores), 3, 3))
        inputs[:, 0, :] = scores
        inputs[:, 1, SELL] = inputs[:, 2, BUY] = 1.0
        gradient = np.einsum("npc,nc->p", inputs, predicted - targets) / len(scores)
        means = np.einsum("npc,nc->np", inputs, predicted)
        curvature = np.einsum("npc,nqc,nc->pq", inputs, inputs, predicted) / len(scores) - means.T @ means / len(scores)
        step = np.linalg.solve(curvature + _RIDGE * np.eye(3), gradient)
        slope = float(np.clip(slope - step[0], SLOPE_MIN, SLOPE_MAX))
        sell, buy = (float(np.clip(old - part, -BIAS_MAX, BIAS_MAX)) for old, part in ((sell, step[1]), (buy, step[2])))
        if np.abs(step).max() < 10.0**-DECIMALS / 10:
            break
    fitted = FittedCalibration(round(1 / slope, DECIMALS), (round(sell, DECIMALS), 0.0, round(buy, DECIMALS)))
    return min((UNCALIBRATED, fitted), key=lambda one: log_loss(probabilities(margins, one), labels))


def log_loss(predicted: Floats, labels: NDArray[np.int8]) -> float:
    """Mean over the rows of -log(probability of the true class), in nats.

    Args:
        predicted: probabilities of sell, hold and buy, of shape (rows, 3).
        labels: class of each row (sell 0, hold 1, buy 2), of shape (rows,).
    """
    return float(-np.log(np.maximum(predicted[np.arange(len(labels)), labels], 1e-15)).mean())


def log_loss_of_rates(rates: Floats, labels: NDArray[np.int8]) -> float:
    """Log loss, in nats, if every row is given the same probabilities. The log loss of a useful model is lower.

    Args:
        rates: probabilities of sell, hold and buy, of shape (3,).
        labels: class of each row (sell 0, hold 1, buy 2), of shape (rows,).
    """
    return log_loss(np.broadcast_to(rates, (len(labels), 3)), labels)


def calibration_error(predicted: Floats, labels: NDArray[np.int8]) -> float:
    """Mean absolute difference of predicted probability and observed frequency, over ten bins each of sell and buy.

    The bins have equal numbers of rows, in the order of the predicted probability.

    Args:
        predicted: probabilities of sell, hold and buy, of shape (rows, 3).
        labels: class of each row (sell 0, hold 1, buy 2), of shape (rows,).
    """
    errors: list[float] = []
    for column in (SELL, BUY):
        order = np.argsort(predicted[:, column], kind="stable")
        for rows in np.array_split(order, _BINS):
            if len(rows):
                errors.append(abs(float(predicted[rows, column].mean()) - float((labels[rows] == column).mean())))
    return float(np.mean(errors))


def _softmax(scores: Floats) -> Floats:
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    total: Floats = weights / weights.sum(axis=1, keepdims=True)
    return total


assert (SELL, HOLD, BUY) == (0, 1, 2)
