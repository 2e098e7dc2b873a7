"""Checks of the desk's files: who may read and write them, and the key of the ledger."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from common.errors import StartError
from common.project_root import DESK_MARKER
from common.settings import env_file, settings_models
from orchestration.desk_folder import folder_problems
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME
from services.portfolio.ledger.signing_key import key_file
from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.findings import Check, Findings, check, fine, found

OTHERS: Final = 0o077
AUTH_DATABASE: Final = "web_auth.db"
USERS_FILE: Final = "web_users.toml"
SECRET_WORDS: Final = ("PASSWORD", "TOKEN", "NOTIFY_URL_")
"""Parts of the names of settings that are secrets."""


@check("files")
def files(desk: ExaminedDesk) -> Findings:
    """Modes and owner of the data directory, the runtime folder, and files with secrets."""
    if os.name != "posix":
        yield fine("not examined on Windows, which has no modes")
        return
    results = [*_folders(desk), *_owners(desk), *_open_files(desk), *_settings_file()]
    yield from results
    if not results:
        yield fine(f"{desk.data_dir}: private" if desk.data_dir.is_dir() else f"{desk.data_dir} does not exist yet")


@check("folder")
def folder(desk: ExaminedDesk) -> Findings:
    """The folder that `paperdesk init` made: its files, their modes, and the interpreter."""
    if not (desk.home / DESK_MARKER).is_file():
        yield fine(f"the desk of the installation in {desk.home}")
        return
    problems = folder_problems(desk.home)
    for text in problems:
        yield found("DESK_FOLDER", text)
    if not problems:
        yield fine(str(desk.home))


@check("keys")
def keys(desk: ExaminedDesk) -> Findings:
    """The key that signs the ledger: present, private, and the one of the ledger's signature."""
    try:
        path = key_file(desk.data_dir, desk.key_setting)
    except StartError as error:
        yield found("KEY_UNUSABLE", str(error))
        return
    facts = desk.ledger
    if not path.is_file():
        if facts.is_signed:
            yield found("KEY_MISSING", f"{path} does not exist, and {LEDGER_FILE_NAME} is signed")
        else:
            yield fine("none yet; the first start of portfolio makes it")
    elif os.name == "posix" and path.stat().st_mode & OTHERS:
        yield found("KEY_OPEN", f"{path} has mode {_mode(path)}, expected 0600", FILE=path)
    elif facts.key_problem:
        yield found("KEY_UNUSABLE", facts.key_problem)
    elif facts.signature is not None and (other := [one for one in facts.signature.problems if " with key " in one]):
        yield found("KEY_OF_OTHER_LEDGER", other[0])
    else:
        yield fine(f"{path.name}, mode {_mode(path)}" + ("" if facts.is_signed else "; the ledger is not signed yet"))


def _folders(desk: ExaminedDesk) -> Findings:
    runtime = desk.runtime
    for folder in (desk.data_dir, *([runtime] if runtime is not None else [])):
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent  # the first start makes the missing folders
        mode = folder.stat().st_mode
        if not mode & stat.S_IWUSR or not os.access(folder, os.W_OK | os.X_OK):
            yield found("FOLDER_READ_ONLY", f"{folder} has mode {_mode(folder)} and cannot be written")
    if runtime is not None and runtime.is_dir() and _is_reachable(runtime) and runtime.stat().st_mode & OTHERS:
        yield found("RUNTIME_DIR_OPEN", f"{runtime} has mode {_mode(runtime)}, expected 0700", FOLDER=runtime)


def _owners(desk: ExaminedDesk) -> Findings:
    if not desk.data_dir.is_dir():
        return
    owner = desk.data_dir.stat().st_uid
    for path in _desk_files(desk.data_dir):
        if (found_owner := path.lstat().st_uid) != owner:
            text = f"{path} belongs to user {found_owner}, the data directory to user {owner}"
            yield found("FILE_OF_OTHER_USER", text, UID=owner, FILE=path)
            return


def _open_files(desk: ExaminedDesk) -> Findings:
    secret = [desk.data_dir / AUTH_DATABASE, desk.data_dir / USERS_FILE]
    if desk.web is not None and desk.is_configured:
        secret[1] = desk.web.web_users_file
    for path in secret:
        if path.is_file() and path.stat().st_mode & OTHERS:
            yield found("USERS_FILE_OPEN", f"{path} has mode {_mode(path)}, expected 0600", FILE=path)
    ledger = desk.data_dir / LEDGER_FILE_NAME
    if ledger.is_file() and ledger.stat().st_mode & OTHERS and _is_reachable(ledger):
        text = f"{ledger} has mode {_mode(ledger)}, and no folder above it keeps other users out"
        yield found("FILE_OPEN", text, FOLDER=desk.data_dir)


def _settings_file() -> Findings:
    try:
        path = env_file()
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path is not None else []
    except (StartError, OSError):
        return  # the check of the settings names it
    names = [line.partition("=")[0].strip().upper() for line in lines if line.partition("=")[2].strip()]
    secrets = {name.upper() for model in settings_models().values() for name in model.model_fields}
    given = [name for name in names if name in secrets and any(word in name for word in SECRET_WORDS)]
    given += [name for name in names if name.startswith(SECRET_WORDS[-1])]
    given = [name for name in given if not name.endswith("_FILE")]
    if path is not None and given and path.stat().st_mode & OTHERS and _is_reachable(path):
        text = f"{path} has mode {_mode(path)} and contains {given[0]}, expected 0600"
        yield found("SETTINGS_FILE_OPEN", text, FILE=path)


def _desk_files(folder: Path) -> Iterator[Path]:
    """The files of a data directory and of its folders."""
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink() and os.access(path, os.R_OK | os.X_OK):
            yield from sorted(path.iterdir())


def _is_reachable(path: Path) -> bool:
    """Whether other users may enter every folder above a path."""
    return all(folder.stat().st_mode & 0o011 for folder in path.resolve().parents)


def _mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"


CHECKS: Final[tuple[Check, ...]] = (folder, files, keys)
