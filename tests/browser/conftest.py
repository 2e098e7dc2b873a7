"""One browser and the desks for all browser tests, each started when the first test needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.desks import HandDesk, ServedDesk, a_busy_desk, a_hand_desk, an_ended_replay
from tests.browser.visits import Visit, a_browser

Visiting = Callable[..., Visit]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The browser; a foreign host name is resolved to this host."""
    with a_browser("--host-resolver-rules=MAP desk.example 127.0.0.1") as browser:
        yield browser


@pytest.fixture(scope="package")
def busy_desk(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDesk]:
    """A desk with a strategy that trades."""
    with a_busy_desk(tmp_path_factory.mktemp("busy")) as desk:
        yield desk


@pytest.fixture(scope="package")
def shared_hand_desk(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HandDesk]:
    """A desk with orders by hand only, as the last test left it."""
    with a_hand_desk(tmp_path_factory.mktemp("hand")) as desk:
        yield desk


@pytest.fixture
def hand_desk(shared_hand_desk: HandDesk) -> HandDesk:
    """A desk with orders by hand only, active and without orders and positions; a test may end its processes."""
    shared_hand_desk.make_ready()
    return shared_hand_desk


@pytest.fixture(scope="package")
def replay(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDesk]:
    """A replay that has ended."""
    with an_ended_replay(tmp_path_factory.mktemp("replay")) as desk:
        yield desk


@pytest.fixture
def visiting(browser: Browser) -> Iterator[Visiting]:
    """Opens visits of a desk; the test fails if the browser reported an unexpected error during one of them."""
    visits = list[Visit]()

    def visit(desk: ServedDesk, **options: Any) -> Visit:
        visits.append(Visit(browser, desk, **options))
        return visits[-1]

    yield visit
    for one in visits:
        one.close()
