"""Models that are trained on random rows, in folders with their manifests."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from services.signal.core.features.schema import FEATURE_NAMES, schema_sha256
from services.signal.core.inference.classes import CLASSES
from services.signal.model.manifest import (
    FILE_NAME,
    Calibration,
    Features,
    Labels,
    Manifest,
    ModelFile,
    Thresholds,
    Training,
    encode_manifest,
)

ROWS = 600


def random_rows(*, rows: int = ROWS, features: int = len(FEATURE_NAMES), seed: int = 1) -> Any:
    """Rows of normally distributed float32 numbers, of which one in ten is missing."""
    random = np.random.default_rng(seed)
    found = random.normal(size=(rows, features)).astype(np.float32)
    found[random.random(found.shape) < 0.1] = np.nan
    return found


def a_booster(
    *,
    rounds: int = 4,
    features: int = len(FEATURE_NAMES),
    seed: int = 1,
    names: Sequence[str] | None = None,
    stop_after: int | None = None,
    **parameters: Any,
) -> Any:
    """A small booster trained on random rows, with three classes unless `parameters` has another number.

    The training ends early after `stop_after` rounds without a lower loss on other rows.
    """
    import xgboost

    random = np.random.default_rng(seed + 1)
    rows = random_rows(features=features, seed=seed)
    parameters_given = {
        "objective": "multi:softprob",
        "num_class": len(CLASSES),
        "max_depth": 3,
        "nthread": 1,
        **parameters,
    }
    parameters_given = {name: value for name, value in parameters_given.items() if value is not None}
    classes = int(parameters_given.get("num_class", 2))
    types = parameters_given.pop("feature_types", None)
    if types is not None:
        rows[:, types.index("c")] = random.integers(0, 6, len(rows))
    matrix = xgboost.DMatrix(
        rows,
        random.integers(0, classes, len(rows)),
        feature_names=None if names is None else list(names),
        feature_types=types,
        enable_categorical=types is not None,
    )
    if stop_after is None:
        return xgboost.train(parameters_given, matrix, rounds)
    others = xgboost.DMatrix(random_rows(features=features, seed=seed + 2), random.integers(0, classes, ROWS))
    return xgboost.train(
        parameters_given,
        matrix,
        rounds,
        evals=[(others, "others")],
        early_stopping_rounds=stop_after,
        verbose_eval=False,
    )


def write_model(folder: Path, model: bytes, *, file: str = "model.ubj", **changes: Any) -> Path:
    """Write a folder with these bytes as the model, and a manifest of them that is modified by `changes`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(model)
    manifest = Manifest(
        kind="paperdesk xgboost classes",
        version=1,
        note="made up for a test",
        model=ModelFile(file, hashlib.sha256(model).hexdigest(), 0),
        features=Features(schema_sha256(), list(FEATURE_NAMES)),
        classes=list(CLASSES),
        thresholds=Thresholds(sell=0.36, buy=0.36),
        calibration=Calibration("temperature and biases", 1.0, [0.0, 0.0, 0.0]),
        labels=Labels("random", 1, 1.0),
        training=Training("0" * 64, "EURUSD", [], None, None, 1, 0, {}, 0, {}, 0, "none"),
        metrics={},
        libraries={},
    )
    manifest = msgspec.structs.replace(manifest, **changes)
    (folder / FILE_NAME).write_bytes(encode_manifest(manifest))
    return folder


def a_model(folder: Path, **parameters: Any) -> Path:
    """A folder with a small model in UBJ."""
    return write_model(folder, bytes(a_booster(**parameters).save_raw("ubj")))
