"""A desk that cannot be found, and an error of the polling, are shown; no reading passes as current."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from rich.live import Live

from cli.screen.controls import PageName
from cli.screen.desk_poller import DeskPoller, WatchedDesk
from cli.screen.details import DeskDetails
from cli.screen.live_screen import LiveScreen
from cli.screen.terminal import Keyboard
from common.errors import StartError
from orchestration.desk_view import DeskView

TWO_DESKS = "2 desks run: a, b; expected --data-dir DIR with one of them"


class Finder:
    """Gives the address of the desk, or raises an error."""

    def __init__(self, url: str | None) -> None:
        self.url = url
        self.error: Exception | None = None

    def __call__(self) -> str | None:
        if self.error is not None:
            raise self.error
        return self.url


def test_a_second_desk_does_not_end_the_polling(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    find = Finder(f"ipc://{tmp_path}/control.ipc")
    details: list[DeskDetails] = []
    views: list[DeskView] = []
    poller = DeskPoller(
        WatchedDesk(find_url=find, data_dir=tmp_path),
        page=lambda: PageName.OVERVIEW,
        on_details=details.append,
        on_view=views.append,
    )
    request.addfinalizer(lambda: poller._connect(None))
    poller.poll()
    assert details[-1].desk_problem == ""
    find.error = StartError(TWO_DESKS)
    poller.poll()
    assert details[-1].desk_problem == TWO_DESKS
    assert poller.url == find.url
    assert views[-1].silent_s > views[0].silent_s
    find.error = None
    poller.poll()
    assert details[-1].desk_problem == ""


@pytest.fixture
def keyboard() -> Iterator[Keyboard]:
    """A keyboard on which nobody types."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb"), os.fdopen(writer, "wb"), Keyboard(reader) as made:
        yield made


@pytest.mark.parametrize("owns_desk", [False, True])
def test_an_error_of_the_polling_ends_the_screen_of_another_desk_only(keyboard: Keyboard, owns_desk: bool) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    live = Live(console=console, auto_refresh=False)
    screen = LiveScreen(live, console, keyboard, control_url=lambda: None, owns_desk=owns_desk)
    find = Finder(None)
    find.error = RuntimeError("a bug")
    poller = DeskPoller(
        WatchedDesk(find_url=find, data_dir=None),
        page=lambda: screen.page,
        on_details=screen.show_details,
        on_error=screen.fail,
    )
    poller.start()
    poller.join()
    if not owns_desk:
        with pytest.raises(RuntimeError, match="a bug"):
            screen.run()
        return
    screen.end()
    screen.run()
