"""The manifest of a model, a file beside the model's file, and its checks at a start.

It names the features in their order, the class of each output column, the thresholds for signals, and the training
data. docs/models.md describes each field.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from common.errors import StartError
from common.text_files import EncodingError, decode_text
from proto.trading.units import Probability
from services.signal.core.features.schema import FEATURE_NAMES, FEATURES, schema_sha256
from services.signal.core.inference.classes import CLASSES

FILE_NAME: Final = "manifest.json"
MANIFEST_BYTES_MAX: Final = 1_048_576

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class ModelError(StartError, ValueError):
    """A model cannot be used; the text is one line with the folder, the problem and the expected value."""


class FeatureSchemaError(ModelError):
    """A model was trained with other features than this version computes."""


class ModelFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The model's file, in XGBoost's own format."""

    file: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+\.(json|ubj)$", max_length=64)]
    sha256: Sha256
    trees: Annotated[int, Meta(ge=0)]


class Features(Struct, frozen=True, forbid_unknown_fields=True):
    """Names of the model's columns, in order."""

    schema_sha256: Sha256
    names: list[str]


class Thresholds(Struct, frozen=True, forbid_unknown_fields=True):
    """Lowest probability of a direction at which the strategy signals this direction."""

    sell: Probability
    buy: Probability


class Calibration(Struct, frozen=True, forbid_unknown_fields=True):
    """Conversion of margins to probabilities: softmax(margin / temperature + bias)."""

    method: Literal["temperature and biases"]
    temperature: Annotated[float, Meta(gt=1e-3, lt=1e3)]
    biases: Annotated[list[Annotated[float, Meta(ge=-1e3, le=1e3)]], Meta(min_length=3, max_length=3)]


class Labels(Struct, frozen=True, forbid_unknown_fields=True):
    """Rule that assigned the classes of the training data."""

    rule: str
    horizon_ticks: Annotated[int, Meta(ge=1)]
    pause_max_s: Annotated[float, Meta(gt=0)]


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the training data: number of rows, and times of its first and last row in UTC nanoseconds."""

    rows: Annotated[int, Meta(ge=0)]
    first_ns: Annotated[int, Meta(ge=0)]
    last_ns: Annotated[int, Meta(ge=0)]


class Training(Struct, frozen=True, forbid_unknown_fields=True):
    """Data and parameters of the training."""

    data_sha256: Sha256
    symbol: str
    files: list[str]
    from_row: int | None
    to_row: int | None
    ticks: Annotated[int, Meta(ge=1)]
    gap_ticks: Annotated[int, Meta(ge=0)]
    parts: dict[str, Part]
    seed: Annotated[int, Meta(ge=0)]
    parameters: dict[str, Any]
    rounds: Annotated[int, Meta(ge=0)]
    command: str


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """Contents of `manifest.json`."""

    kind: Literal["paperdesk xgboost classes"]
    version: Literal[1]
    note: str
    model: ModelFile
    features: Features
    classes: list[int]
    thresholds: Thresholds
    calibration: Calibration
    labels: Labels
    training: Training
    metrics: dict[str, Any]
    libraries: dict[str, str]

    def deciding_sha256(self) -> str:
        """Return the SHA-256 over the hash of the model's file and all fields of the manifest that affect signals."""
        parts = (self.model.sha256, self.features.schema_sha256, self.classes, self.thresholds, self.calibration)
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of the file: indented JSON with the fields in order."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a model's folder, which must fit the features and classes of this version.

    Raises:
        ModelError: the manifest is missing, invalid, or for other features or classes.
    """
    path = folder / FILE_NAME
    if not folder.is_dir():
        raise ModelError(f"model {folder}: there is no such folder, expected one with {FILE_NAME} and a model in it")
    data = read_file(folder, FILE_NAME, bytes_max=MANIFEST_BYTES_MAX)
    try:
        manifest = msgspec.json.decode(decode_text(data), type=Manifest)
    except (msgspec.DecodeError, EncodingError) as error:
        raise ModelError(f"{path} is no manifest of a model: {error}") from None
    if tuple(manifest.classes) != CLASSES:
        raise ModelError(f"{path}: classes {manifest.classes}, expected {list(CLASSES)} (sell, hold, buy)")
    _require_features(path, manifest.features)
    return manifest


def _require_features(path: Path, features: Features) -> None:
    if features.schema_sha256 == schema_sha256() and tuple(features.names) == FEATURE_NAMES:
        return
    pairs = zip(features.names, FEATURE_NAMES, strict=False)
    number = next(
        (i for i, (theirs, ours) in enumerate(pairs) if theirs != ours), min(len(features.names), len(FEATURE_NAMES))
    )
    theirs = features.names[number] if number < len(features.names) else "none"
    ours = FEATURE_NAMES[number] if number < len(FEATURE_NAMES) else "none"
    what = (
        f"feature {number + 1} is {theirs}, expected {ours}"
        if theirs != ours
        else f"the formulas of its {len(FEATURES)} features have changed since the training"
    )
    raise FeatureSchemaError(
        f"{path}: made for the feature schema {features.schema_sha256[:12]}, this version computes "
        f"{schema_sha256()[:12]}: {what}; train the model again"
    )


def read_file(folder: Path, name: str, *, bytes_max: int) -> bytes:
    """Read a file of at most `bytes_max` bytes from a model's folder.

    Raises:
        ModelError: the file is missing, cannot be read, or is too long.
    """
    path = folder / name
    try:
        if path.stat().st_size > bytes_max:
            raise ModelError(f"{path} has {path.stat().st_size} bytes, expected at most {bytes_max}")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}; expected a model's folder") from None
