"""Visits of a page with Chromium, which record every error that the browser reports.

The page's content security policy forbids scripts from outside, so a test waits with locators and `expect`, and never
with a function that the page would have to evaluate repeatedly.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, expect, sync_playwright

from services.web.security.identity import Role
from tests.browser.desks import ServedDesk

CHROMIUM: Final = shutil.which("chromium")
SHOWN_S: Final = 30.0
"""Longest time until the page shows a change, on a busy machine."""

expect.set_options(timeout=SHOWN_S * 1_000)

REPORT_VIOLATIONS: Final = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""
"""Runs before the scripts of each page, outside of its policy, and changes nothing of the page."""

WIDE: Final = 1_440
NARROW: Final = 390


@contextmanager
def a_browser(*arguments: str) -> Iterator[Browser]:
    """Run Debian's Chromium during the block; skip the test if it is not installed.

    Args:
        arguments: further arguments of the command line.
    """
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*sandbox(), *arguments])
        try:
            yield browser
        finally:
            browser.close()


def sandbox() -> list[str]:
    """The argument without which Chromium does not start as root."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


class Visit:
    """A browser context with a page, and the errors that the browser reported."""

    def __init__(self, browser: Browser, desk: ServedDesk, **options: Any) -> None:
        """Open a context; `options` are those of Playwright."""
        self.desk = desk
        self.context: BrowserContext = browser.new_context(
            **{"viewport": {"width": WIDE, "height": 900}, "reduced_motion": "reduce", **options}
        )
        self.context.add_init_script(REPORT_VIOLATIONS)
        self.context.on("console", self._on_console)
        self.context.on("weberror", lambda error: self.problems.append(f"page error: {error.error}"))
        self.context.on("dialog", self._on_dialog)
        self.page: Page = self.context.new_page()
        self.problems: list[str] = []
        self._permitted: list[str] = []

    def open(self, page: str = "desk", *, role: Role = Role.TRADE) -> Page:
        """Sign in by a one-time address and show one of the pages."""
        self.page.goto(self.desk.one_time_address(role))
        expect(self.page.locator(".head .age")).to_contain_text("age ")
        if page != "desk":
            self.go(page)
        return self.page

    def go(self, page: str) -> None:
        """Go to another page by the navigation."""
        link = self.page.get_by_role("navigation", name="Pages").get_by_role("link", name=page.title(), exact=True)
        link.click()
        expect(self.page.locator(f"page-{page.partition('?')[0]}")).to_be_attached()

    def permit(self, *patterns: str) -> None:
        """Expect console errors that match one of the patterns, such as those of refused requests."""
        self._permitted += patterns

    def close(self) -> None:
        """Close the context; fail if the browser reported an error that was not expected.

        Raises:
            AssertionError: it did.
        """
        self.context.close()
        unexpected = [text for text in self.problems if not any(re.search(one, text) for one in self._permitted)]
        assert not unexpected, "\n".join(unexpected)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.problems.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _on_dialog(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()


MARKS: Final = """
([selector, name, isClass]) => {
  const node = document.querySelector(selector);
  const marks = (window[name] = []);
  const note = () => {
    const shown = isClass ? node.className : node.textContent;
    if (marks.at(-1)?.shown !== shown) marks.push({ time_ms: Date.now(), shown });
  };
  const texts = { childList: true, characterData: true, subtree: true };
  new MutationObserver(note).observe(node, isClass ? { attributeFilter: ["class"] } : texts);
  note();
}
"""


def record(page: Page, selector: str, name: str, *, is_class: bool = False) -> None:
    """Record each change of the text, or of the class, of the first element of a CSS selector under a name."""
    page.evaluate(MARKS, [selector, name, is_class])


def recorded(page: Page, name: str) -> list[tuple[float, str]]:
    """Wall times in seconds, and texts or classes from then on."""
    marks = page.evaluate("(name) => window[name]", name)
    return [(mark["time_ms"] / 1_000, mark["shown"]) for mark in marks]


LOST: Final = (
    r"ERR_CONNECTION_REFUSED",
    r"ERR_CONNECTION_RESET",
    r"ERR_CONNECTION_CLOSED",
    r"ERR_CONTENT_LENGTH_MISMATCH",
    r"ERR_EMPTY_RESPONSE",
    r"ERR_INCOMPLETE",
    r"WebSocket connection to .* failed",
    r"ERR_TIMED_OUT",
    r"ERR_SOCKET_NOT_CONNECTED",
)
"""Console errors of requests to a web process that does not run, or ends in the middle of a reply."""

UNANSWERED: Final = (r"status of 503",)
"""Console errors of requests that need a reply of portfolio."""
