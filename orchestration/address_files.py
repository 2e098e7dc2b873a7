"""Files with the socket addresses of a running desk, in its data directory and in the checkout.

The files exist while the desk runs. A killed desk leaves its files behind, so a command that reads them must check
whether a process listens on the socket.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from common.errors import StartError
from common.process_identity import process_identity
from common.project_root import DESK_ROOT
from common.text_notes import replace_text

CONTROL_FILE: Final = "control.url"
"""Address of portfolio's control socket."""

GATEWAY_FILE: Final = "gateway.url"
"""Address of the gateway's request socket."""

WEB_FILE: Final = "web.url"
"""Address of the web page."""

FOLDER_FILE: Final = "folder.id"
"""Identity of the folder that has the address files. In a copy of the folder the identity differs."""

ANNOUNCED: Final = DESK_ROOT / "var" / "run" / "desks"
"""Folder with one file for each desk that `paperdesk run` runs from this folder, whatever its data directory."""

_OWNER: Final = "owner"
"""Key in a file of `ANNOUNCED`. The value identifies the process that wrote the file."""


class DeskAddresses(NamedTuple):
    """Data directory, control socket and gateway of a desk; `gateway` is empty if the address is in the settings."""

    data_dir: str
    control: str
    gateway: str


@contextmanager
def published_addresses(
    data_dir: Path, runtime: Path, gateway: tuple[str, str] | None = None, *, page_url: str = ""
) -> Iterator[None]:
    """Keep the addresses of a desk in files of its data directory during the block.

    Args:
        data_dir: the data directory of the desk.
        runtime: folder with the desk's sockets.
        gateway: addresses for requests and for ticks of a gateway that another process runs; None for the desk's own.
        page_url: address of the desk's web page; empty without one.

    Raises:
        StartError: a file cannot be written.
    """
    with ExitStack() as stack:
        gateway_at = gateway_url(runtime) if gateway is None else gateway[0]
        contents = (
            (FOLDER_FILE, _folder_id(data_dir)),
            (CONTROL_FILE, control_url(runtime)),
            (GATEWAY_FILE, gateway_at),
            *([(WEB_FILE, page_url)] if page_url else []),
        )
        for name, text in contents:
            path = data_dir / name
            stack.callback(path.unlink, missing_ok=True)
            try:
                path.write_text(text + "\n", encoding="utf-8")
            except OSError as error:
                raise StartError(
                    f"{path} cannot be written: {error.strerror}; expected a disk with free space"
                ) from None
        yield


@contextmanager
def announced(
    data_dir: Path, runtime: Path, gateway: tuple[str, str] | None = None, *, folder: Path = ANNOUNCED
) -> Iterator[None]:
    """Announce a desk during the block to commands without `--data-dir`; a failure to write the file is ignored."""
    path = folder / f"{os.getpid()}.json"
    gateway_at = gateway_url(runtime) if gateway is None else gateway[0]
    addresses = DeskAddresses(str(data_dir), control_url(runtime), gateway_at)
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_text(path, json.dumps({**addresses._asdict(), _OWNER: process_identity(os.getpid())}))
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def announced_desks(folder: Path = ANNOUNCED) -> list[DeskAddresses]:
    """Every announced desk that runs; the files of killed desks are removed.

    A desk runs if a process listens on its control socket, or if the process that announced it is alive: portfolio may
    be restarting.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            owner = str(fields.pop(_OWNER, ""))
            desk = DeskAddresses(**fields)
            is_running = _is_alive(owner) or is_listening(desk.control)
        except (OSError, ValueError, TypeError):
            continue
        if is_running:
            found.append(desk)
        else:
            with suppress(OSError):
                path.unlink(missing_ok=True)
    return found


def _is_alive(owner: str) -> bool:
    """Whether the process that announced a desk is alive; `owner` is its pid and start time."""
    pid = owner.partition(" ")[0]
    if not pid.isdigit() or process_identity(int(pid)) != owner:
        return False
    try:
        os.kill(int(pid), 0)
    except (OSError, OverflowError) as error:
        return isinstance(error, PermissionError)
    return True


def is_listening(url: str) -> bool:
    """Whether a process listens on an IPC socket; True for other addresses, for which this is unknown."""
    if not url.startswith("ipc://"):
        return True
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(url.removeprefix("ipc://"))
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


def read_address(data_dir: Path, name: str) -> str | None:
    """The address in a file of the data directory; None without the file, or if it was copied from another folder."""
    folder = _read_text(data_dir / FOLDER_FILE)
    if folder is not None and folder != _folder_id(data_dir):
        return None
    return _read_text(data_dir / name)


def _read_text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None


def _folder_id(data_dir: Path) -> str:
    """Device and inode, which identify a folder on this host independently of its path."""
    found = data_dir.stat()
    return f"{found.st_dev}:{found.st_ino}"


def control_url(runtime: Path) -> str:
    """Address of portfolio's control socket in the private folder `runtime`."""
    return f"ipc://{runtime}/control.ipc"


def notify_url(runtime: Path) -> str:
    """Address of notify's control socket in the private folder `runtime`."""
    return f"ipc://{runtime}/notify.ipc"


def gateway_url(runtime: Path) -> str:
    """Address of the gateway's request socket in the private folder `runtime`."""
    return f"ipc://{runtime}/gw.ipc"
