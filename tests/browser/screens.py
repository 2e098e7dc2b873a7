"""Take screenshots of each page for people to look at: two widths, two themes, and a desk in four conditions.

  python -m tests.browser.screens FOLDER

The desk is empty before its first trade, busy, halted, or stale because portfolio is stopped. It takes some minutes.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import psutil
from playwright.sync_api import Browser, expect

from tests.browser.desks import ServedDesk, a_busy_desk, a_hand_desk
from tests.browser.test_navigation import PAGES
from tests.browser.visits import NARROW, WIDE, Visit, a_browser
from tests.support.waits import wait_for

BUSY_TRADES: Final = 25
BUSY_S: Final = 300.0
CHARTS_MS: Final = 2_500
"""Time in which the charts read their history, and those below the screen are drawn again, which is every 2 s."""

HEIGHTS: Final = {WIDE: 900, NARROW: 844}
THEMES: Final[tuple[Literal["dark", "light"], ...]] = ("dark", "light")


def take(browser: Browser, desk: ServedDesk, folder: Path, condition: str) -> None:
    """Take the screenshots of one condition of a desk, as CONDITION-PAGE-WIDTH-THEME.png."""
    for width, height in HEIGHTS.items():
        for theme in THEMES:
            visit = Visit(browser, desk, viewport={"width": width, "height": height}, color_scheme=theme)
            page = visit.open()
            for name in PAGES:
                visit.go(name)
                if condition != "stale":
                    expect(page.locator(f"page-{name} .loading:visible")).to_have_count(0)
                page.wait_for_timeout(CHARTS_MS)
                page.screenshot(path=folder / f"{condition}-{name}-{width}-{theme}.png", full_page=True)
            visit.context.close()


@contextmanager
def stopped(desk: ServedDesk, name: str) -> Iterator[None]:
    """Stop a process of the desk during the block."""
    [pid] = [row["pid"] for row in desk.read("/processes") if row["name"] == name]
    process = psutil.Process(pid)
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def halt(desk: ServedDesk) -> None:
    """Halt the desk as a person."""
    with desk.client() as api:
        headers = {"Idempotency-Key": "screens-halt"}
        api.post("/commands/halt", json={"reason": "before the news"}, headers=headers).raise_for_status()


def main(folder: Path) -> None:
    """Take all screenshots into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pd-screens-") as place, a_browser() as browser:
        with a_hand_desk(Path(place) / "hand") as quiet:
            take(browser, quiet.served, folder, "empty")
        with a_busy_desk(Path(place) / "busy", WATCHDOG_HANG_MS="600000") as desk:
            trades = "/trades?limit=1"
            wait_for(lambda: (desk.read(trades) or {"total": 0})["total"] >= BUSY_TRADES, "trades", seconds=BUSY_S)
            take(browser, desk, folder, "busy")
            with stopped(desk, "portfolio"):
                take(browser, desk, folder, "stale")
            halt(desk)
            take(browser, desk, folder, "halted")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m tests.browser.screens FOLDER")
    main(Path(sys.argv[1]))
