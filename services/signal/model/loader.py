"""Loads a model from its folder for the strategy `xgboost`, or refuses it with an error of one line.

Each load checks the manifest, its features, and the hash and content of the model's file. It also compares the margins
of the tree walk with those of XGBoost, unless an earlier load has done so. XGBoost evaluates the models that the tree
walk does not support.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from services.signal.core.features.schema import FEATURE_NAMES
from services.signal.core.inference.classes import CLASSES
from services.signal.core.inference.forest import (
    ModelFormatError,
    UnsupportedModelError,
    flatten,
    model_info,
    read_document,
    require_sound_booster,
)
from services.signal.core.inference.kernel import Singles
from services.signal.core.strategies.xgboost import ClassModel
from services.signal.model.booster import BoosterMargins
from services.signal.model.kernel_cache import cache_folder
from services.signal.model.manifest import Manifest, ModelError, read_file, read_manifest
from services.signal.model.self_check import self_check_failure
from services.signal.model.ubj_to_json import UbjError, ubj_to_json

MODEL_BYTES_MAX: Final = 256 * 1_048_576
_OLD_BINARY: Final = b"binf"
_OBJECTIVES: Final = ("multi:softprob", "multi:softmax")


def load_model(
    folder: Path, *, data_dir: Path | None = None, on_fallback: Callable[[str], None] | None = None
) -> ClassModel:
    """Load and check the model of a folder.

    Args:
        folder: folder with `manifest.json` and the model's file.
        data_dir: the desk's data folder. A successful self-check is recorded in its folder `signal` and in the user's
            cache folder.
        on_fallback: called with the reason if XGBoost evaluates the model instead of the tree walk.

    Raises:
        ModelError: a file is missing, changed, for another version of the desk, or not a model.
    """
    manifest = read_manifest(folder)
    path = folder / manifest.model.file
    data = read_file(folder, manifest.model.file, bytes_max=MODEL_BYTES_MAX)
    found = hashlib.sha256(data).hexdigest()
    if found != manifest.model.sha256:
        raise ModelError(
            f"{path} is not the file that its manifest describes: its SHA-256 is {found[:12]}…, expected "
            f"{manifest.model.sha256[:12]}…"
        )
    folders = [*([data_dir / "signal"] if data_dir else []), *filter(None, [cache_folder()])]
    try:
        margins, why = _margins_of(data, _document(data, path.suffix), found, folders)
    except ModelFormatError as error:
        raise ModelError(f"{path} is not a usable model: {error}") from None
    if why and on_fallback is not None:
        on_fallback(f"{path}: {why}")
    return class_model(manifest, margins, name=folder.resolve().name)


def class_model(manifest: Manifest, margins: Callable[[Singles], Singles], *, name: str = "") -> ClassModel:
    """Combine the calibration and thresholds of a manifest with the function that computes margins.

    `margins` takes float32 of shape (rows, features), and returns float32 of shape (rows, classes). `name` is the name
    of the model's folder.
    """
    sell, hold, buy = manifest.calibration.biases
    return ClassModel(
        margins=margins,
        temperature=manifest.calibration.temperature,
        biases=(sell, hold, buy),
        sell_threshold=manifest.thresholds.sell,
        buy_threshold=manifest.thresholds.buy,
        name=name,
        sha256=manifest.model.sha256,
    )


def _document(data: bytes, suffix: str) -> Mapping[str, Any]:
    if data.startswith(_OLD_BINARY):
        raise ModelFormatError(
            "the binary format of XGBoost before 2, expected UBJ or JSON: load it there, and save it as JSON"
        )
    try:
        return read_document(data if suffix == ".json" else ubj_to_json(data))
    except UbjError as error:
        raise ModelFormatError(f"XGBoost cannot read it as UBJ: {error}") from None


def _margins_of(
    data: bytes, document: Mapping[str, Any], sha256: str, folders: list[Path]
) -> tuple[Callable[[Singles], Singles], str]:
    """Return the function that computes margins, and the reason why it is not the tree walk; empty if it is."""
    facts = model_info(document)
    if facts.classes != len(CLASSES) or facts.objective not in _OBJECTIVES:
        raise ModelFormatError(
            f"objective {facts.objective} with {facts.classes} classes, expected {_OBJECTIVES[0]} with {len(CLASSES)}"
        )
    if facts.features != len(FEATURE_NAMES) or facts.feature_names not in ((), FEATURE_NAMES):
        raise ModelFormatError(
            f"{facts.features} features, expected the {len(FEATURE_NAMES)} of the manifest in their order"
        )
    if facts.categorical:
        raise ModelFormatError(f"{facts.categorical} is categorical, expected numerical features")
    try:
        forest = flatten(document)
    except UnsupportedModelError as error:
        require_sound_booster(document)
        return BoosterMargins(data, facts).margins, f"the tree walk does not support {error}"
    why = self_check_failure(forest, data, facts, sha256, folders)
    return (BoosterMargins(data, facts).margins if why else forest.margins), why
