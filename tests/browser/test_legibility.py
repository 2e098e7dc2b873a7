"""Texts are whole and apart from each other on each page of a busy, an empty, a stale and a halted desk."""

from __future__ import annotations

from typing import Any, Final

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visiting
from tests.browser.desks import HandDesk, ServedDesk
from tests.browser.test_navigation import PAGES
from tests.browser.visits import NARROW, UNANSWERED, WIDE, Visit

CHART_TEXTS: Final = """
const prototype = CanvasRenderingContext2D.prototype;
const { clearRect, fillText } = prototype;
prototype.clearRect = function (...rectangle) {
  this.canvas.texts = [];
  clearRect.apply(this, rectangle);
};
prototype.fillText = function (text, x, y) {
  const width = this.measureText(text).width;
  const left = x - width * { left: 0, center: 0.5, right: 1 }[this.textAlign];
  this.canvas.texts.push({ text, left, right: left + width, top: y - 5, bottom: y + 5 });
  fillText.call(this, text, x, y);
};
"""
"""Keeps the texts of each chart as last drawn; 10 px is the height of its letters."""

FAULTS: Final = """
() => {
  const faults = [];
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
  const compare = (texts) => texts.forEach((one, index) => {
    for (const other of texts.slice(0, index)) if (meet(one, other)) faults.push(`"${one.text}" on "${other.text}"`);
  });
  const shown = [];
  const range = document.createRange();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const isInSight = (box, node) => {
    for (let parent = node; parent; parent = parent.parentElement) {
      const style = getComputedStyle(parent);
      if (style.overflow === "visible" || style.textOverflow === "ellipsis") continue;
      const { left, right, top, bottom } = parent.getBoundingClientRect();
      const isWhole = box.left >= left - 1 && box.right <= right + 1 && box.top >= top - 2 && box.bottom <= bottom + 2;
      if (isWhole) continue;
      if (style.overflowX === "auto") return false; // the person can scroll to it
      faults.push(`"${node.textContent.slice(0, 40)}" is cut by ${parent.localName}.${parent.className}`);
    }
    return true;
  };
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim();
    const isHidden = !node.checkVisibility() || node.closest(".visually-hidden, .skip, select, details.menu > div");
    if (!text || isHidden) continue;
    range.selectNodeContents(walker.currentNode);
    for (const box of range.getClientRects()) {
      if (box.width && isInSight(box, node)) {
        shown.push({ text: text.slice(0, 40), left: box.left, right: box.right, top: box.top, bottom: box.bottom });
      }
    }
  }
  compare(shown);
  for (const canvas of document.querySelectorAll("desk-chart > canvas")) {
    if (!canvas.texts) faults.push("a chart is not drawn");
    compare(canvas.texts ?? []);
  }
  return faults;
}
"""
"""Texts that lie on another text, or that a container cuts."""


@pytest.fixture(params=["busy", "empty", "stale", "halted"])
def desk(request: pytest.FixtureRequest) -> ServedDesk:
    """A desk in each condition; the stale one is a replay that has ended."""
    if request.param in ("busy", "stale"):
        shared: ServedDesk = request.getfixturevalue("busy_desk" if request.param == "busy" else "replay")
        return shared
    hand: HandDesk = request.getfixturevalue("hand_desk")
    if request.param == "halted":
        assert hand.command("halt").is_success
    return hand.served


def visit_of(desk: ServedDesk, visiting: Visiting, width: int) -> Visit:
    visit = visiting(desk, viewport={"width": width, "height": 844})
    visit.context.add_init_script(CHART_TEXTS)
    if desk.kept:
        visit.permit(*UNANSWERED)
    return visit


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_no_text_is_cut_or_lies_on_another(desk: ServedDesk, visiting: Visiting, width: int) -> None:
    visit = visit_of(desk, visiting, width)
    page = visit.open()
    for name in PAGES:
        visit.go(name)
        expect(page.locator(f"page-{name} .loading:visible")).to_have_count(0)
        assert page.evaluate(FAULTS) == [], name


CHART: Final = """
async ({ early, late }) => {
  const { Chart } = await import("./js/chart/chart.js");
  const chart = new Chart().setup({ label: "Trial", digits: 2 });
  const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  document.body.append(chart);
  chart.style.marginTop = "4000px";
  chart.style.width = "316px";
  if (early) chart.set(early);
  await frames();
  if (late) chart.set(late);
  const texts = chart.querySelector("canvas").texts ?? [];
  chart.remove();
  return texts;
}
"""
"""The texts of a chart off the screen, with data before and after its first frame."""

TIMES: Final = [1_700_000_000_000, 1_700_000_060_000]
DATA: Final = {"lines": [{"name": "equity", "times": TIMES, "values": [100, 99]}]}


@pytest.mark.parametrize(("early", "late"), [(DATA, None), ({}, DATA)])
def test_a_chart_off_the_screen_is_drawn_as_soon_as_it_has_data(
    hand_desk: HandDesk, visiting: Visiting, early: Any, late: Any
) -> None:
    page = visit_of(hand_desk.served, visiting, NARROW).open()
    assert page.evaluate(CHART, {"early": early, "late": late})


def test_labels_of_levels_lie_apart(hand_desk: HandDesk, visiting: Visiting) -> None:
    page = visit_of(hand_desk.served, visiting, NARROW).open()
    values = {"equity": 99, "balance": 98.99, "warning": 90, "reduce only": 80, "halt": 70}
    levels = [{"value": value, "text": text} for text, value in values.items()]
    texts = page.evaluate(CHART, {"early": {}, "late": DATA | {"levels": levels}})
    assert {"equity", "balance", "99.00", "98.99"} <= {one["text"] for one in texts}
    assert overlaps(texts) == []


def overlaps(texts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The pairs of texts that overlap."""
    return [
        (one["text"], other["text"])
        for index, one in enumerate(texts)
        for other in texts[:index]
        if min(one["right"], other["right"]) > max(one["left"], other["left"])
        and min(one["bottom"], other["bottom"]) > max(one["top"], other["top"])
    ]
