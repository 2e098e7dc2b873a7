"""Addresses of the pages, times and settings of the page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.browser.conftest import Visiting
from tests.browser.desks import ServedDesk
from tests.browser.shown import agree, columns
from tests.browser.visits import UNANSWERED

PAGES = ("desk", "orders", "trades", "risk", "latency", "model", "journal", "system")


def test_an_address_names_a_page_and_quick_changes_show_the_last_one(busy_desk: ServedDesk, visiting: Visiting) -> None:
    page = visiting(busy_desk).open()
    page.evaluate("for (const name of ['journal', 'risk', 'journal', 'risk', 'journal']) location.hash = `#/${name}`")
    expect(page.locator("page-journal")).to_be_visible()
    expect(page.get_by_role("link", name="Journal")).to_have_attribute("aria-current", "page")
    page.go_back()
    expect(page.locator("page-risk")).to_be_visible()
    page.evaluate("location.hash = '#/no-such-page'")
    expect(page.locator("page-desk")).to_be_visible()


def test_times_follow_the_chosen_zone(replay: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(replay)
    visit.permit(*UNANSWERED)
    page = visit.open("trades")
    caption = "Closed trades, newest first unless sorted otherwise"

    def closed(hours: int) -> list[list[str]]:
        times = [row["close_time_ns"] // 1_000_000_000 for row in replay.read("/trades?limit=100")["rows"]]
        return [[f"{datetime.fromtimestamp(time, UTC) + timedelta(hours=hours):%H:%M:%S}"] for time in times]

    hours = replay.kept["/state"]["utc_offset_s"] // 3_600
    agree(lambda: columns(page, caption, "Closed"), lambda: closed(hours), "the venue's times")
    page.get_by_role("button", name="UTC", exact=True).click()
    agree(lambda: columns(page, caption, "Closed"), lambda: closed(0), "the times in UTC")
    page.reload()
    expect(page.locator(".clock")).to_contain_text("UTC")
    agree(lambda: columns(page, caption, "Closed"), lambda: closed(0), "the chosen zone after a reload")


def test_times_within_texts_follow_the_chosen_zone(replay: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(replay)
    visit.permit(*UNANSWERED)
    page = visit.open("desk")

    def shown() -> str:
        script = (
            "import('./js/times.js').then(({textInZone}) => textInZone('until 2025-01-06 08:03:45.992327Z, 3 losses'))"
        )
        return str(page.evaluate(script))

    agree(shown, lambda: "until 2025-01-06 10:03:45 server UTC+2, 3 losses", "a text in the venue's time")
    page.get_by_role("button", name="UTC", exact=True).click()
    agree(shown, lambda: "until 2025-01-06 08:03:45 UTC, 3 losses", "a text in UTC")
