"""Checks of the strategies that STRATEGY names, and of the model that they use."""

from __future__ import annotations

import hashlib
import os
from importlib import metadata
from pathlib import Path
from typing import Final

from services.signal.model.kernel_cache import VARIABLE, cache_folder
from services.signal.model.manifest import FILE_NAME, FeatureSchemaError, Manifest, ModelError, read_manifest
from services.signal.settings import SignalSettings
from services.signal.strategy_loader import uses_model
from verification.doctor import strategy_probe
from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.findings import Check, Findings, check, fine, found
from verification.doctor.strategy_import import IMPORT_S

XGBOOST_PACKAGES: Final = ("xgboost-cpu", "xgboost")
XGBOOST: Final = "xgboost"
"""Key of the version in the manifest."""


@check("strategy", needs_settings=True)
def strategy(desk: ExaminedDesk) -> Findings:
    """The strategies that STRATEGY names, imported in a process of their own, and their parameters."""
    settings = desk.signal
    if settings is None:
        return
    if desk.strategy_import is None:
        yield fine(f"{settings.strategy}, with the model below")
        return
    value = f"STRATEGY: value '{settings.strategy}'"
    code, last = desk.strategy_import.outcome()
    match code:
        case None:
            yield found("STRATEGY_SLOW", f"{value} is not imported within {IMPORT_S:.0f} s")
        case 0:
            yield fine(settings.strategy)
        case strategy_probe.EXIT_UNUSABLE:
            yield found("STRATEGY_UNUSABLE", f"{value}: {last}")
        case strategy_probe.EXIT_PARAMETER:
            yield found("STRATEGY_PARAMETER", last)
        case _:
            text = f"{value}: its import ended the process with exit code {code}"
            yield found("STRATEGY_UNUSABLE", f"{text}: {last}" if last else text)


@check("model", needs_settings=True)
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
