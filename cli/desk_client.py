"""Queries of a desk: a running desk answers on its control socket; for a stopped desk its ledger is read.

`--url` selects a desk by its socket, `--data-dir` by its folder. Without either option the command uses the running
desk (`cli/running_desks.py`). A running desk answers within ANSWER_TIMEOUT_S, or the query fails. A ledger is read only
if `--data-dir` is given or the working directory is in the desk's own folder, with a notice on stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Final, Protocol, Self, TypeVar

from msgspec import Struct

from cli.paths import existing_desk
from cli.running_desks import control_url_of, noted_control_url, required_control_url, running_desk
from common.control_client import ControlClient
from common.errors import StartError
from common.project_root import HAS_OWN_DESK
from orchestration.address_files import is_listening
from proto.control import ControlReply, ControlRequest

R = TypeVar("R", bound=ControlReply)

LEDGER_FILE_NAME: Final = "ledger.db"
"""As in the module of the ledger, which takes 0.1 s to load."""

ANSWER_TIMEOUT_S: Final = 1.0
"""Portfolio answers between two ticks, so no answer within this time means that portfolio is down or hangs."""


class DeskClient:
    """A desk to query.

    `url` is the control socket, or None when the desk does not run. `folder` has the ledger to read instead of a silent
    desk, or is None when the ledger must not be read. `data_dir` is the desk's data directory, None when unknown.
    """

    def __init__(self, url: str | None, folder: Path | None, *, data_dir: Path | None = None) -> None:
        """Connect to the socket, if there is one, without waiting for the desk; `data_dir` defaults to `folder`."""
        self.url = url
        self.folder = folder
        self.data_dir = data_dir or folder
        self._is_announced = False
        self._client = None if url is None else ControlClient(url)

    def __enter__(self) -> Self:
        """Return the client; nothing is sent yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop unanswered requests."""
        if self._client is not None:
            self._client.__exit__(kind, error, trace)

    @property
    def noted_url(self) -> str | None:
        """The control socket, even if nothing listens there; None when it is not known."""
        return self.url if self.url is not None or self.folder is None else noted_control_url(self.folder)

    def request(self, request: ControlRequest, expected: type[R]) -> R | None:
        """The running desk's reply; None when no desk runs or no reply comes within ANSWER_TIMEOUT_S."""
        if self._client is None:
            return None
        return self._client.request(request, expected, timeout_s=ANSWER_TIMEOUT_S)

    def fallback_folder(self) -> Path:
        """The folder of the ledger to read instead; the first call prints a notice on stderr.

        Raises:
            StartError: the folder is not known.
        """
        if self.folder is None:
            raise no_answer_error(self.url)
        if not self._is_announced:
            self._is_announced = True
            cause = "the desk is not running" if self.url is None else f"{self.url} does not answer"
            print(f"{cause}; read from the ledger in {self.folder}, as of its last commit", file=sys.stderr)
        return self.folder


def no_answer_error(url: str | None, hint: str = "--data-dir DIR reads a stopped desk's ledger") -> StartError:
    """The error for a desk that did not answer; its text ends with `hint`."""
    return StartError(f"{url or 'the desk'} did not answer within {ANSWER_TIMEOUT_S:.0f} s; {hint}")


def ledger_views() -> ModuleType:
    """The module with the views of a stopped desk's ledger."""
    from research import ledger_views  # takes 0.1 s to load; not needed if a running desk answers

    return ledger_views


def open_desk(data_dir: Path | None, url: str | None) -> DeskClient:
    """The desk for a query, running or stopped.

    Raises:
        StartError: the folder has no ledger, or several desks run and neither option is given.
    """
    folder = None if data_dir is None else existing_desk(data_dir)
    if url is None and folder is None:
        desk = running_desk()
        data_dir = Path(desk.data_dir)
        if HAS_OWN_DESK and (data_dir / LEDGER_FILE_NAME).is_file():
            return DeskClient(desk.control if is_listening(desk.control) else None, data_dir)
        return DeskClient(desk.control, None, data_dir=data_dir)
    return DeskClient(control_url_of(folder) if url is None and folder is not None else url, folder)


def open_running_desk(data_dir: Path | None, url: str | None) -> DeskClient:
    """The desk for a command that only a running desk can execute.

    Raises:
        StartError: the folder has no ledger or no address of a control socket, or several desks run and neither option
            is given.
    """
    return DeskClient(
        required_control_url(data_dir, url, hint="nothing was done"),
        None if data_dir is None else existing_desk(data_dir),
    )


class Page(Protocol):
    """A reply with one page of rows."""

    @property
    def rows(self) -> Sequence[Struct]:
        """The rows, in ascending order of their numbers."""

    @property
    def next(self) -> int:
        """The row number after which the following page begins; 0 when this page is the last."""


def all_rows(desk: DeskClient, page_after: Callable[[int], Page | None]) -> list[Struct] | None:
    """The rows of all pages of a reply; None when the desk does not answer.

    Args:
        desk: the desk, which the error names.
        page_after: requests the page of the rows after a row number; 0 requests the first page.

    Raises:
        StartError: the desk stopped answering between two pages.
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
