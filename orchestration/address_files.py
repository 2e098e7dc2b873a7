"""What a running desk leaves in its data directory, so that others find its sockets: a file with an address for each.

They are there while the desk runs. One that was killed leaves them behind; its sockets are gone then, and who reads a note looks
whether the socket is still there.
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
from common.project_root import PROJECT_ROOT
from common.text_notes import replace_text

CONTROL_FILE: Final = "control.url"
"""Where portfolio can be asked."""

GATEWAY_FILE: Final = "gateway.url"
"""Where the gateway takes requests."""

FOLDER_FILE: Final = "folder.id"
"""Which folder the notes are for: a copy of it, notes included, is not the desk that runs."""

ANNOUNCED: Final = PROJECT_ROOT / "var" / "run" / "desks"
"""A file for each desk that `paperdesk run` has started from this checkout, whatever its data directory."""


_OWNER: Final = "owner"
"""Key of the process that announced a desk."""


class DeskAddresses(NamedTuple):
    """Where a desk can be asked; `gateway` is empty where the settings have it."""

    data_dir: str
    control: str
    gateway: str


@contextmanager
def published_addresses(data_dir: Path, runtime: Path, gateway: tuple[str, str] | None = None) -> Iterator[None]:
    """Publish the socket addresses of the desk in `runtime` for as long as the block lasts."""
    with ExitStack() as stack:
        gateway_at = gateway_url(runtime) if gateway is None else gateway[0]
        notes = ((FOLDER_FILE, _folder_id(data_dir)), (CONTROL_FILE, control_url(runtime)), (GATEWAY_FILE, gateway_at))
        for name, words in notes:
            note = data_dir / name
            stack.callback(note.unlink, missing_ok=True)
            try:
                note.write_text(words + "\n", encoding="utf-8")
            except OSError as error:
                raise StartError(f"{note} cannot be written: {error.strerror}; expected a disk with room") from None
        yield


@contextmanager
def announced(
    data_dir: Path, runtime: Path, gateway: tuple[str, str] | None = None, *, folder: Path = ANNOUNCED
) -> Iterator[None]:
    """Let commands that name no desk find this one while the block lasts; a disk that takes no note is ignored."""
    note = folder / f"{os.getpid()}.json"
    gateway_at = gateway_url(runtime) if gateway is None else gateway[0]
    addresses = DeskAddresses(str(data_dir), control_url(runtime), gateway_at)
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_text(note, json.dumps({**addresses._asdict(), _OWNER: process_identity(os.getpid())}))
    try:
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)


def announced_desks(folder: Path = ANNOUNCED) -> list[DeskAddresses]:
    """Every announced desk whose control socket is open, or whose process lives: portfolio may be starting again.

    Notes of those that were killed are removed.
    """
    found = []
    for note in sorted(folder.glob("*.json")):
        try:
            words = json.loads(note.read_text(encoding="utf-8"))
            owner = str(words.pop(_OWNER, ""))
            desk = DeskAddresses(**words)
            is_there = _is_alive(owner) or is_listening(desk.control)
        except (OSError, ValueError, TypeError):
            continue
        if is_there:
            found.append(desk)
        else:
            with suppress(OSError):
                note.unlink(missing_ok=True)
    return found


def _is_alive(owner: str) -> bool:
    """Whether the process is there that announced a desk."""
    pid = owner.partition(" ")[0]
    if not pid.isdigit() or process_identity(int(pid)) != owner:
        return False
    try:
        os.kill(int(pid), 0)
    except (OSError, OverflowError) as error:
        return isinstance(error, PermissionError)
    return True


def is_listening(url: str) -> bool:
    """Whether a process has a local socket open; of any other address nothing is known, and it may be."""
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
    """The address in a note; None where there is no such note, or one that is copied from another folder."""
    folder = _read_note(data_dir / FOLDER_FILE)
    if folder is not None and folder != _folder_id(data_dir):
        return None
    return _read_note(data_dir / name)


def _read_note(note: Path) -> str | None:
    return note.read_text(encoding="utf-8").strip() if note.is_file() else None


def _folder_id(data_dir: Path) -> str:
    """What tells a folder from every other one of this host, however it is called."""
    found = data_dir.stat()
    return f"{found.st_dev}:{found.st_ino}"


def control_url(runtime: Path) -> str:
    """Portfolio's control socket in a private desk."""
    return f"ipc://{runtime}/control.ipc"


def gateway_url(runtime: Path) -> str:
    """The gateway's socket for requests in a private desk."""
    return f"ipc://{runtime}/gw.ipc"
