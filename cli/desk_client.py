"""Where the commands that look at a desk get their answers: a running desk's control socket, or a stopped one's ledger.

`--url` names the socket, `--data-dir` the desk's folder; without either it is the desk that runs
(`cli/running_desks.py`). A running desk answers within a second, or an error says that it did not. Only a folder that
was named is read in its place, with a line on stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Final, Protocol, Self, TypeVar

import typer

from cli.paths import existing_desk
from cli.running_desks import running_desk
from common.errors import StartError

if TYPE_CHECKING:
    from msgspec import Struct

    from proto.control import ControlReply, ControlRequest

    R = TypeVar("R", bound=ControlReply)

ANSWER_TIMEOUT_S: Final = 1.0
"""Portfolio answers between two messages of the market: longer means that it is away, or stuck."""

Folder = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="The desk's data directory. Default: the desk that runs."),
]
Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="Control socket of the desk, where it is not found.")
]


class DeskClient:
    """A desk to ask; `folder` is where its ledger is, None where only a socket was named."""

    def __init__(self, url: str | None, folder: Path | None) -> None:
        """Connecting waits for nobody."""
        from orchestration.control_client import ControlClient

        self.url = url
        self.folder = folder
        self._is_said = False
        self._client = None if url is None else ControlClient(url)

    def __enter__(self) -> Self:
        """Nothing is asked yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop whatever was not answered."""
        if self._client is not None:
            self._client.__exit__(kind, error, trace)

    def request(self, request: ControlRequest, expected: type[R]) -> R | None:
        """What the running desk answers; None when it does not within a second, or is not there."""
        if self._client is None:
            return None
        return self._client.request(request, expected, timeout_s=ANSWER_TIMEOUT_S)

    def fallback_folder(self) -> Path:
        """The folder to read because nobody answers; says so on stderr.

        Raises:
            StartError: no folder was named.
        """
        if self.folder is None:
            raise no_answer_error(self.url)
        if not self._is_said:
            self._say()
        return self.folder

    def _say(self) -> None:
        self._is_said = True
        away = "the desk is not running" if self.url is None else f"{self.url} does not answer"
        print(f"{away}: this is the ledger in {self.folder}, as of its last commit", file=sys.stderr)


def no_answer_error(url: str | None, more: str = "") -> StartError:
    """What is said when nobody answers."""
    hint = more or "--data-dir DIR reads a stopped desk's ledger"
    where = url or "no control socket is there, and the desk"
    return StartError(f"{where} did not answer within {ANSWER_TIMEOUT_S:.0f} s, nothing is known; {hint}")


def open_desk(data_dir: Path | None, url: str | None) -> DeskClient:
    """The desk that is meant.

    Raises:
        StartError: the folder has no desk in it, or none is named and several run.
    """
    folder = None if data_dir is None else existing_desk(data_dir)
    if url is None:
        url = running_desk().control if folder is None else control_url_of(folder)
    return DeskClient(url, folder)


def open_running_desk(data_dir: Path | None, url: str | None) -> DeskClient:
    """The desk that is meant, for a command that only a running one can obey.

    Raises:
        StartError: the folder has no desk in it, or no socket.
    """
    if url is None and data_dir is not None:
        url = noted_control_url(existing_desk(data_dir))  # portfolio may be starting again
    found = open_desk(data_dir, url)
    if found.url is None:
        raise StartError(f"no portfolio answers for {data_dir}, expected a running desk; nothing was done")
    return found


def control_url_of(data_dir: Path) -> str | None:
    """The control socket that a desk on this directory would answer on; None when it cannot be running."""
    from orchestration.address_files import is_listening

    url = noted_control_url(data_dir)
    return url if url is not None and is_listening(url) else None


def noted_control_url(data_dir: Path) -> str | None:
    """The control socket of a desk on this directory, also while portfolio is starting again; None if not known."""
    from orchestration.address_files import CONTROL_FILE, read_address

    return read_address(data_dir, CONTROL_FILE) or _of_settings(data_dir)


def is_configured_desk(data_dir: Path) -> bool:
    """Whether this is the directory that the settings name."""
    return _of_settings(data_dir) is not None


def _of_settings(data_dir: Path) -> str | None:
    from common.settings import CommonSettings, load

    settings = load(CommonSettings)
    return settings.control_url if settings.paperdesk_data_dir.resolve() == data_dir else None


class Page(Protocol):
    """A reply that is a page of rows; `next` 0 is the last one."""

    @property
    def rows(self) -> Sequence[Struct]:
        """The rows, in their order."""

    @property
    def next(self) -> int:
        """What to ask after for the following page."""


def all_rows(desk: DeskClient, page_after: Callable[[int], Page | None]) -> list[Struct] | None:
    """Every row of a paged answer, a page at a time; None when nobody answers.

    Raises:
        StartError: the desk fell silent between two pages.
    """
    rows: list[Struct] = []
    after = 0
    while True:
        page = page_after(after)
        if page is None:
            if rows:
                raise no_answer_error(desk.url)
            return None
        rows += page.rows
        after = page.next
        if not after:
            return rows
