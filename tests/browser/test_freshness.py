"""The page never looks fresher than it is: slow drawing, a silent server, and a tab that was hidden."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from time import monotonic
from typing import Any, Final

import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visiting
from tests.browser.desks import HandDesk, ServedDesk
from tests.browser.visits import NARROW, SHOWN_S, WIDE, record, recorded
from tests.support.waits import wait_for

STALE_S: Final = 3.0
"""Longest time in seconds until a page with a problem is marked as stale."""

BOUND_S: Final = 2.0
"""Longest age in seconds of what a slow page draws."""

SLOW_DRAWS: Final = 25

SLOWNESS: Final = """
window.slow_ms = 0;
const request = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (draw) => request((time) => {
  draw(time);
  const end = performance.now() + window.slow_ms;
  while (performance.now() < end) continue;
});
"""
"""Each drawing takes `slow_ms` longer."""

HIDING: Final = """
let isHidden = false;
Object.defineProperty(document, "hidden", { get: () => isHidden });
window.hide = (hidden) => {
  isHidden = hidden;
  document.dispatchEvent(new Event("visibilitychange"));
};
"""
"""Chromium without a window shows every tab, so the test says which are hidden."""


def age_s(text: str) -> float:
    """Seconds of a text such as "age 0.4 s"; ages of a minute and more do not match."""
    found = re.search(r"([\d.]+) s", text)
    assert found, text
    return float(found.group(1))


def test_slow_drawing_is_marked_and_its_age_is_bounded(busy_desk: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(busy_desk)
    visit.context.add_init_script(SLOWNESS)
    page = visit.open()
    bar = page.locator(".stale-bar")
    expect(bar).to_be_hidden()
    record(page, ".stale-cause", "causes")
    slow_at_ms = page.evaluate("window.slow_ms = 300, Date.now()")
    expect(bar).to_contain_text("drawing takes 3")
    marked_s = next(at_s for at_s, text in recorded(page, "causes") if "drawing takes" in text)
    assert marked_s - slow_at_ms / 1_000 < STALE_S
    expect(page.locator(".head .age")).to_have_attribute("data-tone", "warn")
    record(page, ".head .age", "ages")
    bid = page.locator("symbol-card .bid").first
    before = bid.inner_text()
    wait_for(lambda: bid.inner_text() != before, "an update of a slow page", seconds=SHOWN_S)
    wait_for(lambda: len(recorded(page, "ages")) > SLOW_DRAWS, "ages of a slow page", seconds=SHOWN_S)
    ages_s = [age_s(text) for _, text in recorded(page, "ages")]
    assert max(ages_s) < BOUND_S
    page.evaluate("window.slow_ms = 0")
    expect(bar).to_be_hidden()


def process(desk: HandDesk, name: str) -> psutil.Process:
    """A process of the desk."""
    [pid] = [row["pid"] for row in desk.served.read("/processes") if row["name"] == name]
    return psutil.Process(pid)


@pytest.fixture
def web(hand_desk: HandDesk) -> Iterator[psutil.Process]:
    """The web process of a desk without a watchdog; it continues after the test."""
    found = process(hand_desk, "web")
    yield found
    found.send_signal(signal.SIGCONT)


@pytest.fixture
def gateway(hand_desk: HandDesk) -> Iterator[psutil.Process]:
    """The gateway of a desk without a watchdog; it continues after the test."""
    found = process(hand_desk, "mt5")
    yield found
    found.send_signal(signal.SIGCONT)


QUOTE_BOXES: Final = """
() => [...document.querySelectorAll(".quote-line, .quote-line > :not(.session), .quote-age > .age")].map((node) => {
  const line = node.closest(".quote-line").getBoundingClientRect();
  const { x, y, height } = node.getBoundingClientRect();
  return [node.className, x - line.x, y - line.y, height];
})
"""
"""Place in its quote line and height of each part, in pixels."""


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_quote_older_than_2_s_is_marked_without_moving_anything(
    hand_desk: HandDesk, visiting: Visiting, gateway: psutil.Process, width: int
) -> None:
    page = visiting(hand_desk.served, viewport={"width": width, "height": 900}).open()
    age = page.locator("symbol-card .quote-age").first
    expect(age).to_contain_text("0.")
    record(page, "symbol-card .quote-age", "ages")
    boxes = page.evaluate(QUOTE_BOXES)
    gateway.send_signal(signal.SIGSTOP)
    expect(age).to_contain_text("⚠")
    expect(page.locator(".is-old .quote-line").first).to_be_visible()
    for name in ("▼ Sell ⚠", "▲ Buy ⚠"):
        expect(page.locator("order-ticket").get_by_role("button", name=name)).to_be_visible()
    assert page.evaluate(QUOTE_BOXES) == boxes
    gateway.send_signal(signal.SIGCONT)
    expect(age).not_to_contain_text("⚠")
    shown = [text for _, text in recorded(page, "ages")]
    assert min(age_s(text) for text in shown if "⚠" in text) >= 2.0
    assert max(age_s(text) for text in shown if "⚠" not in text) <= 2.0


def test_a_silent_server_is_marked(hand_desk: HandDesk, visiting: Visiting, web: psutil.Process) -> None:
    page = visiting(hand_desk.served).open()
    bar = page.locator(".stale-bar")
    expect(bar).to_be_hidden()
    web.send_signal(signal.SIGSTOP)
    stopped_s = monotonic()
    expect(bar).to_contain_text("STALE: no message from the server")
    assert monotonic() - stopped_s < STALE_S
    expect(bar).to_contain_text(re.compile(r" 3\.\d s old"))
    web.send_signal(signal.SIGCONT)
    expect(bar).to_be_hidden()


def messages(page: Page) -> list[tuple[str, dict[str, Any]]]:
    """Address and first message of each WebSocket from now on."""
    found: list[tuple[str, dict[str, Any]]] = []

    def on_socket(socket: Any) -> None:
        def on_message(text: str) -> None:
            if not any(url is socket.url for url, _ in found):
                found.append((socket.url, json.loads(text)))

        socket.on("framereceived", on_message)

    page.on("websocket", on_socket)
    return found


def test_a_hidden_tab_asks_from_its_number(busy_desk: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(busy_desk)
    visit.context.add_init_script(HIDING)
    first = messages(visit.page)
    page = visit.open()
    page.evaluate("window.hide(true)")
    wait_for(
        lambda: (busy_desk.read("/system") or {"web": {"clients": 1}})["web"]["clients"] == 0,
        "the hidden tab to disconnect",
        seconds=SHOWN_S,
    )
    page.evaluate("window.hide(false)")
    wait_for(lambda: page.title() and len(first) == 2, "the first message of the second WebSocket", seconds=SHOWN_S)
    (url, snapshot), (again, delta) = first
    assert snapshot["type"] == "snapshot"
    assert "since" not in url
    assert delta["type"] == "delta"
    assert f"boot={snapshot['boot']}" in again
    since = int(re.search(r"since=(\d+)", again).group(1))  # type: ignore[union-attr]
    assert snapshot["number"] <= since <= delta["number"]
    expect(page.locator(".stale-bar")).to_be_hidden()
    expect(page.locator("symbol-card .quote-age").first).not_to_contain_text("⚠")
