"""Comparison of the tree walk's margins with XGBoost's, bit by bit.

It is made once for each combination of model, code of the tree walk, versions of the libraries, and processor.
The comparison needs XGBoost, whose import takes most of the time of a start. So a successful comparison is recorded in
a small file. The name of the file contains a digest of all inputs of the comparison. A start that finds the file does
not compare again.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np
from llvmlite.binding import get_host_cpu_name  # type: ignore[import-untyped]  # numba's compiler ships no types

from common.text_notes import replace_text
from services.signal.core import jit
from services.signal.core.inference import forest as forest_module
from services.signal.core.inference import kernel, rounds, self_check_rows
from services.signal.core.inference.forest import Forest, ModelInfo
from services.signal.model.booster import BoosterMargins

_WALK: Final = (jit, forest_module, rounds, self_check_rows, kernel)
_XGBOOST: Final = ("xgboost-cpu", "xgboost")


def self_check_failure(
    forest: Forest, model: bytes, info: ModelInfo, model_sha256: str, folders: Iterable[Path]
) -> str:
    """Describe how the tree walk differs from XGBoost; empty if it does not.

    Args:
        forest: the model for the tree walk.
        model: contents of the model's file.
        info: properties of the model.
        model_sha256: SHA-256 of the file, hexadecimal.
        folders: folders for the record of a successful comparison; those that are not writable are skipped.

    Raises:
        ModelFormatError: XGBoost does not load the file, or cannot predict with it.
    """
    subject = _subject(model_sha256)
    digest = hashlib.sha256(json.dumps(subject, sort_keys=True).encode()).hexdigest()
    notes = [folder / f"model-check-{digest[:16]}.json" for folder in folders]
    for note in notes:
        if note.is_file():
            return ""
    rows = self_check_rows.self_check_rows(forest)
    ours, theirs = forest.margins(rows), BoosterMargins(model, info).margins(rows)
    differing = np.flatnonzero((ours.view(np.int32) != theirs.view(np.int32)).any(axis=1))
    if len(differing):
        row = int(differing[0])
        return (
            f"{len(differing)} of {len(rows)} rows of the self-check have other margins than XGBoost's, the first is "
            f"row {row}: {ours[row].tolist()}, expected {theirs[row].tolist()}"
        )
    text = json.dumps({**subject, "rows": len(rows), "outcome": "the same bits"}, indent=2, sort_keys=True) + "\n"
    for note in notes:
        _write(note, text)
    return ""


def _subject(model_sha256: str) -> dict[str, str]:
    sources = [Path(str(module.__file__)).read_bytes() for module in _WALK]
    return {
        "model": model_sha256,
        "walk": hashlib.sha256(b"".join(sources)).hexdigest(),
        "numba": metadata.version("numba"),
        "numpy": metadata.version("numpy"),
        "xgboost": xgboost_version(),
        "processor": f"{platform.machine()} {get_host_cpu_name()}",
    }


def xgboost_version() -> str:
    """Return the installed version of XGBoost without importing it; `none` if it is not installed."""
    for name in _XGBOOST:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "none"


def _write(note: Path, text: str) -> None:
    """Record a successful comparison. If the file cannot be written, the next start compares again."""
    try:
        note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_text(note, text)
    except OSError:
        return
