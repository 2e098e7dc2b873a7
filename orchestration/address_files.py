"""What a running desk leaves in its data directory, so that others find its sockets: a file with an address for each.

They are there while the desk runs. One that was killed leaves them behind; its sockets are gone then, and who reads a note looks
whether the socket is still there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from orchestration.environment import control_url, gateway_url

CONTROL_FILE: Final = "control.url"
"""Where portfolio can be asked."""

GATEWAY_FILE: Final = "gateway.url"
"""Where the gateway takes requests."""


@contextmanager
def published_addresses(data_dir: Path, runtime: Path) -> Iterator[None]:
    """Tell others where the sockets of the desk in `runtime` are, for as long as the block lasts."""
    with ExitStack() as stack:
        for name, url in ((CONTROL_FILE, control_url(runtime)), (GATEWAY_FILE, gateway_url(runtime))):
            note = data_dir / name
            note.write_text(url + "\n", encoding="utf-8")
            stack.callback(note.unlink, missing_ok=True)
        yield


def read_address(data_dir: Path, name: str) -> str | None:
    """The address in a note; None where there is no such note."""
    note = data_dir / name
    return note.read_text(encoding="utf-8").strip() if note.is_file() else None


def may_be_listening(url: str) -> bool:
    """Whether somebody can be listening: the file of a local socket goes with its owner, of any other address nothing is known."""
    return not url.startswith("ipc://") or Path(url.removeprefix("ipc://")).exists()
