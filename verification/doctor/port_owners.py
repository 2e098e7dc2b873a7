"""The process that listens on a TCP port, on Linux."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from common.process_identity import command_words

_LISTEN: Final = "0A"
_COMMAND_CHARS_MAX: Final = 60


class PortOwner(NamedTuple):
    """A process that listens on a port, and its program, without arguments."""

    pid: int
    command: str


def port_owner(port: int) -> PortOwner | None:
    """The process that listens on a port; None if it is not known, as for processes of other users."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        if wanted & set(_open_files(folder)):
            return PortOwner(int(folder.name), _program(int(folder.name)))
    return None


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for name in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/net/{name}").read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found


def _open_files(folder: Path) -> Iterator[str]:
    """The open files of a process, as far as this user may see them."""
    try:
        links = list((folder / "fd").iterdir())
    except OSError:
        return  # another user's process, or one that has ended
    for link in links:
        with suppress(OSError):  # the process has closed it
            yield str(link.readlink())


def _program(pid: int) -> str:
    """The program of a process, or the module that Python runs; no arguments, which may contain a password."""
    words = command_words(pid) or [""]
    module = words[1:3] if words[1:2] == ["-m"] else []
    return " ".join([Path(words[0]).name, *module])[:_COMMAND_CHARS_MAX] or "a process"
