"""Parts of the desk are killed and come back: the page says which values are not fresh, and recovers by itself."""

from __future__ import annotations

import re
from time import time
from typing import Final

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visiting
from tests.browser.desks import SYMBOL, HandDesk
from tests.browser.visits import LOST, SHOWN_S, UNANSWERED, Visit, record, recorded
from tests.support.waits import wait_for

MARKED_S: Final = 8.0
"""Longest time in seconds until a silent part is marked, on a busy machine; 3 to 5 s on a quiet one."""

STALE_S: Final = 3.0
"""Longest time in seconds until everything is marked as stale."""

NO_ANSWER: Final = "⚠ portfolio did not answer"
NO_MESSAGE: Final = "⚠ no message of the market feed"
SILENT: Final = "section[aria-label='{}'] > header > .silent"


@pytest.fixture
def visit(hand_desk: HandDesk, visiting: Visiting) -> Visit:
    """A visit of the desk that shows fresh values."""
    found = visiting(hand_desk.served)
    found.permit(*LOST, *UNANSWERED)
    page = found.open()
    expect(page.locator(".state-large")).to_have_text("● TRADING")
    expect(page.locator(SILENT.format("Trading"))).to_be_empty()
    expect(page.locator(SILENT.format(SYMBOL))).to_be_empty()
    page.evaluate("window.isTheSameDocument = true")
    return found


def quote(page: Page) -> Locator:
    return page.locator("symbol-card").first.locator(".quote-line")


def quote_changes(page: Page) -> None:
    """Wait until the page shows another quote."""
    bid = quote(page).locator(".bid, .ask")
    before = bid.all_inner_texts()
    wait_for(lambda: bid.all_inner_texts() != before, "another quote", seconds=SHOWN_S)


def expect_marked(page: Page, problem: str, killed_s: float, started_s: float) -> None:
    """Expect a silent part to be marked soon, and from its problem on without a break until its process is started.

    Before the problem the mark has the age of the last reply, and a reply from before the end may still arrive.
    """
    marks = [(at_s, shown) for at_s, shown in recorded(page, "marks") if at_s > killed_s]
    first_s = next(at_s for at_s, shown in marks if "⚠" in shown)
    assert first_s - killed_s < MARKED_S
    noticed_s = next(at_s for at_s, shown in marks if problem in shown)
    assert all("⚠" in shown for at_s, shown in marks if noticed_s < at_s < started_s)


def is_the_same_document(page: Page) -> bool:
    return bool(page.evaluate("window.isTheSameDocument"))


def test_portfolio_is_killed_and_comes_back(hand_desk: HandDesk, visit: Visit) -> None:
    page = visit.page
    silent = page.locator(SILENT.format("Trading"))
    record(page, SILENT.format("Trading"), "marks")
    killed_s = time()
    hand_desk.processes.kill("portfolio")
    expect(silent).to_contain_text(NO_ANSWER)
    expect(page.locator(SILENT.format("Account"))).to_contain_text("⚠ portfolio")
    expect(page.locator(SILENT.format("Positions"))).to_contain_text("⚠ portfolio")
    expect(page.locator(".head .badge", has_text="last known")).to_be_visible()
    quote_changes(page)
    expect(page.locator(".stale-bar")).to_be_hidden()
    expect(quote(page).locator(".quote-age")).not_to_contain_text("⚠")
    started_s = time()
    hand_desk.processes.start("portfolio")
    expect(silent).to_be_empty()
    expect(page.locator(".state-large")).to_have_text("● TRADING")
    assert is_the_same_document(page)
    expect_marked(page, NO_ANSWER, killed_s, started_s)


def test_the_gateway_is_killed_and_comes_back(hand_desk: HandDesk, visit: Visit) -> None:
    page = visit.page
    silent = page.locator(SILENT.format(SYMBOL))
    record(page, SILENT.format(SYMBOL), "marks")
    killed_s = time()
    hand_desk.processes.kill("mt5")
    expect(silent).to_contain_text(NO_MESSAGE)
    expect(page.locator(SILENT.format("Order ticket"))).to_contain_text(NO_MESSAGE)
    expect(page.locator(".stale-bar")).to_be_hidden()
    expect(page.locator(".state-large")).not_to_have_text("● TRADING")
    started_s = time()
    hand_desk.processes.start("mt5")
    expect(silent).to_be_empty()
    quote_changes(page)
    expect(page.locator(".state-large")).to_have_text("● TRADING")
    assert is_the_same_document(page)
    expect_marked(page, NO_MESSAGE, killed_s, started_s)


def test_the_web_process_is_killed_and_comes_back(hand_desk: HandDesk, visit: Visit) -> None:
    page = visit.page
    bar = page.locator(".stale-bar")
    record(page, "html", "marks", is_class=True)
    killed_s = time()
    hand_desk.processes.kill("web")
    expect(bar).to_contain_text("STALE: no connection to the server")
    expect(page).to_have_title(re.compile("^! STALE TRADING "))
    expect(page.locator("#icon")).to_have_attribute("href", "icons/stale.svg")
    expect(page.locator(".visually-hidden[aria-live=assertive]")).to_contain_text("Stale data")
    expect(bar).to_contain_text("next attempt in")
    hand_desk.processes.start("web")
    expect(bar).to_be_hidden()
    freshened_s = time()
    quote_changes(page)
    assert is_the_same_document(page)
    expect(page).to_have_title(re.compile("^TRADING "))
    marks = [(at_s, "is-stale" in shown.split()) for at_s, shown in recorded(page, "marks") if at_s > killed_s]
    first_s = next(at_s for at_s, is_marked in marks if is_marked)
    assert first_s - killed_s < STALE_S
    fresh = [at_s for at_s, is_marked in marks if at_s > first_s and not is_marked]
    assert len(fresh) <= 1, "the page was fresh in between"
    assert fresh[0] <= freshened_s
