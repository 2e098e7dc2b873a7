"""Widths, themes and the keyboard: every page fits, and every control is reachable and shows its focus."""

from __future__ import annotations

from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visiting
from tests.browser.desks import HandDesk, ServedDesk
from tests.browser.test_navigation import PAGES
from tests.browser.visits import NARROW, UNANSWERED, WIDE

OVERFLOW: Final = """
() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const isWide = (node) => node.getBoundingClientRect().right > width + 1 && !node.closest(".table-scroll");
  return [...document.body.querySelectorAll("*")].filter(isWide).map((node) => `${node.localName}.${node.className}`);
}
"""

CONTROLS: Final = """
() => {
  const selector = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const isUsable = (node) => node.checkVisibility() && !node.disabled && node.tabIndex >= 0;
  const found = [...document.querySelectorAll(selector)].filter(isUsable);
  found.forEach((node, index) => (node.dataset.control = String(index)));
  return found.map((node) => `${node.localName} ${node.ariaLabel ?? node.textContent.trim().slice(0, 30)}`);
}
"""

FOCUSED: Final = """
() => {
  const node = document.activeElement;
  const style = getComputedStyle(node);
  const hasOutline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  return [node.dataset.control ?? "", hasOutline || style.boxShadow !== "none"];
}
"""

NAMELESS: Final = """
() => [...document.querySelectorAll("button, input, select, summary, a[href]")]
  .filter((node) => node.checkVisibility())
  .filter((node) => !(node.ariaLabel || node.textContent.trim() || node.labels?.length || node.title))
  .map((node) => node.outerHTML)
"""


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_no_page_scrolls_sideways(
    busy_desk: ServedDesk, visiting: Visiting, width: int, theme: Literal["dark", "light"]
) -> None:
    visit = visiting(busy_desk, viewport={"width": width, "height": 844}, color_scheme=theme)
    page = visit.open()
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    for name in PAGES:
        visit.go(name)
        expect(page.locator(f"page-{name} .loading:visible")).to_have_count(0)
        assert page.evaluate(OVERFLOW) == [], name
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, name
        expect(page.locator(".head .simulated")).to_have_text("SIMULATED")
        expect(page.locator(".head .simulated")).to_be_in_viewport()


def reached(page: Page, count: int) -> dict[str, bool]:
    """The controls that the key Tab reaches, and whether each shows its focus."""
    found = dict[str, bool]()
    for _ in range(2 * count):
        page.keyboard.press("Tab")
        control, is_shown = page.evaluate(FOCUSED)
        if control:
            found[control] = found.get(control, False) or is_shown
        if len(found) == count:
            break
    return found


@pytest.mark.parametrize("name", PAGES)
def test_every_control_is_reached_by_the_keyboard(replay: ServedDesk, visiting: Visiting, name: str) -> None:
    visit = visiting(replay)
    visit.permit(*UNANSWERED)
    page = visit.open(name)
    expect(page.locator(f"page-{name} .loading:visible")).to_have_count(0)
    page.evaluate("document.activeElement.blur()")
    controls: list[Any] = page.evaluate(CONTROLS)
    found = reached(page, len(controls))
    missed = [text for index, text in enumerate(controls) if str(index) not in found]
    assert missed == []
    assert [controls[int(index)] for index, is_shown in found.items() if not is_shown] == []
    assert page.evaluate(NAMELESS) == []


def test_a_command_by_the_keyboard(hand_desk: HandDesk, visiting: Visiting) -> None:
    page = visiting(hand_desk.served).open()
    halt = page.get_by_role("button", name="■ Halt")
    halt.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Halt")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(halt).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(".state-large")).to_have_text("■ HALTED")
    resume = page.get_by_role("button", name="▶ Resume")
    resume.focus()
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("by the keyboard")
    page.keyboard.press("Enter")
    expect(page.locator(".state-large")).to_have_text("● TRADING")
