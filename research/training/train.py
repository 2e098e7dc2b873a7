"""Train a model on recorded ticks, and make its manifest.

The ticks are split in the order of time into three parts: training, validation and held-out. No tick is used by rows of
two parts, because neither the window of a row's features nor the horizon of its label extends into another part. Trees
are grown on the training part. The validation part is used to stop the growth, to calibrate the probabilities and to
choose the threshold. The held-out part is used once, to measure the result.

The same ticks, settings and libraries give the same bytes: training uses one thread and a seed, and the manifest does
not contain the time of the training.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import xgboost
from numpy.typing import NDArray

from common.errors import StartError
from marketdata.files.stream_loader import load_stream
from marketdata.files.tick_input import DEFAULT_CROSSED, Crossed, TickInput
from marketdata.tick_stream import TickStream
from proto.time import SECOND_NS
from research.training import calibration, edge
from research.training.defaults import DEFAULT_DEPTH, DEFAULT_HORIZON_TICKS, DEFAULT_ROUNDS_MAX
from research.training.labels import BUY, HOLD, NO_LABEL, RULE, SELL, label_ticks
from services.signal.core.features.schema import FEATURE_NAMES, WINDOW_TICKS, schema_sha256
from services.signal.core.inference.classes import CLASSES
from services.signal.model.kernel_cache import configure_kernel_cache
from services.signal.model.manifest import (
    FILE_NAME,
    Calibration,
    Features,
    Labels,
    Manifest,
    ModelFile,
    Part,
    Thresholds,
    Training,
    encode_manifest,
)
from services.signal.model.self_check import xgboost_version

MODEL_FILE: Final = "model.ubj"
TICKS_MIN: Final = 5_000
TRAINING_PART: Final = 0.6
VALIDATION_PART: Final = 0.2
PARTS: Final = ("training", "validation", "held_out")
LABELS_MIN: Final = 20
"""Least number of rows labelled buy, and of rows labelled sell, in the training part."""

PATIENCE_ROUNDS: Final = 20
"""Rounds without a lower loss on the validation part after which boosting stops."""

_DECIMALS: Final = 6


class TrainingError(StartError):
    """No model can be trained or written; the text has the reason in one line."""


@dataclass(frozen=True, kw_only=True)
class TrainSpec:
    """The data and parameters of a training."""

    inputs: tuple[TickInput, ...]
    symbol: str
    from_row: int | None = None
    to_row: int | None = None
    crossed: Crossed = DEFAULT_CROSSED
    horizon_ticks: int = DEFAULT_HORIZON_TICKS
    pause_max_s: float = 600.0
    depth: int = DEFAULT_DEPTH
    rounds_max: int = DEFAULT_ROUNDS_MAX
    learning_rate: float = 0.1
    threshold: float | None = None
    """Least probability of a signal; None means that it is chosen on the validation part."""
    seed: int = 0
    note: str = ""
    command: str = ""

    def parameters(self) -> dict[str, Any]:
        """Parameters of XGBoost."""
        return {
            "objective": "multi:softprob",
            "num_class": len(CLASSES),
            "tree_method": "hist",
            "max_bin": 128,
            "max_depth": self.depth,
            "learning_rate": self.learning_rate,
            "min_child_weight": 20,
            "seed": self.seed,
            "nthread": 1,
        }

    def load(self) -> TickStream:
        """Read and validate the ticks.

        Raises:
            TickFileError: a file cannot be read, or no row can be used.
        """
        return load_stream(self.inputs, crossed=self.crossed, from_row=self.from_row, to_row=self.to_row)


class TrainedModel(NamedTuple):
    """The bytes of a model and its manifest."""

    model: bytes
    manifest: Manifest


class _Rows(NamedTuple):
    """The labelled rows of one part: features of shape (rows, features), the other arrays of shape (rows,)."""

    features: NDArray[np.float32]
    labels: NDArray[np.int8]
    at: NDArray[np.int64]
    """Index of each row's tick."""


def train(spec: TrainSpec, stream: TickStream, on_round: Callable[[int], None] | None = None) -> TrainedModel:
    """Train a model.

    Args:
        spec: the parameters.
        stream: the ticks that `spec` loads.
        on_round: called after each boosting round with the number of rounds done; None for no calls.

    Raises:
        TrainingError: there are too few ticks, or too few rows of a class.
    """
    configure_kernel_cache()
    # Imported after the cache is configured, because the import of a kernel fixes its cache folder.
    from services.signal.core.features.kernel import feature_rows

    count = stream.last_ordinal
    if count < TICKS_MIN:
        raise TrainingError(f"{count} ticks of {spec.symbol} to train on, expected at least {TICKS_MIN}")
    ticks = stream.ticks(spec.symbol, from_sequence=1, limit=count, published=count)
    time_ns = np.array(ticks.time_ns, dtype=np.int64)
    bid, ask, volume = (np.array(column) for column in (ticks.bid, ticks.ask, ticks.volume))
    labels = label_ticks(
        time_ns, bid, ask, horizon_ticks=spec.horizon_ticks, pause_max_ns=round(spec.pause_max_s * SECOND_NS)
    )
    parts = split_parts(feature_rows(time_ns, bid, ask, volume), labels, horizon_ticks=spec.horizon_ticks)
    _require_labelled_rows(parts, spec)

    booster, rounds = _grow(parts, spec, on_round)
    margins = {
        name: booster.inplace_predict(rows.features, predict_type="margin").reshape(-1, len(CLASSES))
        for name, rows in parts.items()
    }
    fitted = calibration.fit_calibration(margins["validation"], parts["validation"].labels)
    predicted = {name: calibration.probabilities(margins[name], fitted) for name in PARTS}
    quotes = edge.QuoteColumns(bid, ask)
    threshold = spec.threshold
    if threshold is None:
        threshold = edge.best_threshold(predicted["validation"], parts["validation"].at, quotes, spec.horizon_ticks)
    model = bytes(booster.save_raw("ubj"))
    manifest = Manifest(
        kind="paperdesk xgboost classes",
        version=1,
        note=spec.note,
        model=ModelFile(MODEL_FILE, hashlib.sha256(model).hexdigest(), rounds * len(CLASSES)),
        features=Features(schema_sha256(), list(FEATURE_NAMES)),
        classes=list(CLASSES),
        thresholds=Thresholds(sell=threshold, buy=threshold),
        calibration=Calibration("temperature and biases", fitted.temperature, list(fitted.biases)),
        labels=Labels(RULE, spec.horizon_ticks, spec.pause_max_s),
        training=Training(
            data_sha256=stream.data_sha256,
            symbol=spec.symbol,
            files=[source.path.name for source in spec.inputs],
            from_row=spec.from_row,
            to_row=spec.to_row,
            ticks=count,
            gap_ticks=spec.horizon_ticks + WINDOW_TICKS,
            parts={name: _part(rows, time_ns) for name, rows in parts.items()},
            seed=spec.seed,
            parameters=spec.parameters(),
            rounds=rounds,
            command=spec.command,
        ),
        metrics={
            "threshold_chosen_by": "validation" if spec.threshold is None else "command line",
            **{
                name: _metrics(
                    predicted[name], parts[name], parts["training"].labels, quotes, threshold, spec.horizon_ticks
                )
                for name in PARTS
            },
        },
        libraries={
            "numba": metadata.version("numba"),
            "numpy": metadata.version("numpy"),
            "xgboost": xgboost_version(),
        },
    )
    return TrainedModel(model, manifest)


def write_model(trained: TrainedModel, folder: Path) -> None:
    """Write a model and then its manifest to a folder; a folder without the manifest is refused by every reader.

    Raises:
        TrainingError: a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in ((MODEL_FILE, trained.model), (FILE_NAME, encode_manifest(trained.manifest))):
            fresh = folder / f"{name}.new"
            fresh.write_bytes(data)
            fresh.replace(folder / name)
    except OSError as error:
        raise TrainingError(f"--out {folder} cannot be written: {error.strerror}") from None


def split_parts(features: NDArray[np.float32], labels: NDArray[np.int8], *, horizon_ticks: int) -> dict[str, _Rows]:
    """The labelled rows of the training, validation and held-out parts, in the order of time.

    Args:
        features: of shape (ticks - 99, features); row i belongs to tick i + 99.
        labels: the class of each tick, of shape (ticks,).
        horizon_ticks: length of a label's horizon. The last `horizon_ticks` ticks of a part are left out, because their
            labels depend on the next part.
    """
    count = len(labels)
    ends = [round(count * TRAINING_PART), round(count * (TRAINING_PART + VALIDATION_PART)), count]
    parts, start = {}, 0
    for name, end in zip(PARTS, ends, strict=True):
        at = np.arange(start + WINDOW_TICKS - 1, max(end - horizon_ticks, start + WINDOW_TICKS - 1))
        at = at[labels[at] != NO_LABEL]
        parts[name] = _Rows(features[at - (WINDOW_TICKS - 1)], labels[at], at)
        start = end
    return parts


def _require_labelled_rows(parts: dict[str, _Rows], spec: TrainSpec) -> None:
    for name, rows in parts.items():
        if not len(rows.labels):
            raise TrainingError(
                f"no labelled row in the {name.replace('_', '-')} part, expected at least one: the part has fewer "
                f"ticks than a window and --horizon {spec.horizon_ticks} together, or every horizon contains a pause"
            )
    for side, label in (("buy", BUY), ("sell", SELL)):
        count = int((parts["training"].labels == label).sum())
        if count < LABELS_MIN:
            raise TrainingError(
                f"{count} rows of the training part are labelled {side} with --horizon {spec.horizon_ticks}, expected "
                f"at least {LABELS_MIN}; a longer --horizon gives more such rows"
            )


def _grow(parts: dict[str, _Rows], spec: TrainSpec, on_round: Callable[[int], None] | None) -> tuple[Any, int]:
    """The booster up to its best round on the validation part, and the number of these rounds."""

    class Rounds(xgboost.callback.TrainingCallback):
        """Calls `on_round` after each round."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            """Call `on_round`, and let the training continue."""
            del model, evals_log
            if on_round is not None:
                on_round(epoch + 1)
            return False

    names = list(FEATURE_NAMES)
    training, validation = (
        xgboost.DMatrix(parts[name].features, parts[name].labels, feature_names=names, nthread=1) for name in PARTS[:2]
    )
    booster = xgboost.train(
        spec.parameters(),
        training,
        spec.rounds_max,
        evals=[(validation, "validation")],
        early_stopping_rounds=PATIENCE_ROUNDS,
        verbose_eval=False,
        callbacks=[Rounds()],
    )
    rounds = int(booster.best_iteration) + 1
    return booster[:rounds], rounds


def _part(rows: _Rows, time_ns: NDArray[np.int64]) -> Part:
    return Part(len(rows.at), int(time_ns[rows.at[0]]), int(time_ns[rows.at[-1]]))


def _metrics(
    predicted: NDArray[np.float64],
    rows: _Rows,
    training_labels: NDArray[np.int8],
    quotes: edge.QuoteColumns,
    threshold: float,
    horizon_ticks: int,
) -> dict[str, Any]:
    signals = edge.directions(predicted, threshold)
    has_signal = signals != 0
    right = np.where(rows.labels == BUY, 1, np.where(rows.labels == SELL, -1, 0)) == signals
    rates = np.bincount(training_labels, minlength=len(CLASSES)) / len(training_labels)
    shares = np.bincount(rows.labels, minlength=len(CLASSES)) / len(rows.labels)
    figures = {
        "log_loss": calibration.log_loss(predicted, rows.labels),
        "log_loss_of_base_rates": calibration.log_loss_of_rates(rates, rows.labels),
        "calibration_error": calibration.calibration_error(predicted, rows.labels),
        "share_sell": float(shares[SELL]),
        "share_hold": float(shares[HOLD]),
        "share_buy": float(shares[BUY]),
        "signal_part": float(has_signal.mean()),
        "signals_right_part": float(right[has_signal].mean()) if has_signal.any() else 0.0,
    }
    measured = edge.measure_edge(signals, rows.at, quotes, horizon_ticks)
    return {name: round(value, _DECIMALS) for name, value in figures.items()} | {"edge": measured._asdict()}
