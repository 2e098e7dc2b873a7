"""The desk of a command that names none: the one that runs.

`paperdesk run` announces its desk in the checkout; one under supervisord listens at the address of the settings. A
setting that names a desk comes first. Where several desks run, the command names them and does nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from common.errors import StartError
from common.project_root import PROJECT_ROOT
from orchestration.address_files import (
    ANNOUNCED,
    CONTROL_FILE,
    GATEWAY_FILE,
    DeskAddresses,
    announced_desks,
    is_listening,
    read_address,
)

NAMING_SETTINGS: Final = ("CONTROL_URL", "PAPERDESK_RUNTIME_DIR", "PAPERDESK_DATA_DIR")
"""Settings that say which desk is meant."""

ENV_FILE_VARIABLE: Final = "PAPERDESK_ENV_FILE"

DEFAULT_DATA_DIR: Final = PROJECT_ROOT / "var" / "data"
DEFAULT_CONTROL_URL: Final = f"ipc://{PROJECT_ROOT}/var/run/control.ipc"
DEFAULT_SUPERVISOR_URL: Final = f"ipc://{PROJECT_ROOT}/var/run/supervisor.sock"


def running_desk() -> DeskAddresses:
    """The desk that is meant without `--data-dir` and `--url`; whether it answers is for the caller to see.

    Raises:
        StartError: several desks run.
    """
    env_file = os.environ.get(ENV_FILE_VARIABLE, str(PROJECT_ROOT / ".env"))
    if any(os.environ.get(name) for name in NAMING_SETTINGS) or (env_file and Path(env_file).exists()):
        named = _of_settings()
        if named is not None:
            return named
    found = {one.control: one for one in announced_desks(ANNOUNCED)}
    # Its portfolio may be starting again.
    if is_listening(DEFAULT_CONTROL_URL) or is_listening(DEFAULT_SUPERVISOR_URL):
        found.setdefault(DEFAULT_CONTROL_URL, DeskAddresses(str(DEFAULT_DATA_DIR), DEFAULT_CONTROL_URL, ""))
    if len(found) > 1:
        names = ", ".join(sorted(one.data_dir for one in found.values()))
        raise StartError(f"{len(found)} desks run: {names}; expected --data-dir DIR with one of them, nothing was done")
    return next(iter(found.values()), DeskAddresses(str(DEFAULT_DATA_DIR), DEFAULT_CONTROL_URL, ""))


def _of_settings() -> DeskAddresses | None:
    """The desk that the settings name: one that notes its addresses in their data directory, or one under supervisord.

    None where they say nothing of it.
    """
    from common.settings import CommonSettings, load

    settings = load(CommonSettings)
    if not settings.model_fields_set.intersection(name.lower() for name in NAMING_SETTINGS):
        return None
    folder = settings.paperdesk_data_dir
    noted = read_address(folder, CONTROL_FILE)
    if noted is not None and (is_listening(noted) or any(one.control == noted for one in announced_desks(ANNOUNCED))):
        return DeskAddresses(str(folder), noted, read_address(folder, GATEWAY_FILE) or "")
    return DeskAddresses(str(folder), settings.control_url, settings.gateway_url)


def running_gateway_url() -> str:
    """Where the gateway of that desk takes requests.

    Raises:
        StartError: several desks run, or a setting is wrong.
    """
    found = running_desk()
    if found.gateway:
        return found.gateway
    from common.settings import CommonSettings, load

    return load(CommonSettings).gateway_url
