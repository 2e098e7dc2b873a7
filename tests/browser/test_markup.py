"""Markup in names and reasons is shown as text: it makes no element and runs no script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visiting
from tests.browser.desks import MARKUP_SYMBOL, HandDesk
from tests.browser.strategies import MARKUP
from tests.browser.test_navigation import PAGES
from tests.browser.visits import Visit


@pytest.fixture
def visit(hand_desk: HandDesk, visiting: Visiting) -> Visit:
    """A visit of the desk."""
    return visiting(hand_desk.served)


def expect_no_element(page: Page) -> None:
    expect(page.locator("img, script:not([src='js/app.js'])")).to_have_count(0)


def send(page: Page, button: str, confirm: str) -> None:
    page.get_by_role("button", name=button).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill(MARKUP)
    dialog.get_by_role("button", name=confirm).click()
    expect(dialog).to_be_hidden()


def test_markup_is_text(visit: Visit) -> None:
    page = visit.open()
    send(page, "■ Halt", "Halt")
    expect(page.locator("desk-state")).to_contain_text(MARKUP)
    expect(page.locator("symbol-card h2").nth(1)).to_contain_text(MARKUP_SYMBOL)
    expect(page.get_by_label("Symbol").locator("option").nth(1)).to_have_text(MARKUP_SYMBOL)
    send(page, "▶ Resume", "Resume")
    shown = {
        "orders": page.get_by_label("Symbol").locator("option").last,
        "model": page.locator("model-card h2").first,
        "journal": page.locator("tbody tr").first,
    }
    texts = {"orders": MARKUP_SYMBOL, "model": f"{MARKUP_SYMBOL}: {MARKUP}", "journal": MARKUP}
    for name in PAGES:
        visit.go(name)
        if name in shown:
            expect(shown[name]).to_contain_text(texts[name])
        expect_no_element(page)


def test_markup_of_an_order_is_text(visit: Visit) -> None:
    page = visit.open()
    ticket = page.locator("order-ticket")
    ticket.get_by_label("Symbol").select_option(MARKUP_SYMBOL)
    ticket.get_by_role("button", name="▲ Buy").first.click()
    ticket.get_by_label("Reason").fill(MARKUP)
    ticket.locator(".send").click()
    expect(ticket.get_by_role("alert")).to_contain_text("Accepted: order ")
    expect(page.locator("desk-positions tbody tr").filter(has_text=MARKUP_SYMBOL)).to_have_count(1)
    expect_no_element(page)
    visit.go("orders")
    page.locator("tbody tr").filter(has_text=MARKUP_SYMBOL).first.click()
    details = page.get_by_role("region", name="Details")
    expect(details).to_contain_text(MARKUP)
    expect(details.locator(".why")).to_contain_text(MARKUP_SYMBOL)
    expect_no_element(page)
    visit.go("desk")
    row = page.locator("desk-positions tbody tr").filter(has_text=MARKUP_SYMBOL)
    row.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text(MARKUP_SYMBOL)
    expect_no_element(page)
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(row).to_have_count(0)


def test_markup_in_an_address_is_text(visit: Visit) -> None:
    page = visit.open()
    page.evaluate("(text) => (location.hash = `#/orders?tag=${encodeURIComponent(text)}`)", MARKUP)
    expect(page.locator("page-orders").get_by_label("Tag")).to_have_value(MARKUP)
    expect_no_element(page)
    page.evaluate("(text) => (location.hash = `#/${text}`)", MARKUP)
    expect(page.locator("page-desk")).to_be_visible()
    expect_no_element(page)
