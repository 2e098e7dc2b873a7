"""A page that is left open stays as large as it was: nothing remains of earlier pages."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import CDPSession, Page, expect

from services.web.security.identity import Role
from tests.browser.conftest import Visiting
from tests.browser.desks import ServedDesk
from tests.browser.test_navigation import PAGES
from tests.browser.visits import SHOWN_S, UNANSWERED, Visit
from tests.support.waits import wait_for

ROUNDS = 8

SIGN_IN_AGAIN = """
async (once) => {
  const { session } = await import("./js/api.js");
  await session.signOut();
  await session.signIn({ once });
}
"""


def counted(session: CDPSession) -> dict[str, int]:
    """The number of nodes and listeners after a garbage collection."""
    session.send("HeapProfiler.collectGarbage")
    found = session.send("Memory.getDOMCounters")
    return {name: found[name] for name in ("nodes", "jsEventListeners")}


def settled(session: CDPSession) -> dict[str, int]:
    """The numbers when they have stayed equal for three readings."""
    seen = list[dict[str, int]]()

    def is_settled() -> bool:
        seen.append(counted(session))
        return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3]

    wait_for(is_settled, "the page to be drawn", seconds=SHOWN_S)
    return seen[-1]


def expect_no_more(session: CDPSession, before: dict[str, int]) -> None:
    """Wait until there are no more nodes and listeners than before."""
    last: list[Any] = []

    def are_gone() -> bool:
        last[:] = [counted(session)]
        return all(last[0][name] <= before[name] for name in before)

    try:
        wait_for(are_gone, "removed nodes and listeners to be collected", seconds=SHOWN_S)
    except AssertionError as error:
        raise AssertionError(f"{error}\nbefore {before}\nafter  {last[0]}") from None


def walk(visit: Visit) -> None:
    """Show each page, and the desk at the end."""
    for name in (*PAGES[1:], PAGES[0]):
        visit.go(name)


def opened(visit: Visit) -> Page:
    visit.permit(*UNANSWERED)
    return visit.open("desk")


def test_pages_that_were_left_leave_no_node_and_no_listener(replay: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(replay)
    session = visit.context.new_cdp_session(opened(visit))
    walk(visit)
    before = settled(session)
    for _ in range(ROUNDS):
        walk(visit)
    expect_no_more(session, before)


def test_an_ended_session_leaves_no_node_and_no_listener(replay: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(replay)
    page = opened(visit)
    session = visit.context.new_cdp_session(page)

    def sign_in_again() -> None:
        page.evaluate(SIGN_IN_AGAIN, replay.one_time_address(Role.TRADE).partition("#once=")[2])
        expect(page.locator(".head .age")).to_contain_text("age ")
        expect(page.locator("page-desk")).to_be_attached()

    sign_in_again()
    before = settled(session)
    for _ in range(ROUNDS):
        sign_in_again()
    expect_no_more(session, before)
