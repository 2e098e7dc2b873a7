"""The file of targets and rules of `paperdesk run`, and the secret addresses that its targets use."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from common.settings import load
from services.notify.delivery.dead_mans_switch import DeadMansSwitch
from services.notify.delivery.secrets import SecretSource, read_secret
from services.notify.rules_file import NotifyFile, errors_name, load_notify_file
from services.notify.settings import NotifySettings


def require_alarms(settings: dict[str, str], option: Path | None, symbols: Collection[str]) -> dict[str, str]:
    """Check the file of an option or of NOTIFY_FILE, and put its path into the settings.

    Args:
        settings: settings of the processes; without a file they have no NOTIFY_FILE afterwards.
        option: the file of `--notify`, which takes precedence; None if it is not given.
        symbols: the quoted symbols.

    Returns:
        The variables with addresses that the targets use, by name. Processes of a private desk read no `.env`.

    Raises:
        StartError: the file or the address of a target is missing or invalid.
    """
    settings.pop("NOTIFY_FILE", None)
    path = load(NotifySettings).notify_file if option is None else option
    if path is None:
        return {}
    path = path.expanduser().absolute()  # the processes run in another folder
    found = load_notify_file(path, symbols)
    secrets = read_addresses(found, path)
    settings["NOTIFY_FILE"] = str(path)
    return {source.variable: address for source, address in secrets.items() if source.variable}


def read_addresses(file: NotifyFile, path: Path) -> dict[SecretSource, str]:
    """The addresses of all targets and of the heartbeat, of which the form of the heartbeat's is checked.

    Raises:
        StartError: an address is missing or invalid; the text names the rules file and the target.
    """
    found = {}
    for name, source in file.targets.items():
        with errors_name(path, f"targets.{name}"):
            found[source] = read_secret(source)
    if file.heartbeat is not None:
        source = file.heartbeat.secret
        with errors_name(path, "heartbeat"):
            found[source] = read_secret(source)
            DeadMansSwitch(found[source], file.heartbeat.every_s)
    return found
