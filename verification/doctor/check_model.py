"""Checks of the strategies that STRATEGY names, and of the model that they use."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

from services.signal.model.kernel_cache import VARIABLE, cache_folder
from services.signal.model.manifest import FILE_NAME, FeatureSchemaError, Manifest, ModelError, read_manifest
from services.signal.settings import SignalSettings
from services.signal.strategy_loader import MODEL_STRATEGIES, uses_model
from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.findings import Check, Findings, check, fine, found
from verification.doctor.strategy_probe import EXIT_UNUSABLE

IMPORT_S: Final = 3.0
XGBOOST_PACKAGES: Final = ("xgboost-cpu", "xgboost")
XGBOOST: Final = "xgboost"
"""Key of the version in the manifest."""


@check("strategy")
def strategy(desk: ExaminedDesk) -> Findings:
    """The strategies that STRATEGY names: each is imported in a process of its own."""
    settings = desk.signal
    if settings is None:
        return
    if settings.strategy in MODEL_STRATEGIES:
        yield fine(f"{settings.strategy}, with the model below")
        return
    line = [sys.executable, "-B", "-m", "verification.doctor.strategy_probe"]
    line += [settings.strategy, ",".join(settings.trading_symbol)]
    try:
        done = subprocess.run(
            line, cwd=desk.root, capture_output=True, timeout=IMPORT_S, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        yield found("STRATEGY_SLOW", f"STRATEGY {settings.strategy} is not imported within {IMPORT_S:.0f} s")
        return
    last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    if done.returncode == EXIT_UNUSABLE:
        yield found("STRATEGY_UNUSABLE", f"STRATEGY: value '{settings.strategy}': {last}")
    elif done.returncode:
        yield found(
            "STRATEGY_UNUSABLE",
            f"STRATEGY: value '{settings.strategy}': its import ended the process with exit code {done.returncode}: "
            f"{last or 'without an error text'}",
        )
    else:
        yield fine(settings.strategy)


@check("model")
def model(desk: ExaminedDesk) -> Findings:
    """The model: its manifest, the hash of its file, the features, XGBoost, and the cache of compiled code."""
    settings = desk.signal
    if settings is None:
        return
    if not uses_model(settings.strategy):
        yield fine("not used by the strategy")
        return
    try:
        manifest = read_manifest(settings.model)
    except FeatureSchemaError as error:
        yield found("MODEL_FEATURES", str(error))
        return
    except ModelError as error:
        yield found("MODEL_UNUSABLE", str(error))
        return
    results = [*_file(settings, manifest), *_xgboost(manifest), *_kernel_cache(desk.data_dir)]
    yield from results
    if not results:
        yield fine(f"{settings.model.name}, {manifest.model.trees} trees, SHA-256 {manifest.model.sha256[:12]}")


def _file(settings: SignalSettings, manifest: Manifest) -> Findings:
    path = settings.model / manifest.model.file
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        yield found("MODEL_UNUSABLE", f"{path}: {error.strerror}, expected the file that {FILE_NAME} names")
        return
    if digest != manifest.model.sha256:
        yield found(
            "MODEL_CHANGED", f"{path} has SHA-256 {digest[:12]}, expected {manifest.model.sha256[:12]} of {FILE_NAME}"
        )


def _xgboost(manifest: Manifest) -> Findings:
    trained = manifest.libraries.get(XGBOOST, "")
    for name in XGBOOST_PACKAGES:
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if trained and trained.partition(".")[0] != installed.partition(".")[0]:
            yield found("MODEL_XGBOOST", f"{name} {installed}, trained with {trained}")
        return


def _kernel_cache(data_dir: Path) -> Findings:
    """The places of `kernel_cache.py`, tested without creating a folder."""
    named = os.environ.get(VARIABLE)
    user = cache_folder()
    places = [Path(named)] if named else [*([user] if user is not None else []), data_dir]
    if not any(_could_write(place) for place in places):
        yield found("KERNEL_CACHE", f"not writable: {', '.join(map(str, places))}")


def _could_write(folder: Path) -> bool:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


CHECKS: Final[tuple[Check, ...]] = (strategy, model)
