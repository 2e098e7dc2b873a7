"""Select the desk for a command, and find the addresses of its portfolio and its gateway.

Without an option the command uses the running desk. `paperdesk run` announces its desk in the checkout; a desk under
supervisord listens at the addresses of the settings. A desk that is selected by NAMING_SETTINGS has priority. If
several desks run, the command lists them and does nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.paths import existing_desk
from common.errors import StartError
from common.project_root import DEFAULT_DATA_DIR, DESK_ROOT, ENV_FILE_VARIABLE, require_desk_root
from orchestration.address_files import (
    ANNOUNCED,
    CONTROL_FILE,
    GATEWAY_FILE,
    WEB_FILE,
    DeskAddresses,
    announced_desks,
    is_listening,
    notify_url,
    read_address,
)

if TYPE_CHECKING:
    from common.settings import CommonSettings

NAMING_SETTINGS: Final = ("CONTROL_URL", "PAPERDESK_RUNTIME_DIR", "PAPERDESK_DATA_DIR")
"""Settings that select a desk."""

PAGE_SETTING: Final = "WEB_PORT"
"""The setting without which a desk under supervisord has no page."""

DEFAULT_CONTROL_URL: Final = f"ipc://{DESK_ROOT}/var/run/control.ipc"
DEFAULT_SUPERVISOR_URL: Final = f"ipc://{DESK_ROOT}/var/run/supervisor.sock"


def running_desk() -> DeskAddresses:
    """The desk for a command without `--data-dir` and `--url`; the desk may not answer.

    Raises:
        StartError: several desks run, a setting is invalid, or the desk's folder is refused.
    """
    require_desk_root()
    if any(os.environ.get(name) for name in NAMING_SETTINGS) or _has_settings_file():
        named = _named_by_settings()
        if named is not None:
            return named
    found = {one.control: one for one in announced_desks(ANNOUNCED)}
    # The socket of supervisord shows that the desk runs, also while portfolio restarts.
    if is_listening(DEFAULT_CONTROL_URL) or is_listening(DEFAULT_SUPERVISOR_URL):
        found.setdefault(DEFAULT_CONTROL_URL, DeskAddresses(str(DEFAULT_DATA_DIR), DEFAULT_CONTROL_URL, ""))
    if len(found) > 1:
        names = ", ".join(sorted(one.data_dir for one in found.values()))
        raise StartError(f"{len(found)} desks run: {names}; expected --data-dir DIR with one of them, nothing was done")
    return next(iter(found.values()), DeskAddresses(str(DEFAULT_DATA_DIR), DEFAULT_CONTROL_URL, ""))


def _named_by_settings() -> DeskAddresses | None:
    """The desk that the settings select; None when no setting selects a desk.

    The desk whose addresses are noted in the data directory of the settings has priority if it runs. Otherwise this is
    the desk under supervisord.
    """
    settings = _settings()
    if not settings.model_fields_set.intersection(name.lower() for name in NAMING_SETTINGS):
        return None
    folder = settings.paperdesk_data_dir
    noted = read_address(folder, CONTROL_FILE)
    if noted is not None and (is_listening(noted) or any(one.control == noted for one in announced_desks(ANNOUNCED))):
        return DeskAddresses(str(folder), noted, read_address(folder, GATEWAY_FILE) or "")
    return DeskAddresses(str(folder), settings.control_url, settings.gateway_url)


def running_gateway_url() -> str:
    """Address of the running desk's gateway.

    Raises:
        StartError: several desks run, or a setting is invalid.
    """
    return running_desk().gateway or _settings().gateway_url


def gateway_url_of(data_dir: Path) -> str:
    """Address of the gateway of the desk with this data directory.

    Raises:
        StartError: the address of the gateway is unknown, or nothing listens there.
    """
    url = read_address(data_dir, GATEWAY_FILE) or (_settings().gateway_url if is_configured_desk(data_dir) else None)
    if url is None or not is_listening(url):
        raise StartError(
            f"no gateway answers for {data_dir}, expected a running gateway with its address in "
            f"{GATEWAY_FILE}; nothing was done, --url URL selects another gateway"
        )
    return url


def control_url_of(data_dir: Path) -> str | None:
    """The control socket of the desk with this data directory; None when nothing listens at its address."""
    url = noted_control_url(data_dir)
    return url if url is not None and is_listening(url) else None


def noted_control_url(data_dir: Path) -> str | None:
    """The control socket of the desk with this data directory, even if nothing listens there; None when unknown."""
    return read_address(data_dir, CONTROL_FILE) or (_settings().control_url if is_configured_desk(data_dir) else None)


def desk_folder(data_dir: Path | None) -> Path:
    """The data directory of the desk for a command that reads a file of a running or stopped desk.

    Raises:
        StartError: the folder has no ledger, or several desks run and none is selected.
    """
    return Path(running_desk().data_dir) if data_dir is None else existing_desk(data_dir)


def notify_url_of(data_dir: Path | None) -> str:
    """Address of notify's control socket; it is beside portfolio's, unless the settings are those of the desk.

    Raises:
        StartError: the folder has no ledger, or several desks run and none is selected.
    """
    control = running_desk().control if data_dir is None else noted_control_url(existing_desk(data_dir))
    settings = _settings()
    if control is None or control == settings.control_url:
        return settings.notify_url
    return notify_url(Path(control.removeprefix("ipc://")).parent)


def required_control_url(data_dir: Path | None, url: str | None, *, hint: str) -> str:
    """The control socket for a command that only a running desk can execute; portfolio may be restarting.

    Raises:
        StartError: the folder has no ledger, the socket of its desk is unknown, or several desks run. The text for an
            unknown socket ends with `hint`.
    """
    found = url or (running_desk().control if data_dir is None else noted_control_url(existing_desk(data_dir)))
    if found is None:
        raise StartError(f"the control socket of {data_dir} is not known, expected a running desk; {hint}")
    return found


def page_url_of(data_dir: Path) -> str | None:
    """Address of the page of the desk with this data directory; None when the desk has no page or it is unknown."""
    found = read_address(data_dir, WEB_FILE)
    if found is not None or not (os.environ.get(PAGE_SETTING) or _has_settings_file()):
        return found
    if not is_configured_desk(data_dir):
        return None
    from common.settings import load
    from services.web.settings import WebSettings  # takes 0.1 s to load; most desks note the address of their page

    settings = load(WebSettings)
    return f"{settings.local_url}/" if settings.web_port else None


def _has_settings_file() -> bool:
    env_file = os.environ.get(ENV_FILE_VARIABLE, str(DESK_ROOT / ".env"))
    return bool(env_file) and Path(env_file).exists()


def is_configured_desk(data_dir: Path) -> bool:
    """Whether this is the data directory of the settings."""
    return _settings().paperdesk_data_dir.resolve() == data_dir


def _settings() -> CommonSettings:
    from common.settings import CommonSettings, load  # takes 0.1 s to load; a running desk is found without settings

    return load(CommonSettings)
