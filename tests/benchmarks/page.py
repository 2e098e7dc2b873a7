"""`make bench-page`: a visible browser on the Desk page of a live desk with four symbols and 500 ticks a second.

Chromium shows four candle charts with fills, and the equity. A script beside the page notes each drawing after its
painting: the time by the page's estimate of the server's clock, and the quotes that are drawn. From these the age of
what is on the screen is computed for each hundredth of a second, also while the page is too busy to answer. The age of
a drawing is that of its oldest symbol, from the arrival of the newest quote at the web process; the delay from the
venue begins at the venue's time instead, and its shortest is taken as 0.

With --throttle N the browser's CPU is slowed down N times. Then only the age and the merging of messages are reported.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import psutil
from playwright.sync_api import Browser, CDPSession, Page, ViewportSize, WebSocket, expect, sync_playwright
from rich.table import Table

from tests.benchmarks.figures import publish
from tests.benchmarks.web_desk import SYMBOLS, Usage, WebDesk, a_web_desk, machine

SETTLING_S: Final = 10.0
SHOWN_MS: Final = 60_000.0
MINUTE_S: Final = 60
GRID_MS: Final = 10.0
COLLECTIONS: Final = 10
COLLECTION_PAUSE_MS: Final = 70.0
"""The collections fall into different parts of an update of 200 ms, and the smallest heap counts.

On a busy machine an update often falls between a collection and the reading of the heap, and adds its values to it.
"""

SIZE: Final = ViewportSize(width=1_440, height=900)

TARGETS: Final = {
    "age ms": "p99 at most 500",
    "throttled age ms": "less than 3,000",
    "renderer CPU %": "at most 25",
    "task ms an update": "at most 50",
    "heap MB": "at most 10 % more after the first minute",
    "web MB": "at most 10 % more after the first minute",
}

WATCH: Final = """
(async () => {
  const app = document.querySelector("script[type=module]").src;
  const { live } = await import(new URL("live.js", app));
  const drawings = [];
  const painted = new MessageChannel();
  let quotes = [];
  painted.port1.onmessage = () => drawings.push([live.now_ms(), Date.now(), ...quotes]);
  live.watch(["quote:"], () => {
    quotes = live.keys("quote:").map((key) => [live.get(key).received_ns / 1e6, live.get(key).time_ns / 1e6]);
    painted.port2.postMessage(null);
  });
  globalThis.takeDrawings = () => JSON.stringify(drawings.splice(0));
})()
"""
"""Records each drawing after its painting. It gets the page's own module, which the browser has already loaded."""

Floats = npt.NDArray[np.float64]


class _Message(msgspec.Struct):
    number: int


_decode = msgspec.json.Decoder(_Message).decode


@dataclass
class Drawings:
    """All drawings: times in ms by the page's estimate, and of each the quotes' arrival and venue time in ms."""

    at_ms: list[float] = field(default_factory=list)
    clock_error_ms: list[float] = field(default_factory=list)
    received_ms: list[float] = field(default_factory=list)
    venue_ms: list[float] = field(default_factory=list)

    def add(self, rows: list[list[Any]]) -> None:
        """Take drawings from the page."""
        for at_ms, own_ms, *quotes in rows:
            self.at_ms.append(at_ms)
            self.clock_error_ms.append(at_ms - own_ms)
            self.received_ms.append(min(received_ms for received_ms, _ in quotes))
            self.venue_ms.append(min(venue_ms for _, venue_ms in quotes))

    def ages_ms(self) -> Floats:
        """Age of the drawn quotes at each `GRID_MS`, since their arrival."""
        return self._since(np.asarray(self.received_ms))

    def delays_ms(self) -> Floats:
        """Age of the drawn quotes at each `GRID_MS`, since their venue time; the shortest delay counts as 0."""
        venue_ms = np.asarray(self.venue_ms)
        return self._since(venue_ms + np.min(np.asarray(self.received_ms) - venue_ms))

    def _since(self, begin_ms: Floats) -> Floats:
        at_ms = np.asarray(self.at_ms)
        grid = np.arange(at_ms[0], at_ms[-1], GRID_MS)
        return np.asarray(grid - begin_ms[np.searchsorted(at_ms, grid, side="right") - 1])


class Messages:
    """Numbers of the messages that the page received by its WebSocket."""

    def __init__(self, page: Page) -> None:
        """Count from the next connection of `page`."""
        self.count = 0
        self.first = self.last = 0
        self.connections = 0
        page.on("websocket", self._open)

    def begin(self) -> None:
        """Count from now."""
        self.count, self.first = 0, self.last

    def _open(self, socket: WebSocket) -> None:
        self.connections += 1
        socket.on("framereceived", self._note)

    def _note(self, payload: str | bytes) -> None:
        self.last = _decode(payload).number
        self.count += 1


def main() -> None:
    """Measure, print the table, and write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.page", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the measurement")
    parser.add_argument("--throttle", type=float, default=1.0, help="factor by which the browser's CPU is slowed down")
    parser.add_argument("--json", type=Path, default=None, help="file for the figures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pdp-") as folder:
        figures = measure(Path(folder), seconds=arguments.minutes * MINUTE_S, throttle=arguments.throttle)
    publish(figures, _table(figures), arguments.json)


def measure(folder: Path, *, seconds: float, throttle: float = 1.0) -> dict[str, Any]:
    """Measure one visible page.

    Args:
        folder: folder for the desk.
        seconds: length of the measurement in seconds.
        throttle: factor by which the browser's CPU is slowed down.
    """
    with (
        a_web_desk(folder, seconds=seconds + SETTLING_S + SHOWN_MS / 1_000, symbols=SYMBOLS) as desk,
        _a_browser() as browser,
    ):
        page = browser.new_page(viewport=SIZE)
        messages = Messages(page)
        page.goto(desk.sign_in_address())
        expect(page.locator("symbol-card desk-chart")).to_have_count(len(SYMBOLS), timeout=SHOWN_MS)
        for chart in (page.locator("symbol-card desk-chart").last, page.locator("desk-equity desk-chart")):
            expect(chart).to_be_in_viewport(timeout=SHOWN_MS)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        session.send("Emulation.setCPUThrottlingRate", {"rate": throttle})
        _evaluate(session, WATCH)
        page.wait_for_timeout(SETTLING_S * 1_000)
        _evaluate(session, "takeDrawings()")
        messages.begin()
        figures = _measure(desk, page, session, _renderer(browser), seconds, is_throttled=throttle != 1.0)
        figures |= _merging(messages, figures["drawings"])
    return {**figures, "seconds": seconds, "throttle": throttle, **machine()}


def _measure(
    desk: WebDesk, page: Page, session: CDPSession, renderer: psutil.Process, seconds: float, *, is_throttled: bool
) -> dict[str, Any]:
    """The figures of each minute, and of all of them."""
    drawings = Drawings()
    minutes = list[dict[str, Any]]()
    web = Usage(desk.processes["web"])
    begin_s = monotonic()
    while monotonic() - begin_s < seconds:
        length_s = min(MINUTE_S, seconds - (monotonic() - begin_s))
        minutes.append(_minute(page, session, renderer, drawings, length_s))
        minutes[-1]["web CPU %"], minutes[-1]["web MB"] = web.take()
        sys.stderr.write(f"minute {len(minutes)}: {json.dumps(minutes[-1])}\n")
    figures = {
        "age ms": _quantiles(drawings.ages_ms()),
        "delay from the venue ms": _quantiles(drawings.delays_ms()),
        "error of the page's clock ms": round(float(np.median(drawings.clock_error_ms)), 1),
        "drawings": len(drawings.at_ms),
    }
    if is_throttled:
        return figures
    growth = {name: _growth_pct([minute[name] for minute in minutes]) for name in ("heap MB", "web MB")}
    return {**figures, "minutes": minutes, "growth %": growth}


def _minute(
    page: Page, session: CDPSession, renderer: psutil.Process, drawings: Drawings, length_s: float
) -> dict[str, Any]:
    """Mean and largest of the figures of each second, and the heap after a collection at the end."""
    usage = Usage(renderer)
    task_s = _metrics(session)["TaskDuration"]
    shares_pct, tasks_ms = list[float](), list[float]()
    end_s = monotonic() + length_s
    while (left_s := end_s - monotonic()) > 0:
        page.wait_for_timeout(min(1.0, left_s) * 1_000)
        rows = json.loads(_evaluate(session, "takeDrawings()"))
        drawings.add(rows)
        shares_pct.append(usage.take()[0])
        before_s, task_s = task_s, _metrics(session)["TaskDuration"]
        tasks_ms.append(1_000 * (task_s - before_s) / max(1, len(rows)))
    # The garbage collections run after the last measurement of the minute.
    return {
        "renderer CPU %": _mean_and_max(shares_pct),
        "task ms an update": _mean_and_max(tasks_ms),
        "heap MB": round(min(_heap_mb(page, session) for _ in range(COLLECTIONS)), 2),
    }


def _heap_mb(page: Page, session: CDPSession) -> float:
    """The heap after a garbage collection, with compiled code and the values of an unfinished update."""
    page.wait_for_timeout(COLLECTION_PAUSE_MS)
    session.send("HeapProfiler.collectGarbage")
    return _metrics(session)["JSHeapUsedSize"] / 1e6


def _merging(messages: Messages, drawings: int) -> dict[str, Any]:
    """Number of states that were merged before sending, and of messages that were merged before drawing."""
    return {
        "states of the server": messages.last - messages.first,
        "messages": messages.count,
        "connections": messages.connections,
        "messages a drawing": round(messages.count / max(1, drawings), 2),
    }


def _evaluate(session: CDPSession, script: str) -> Any:
    """The result of a script in the page, which its content security policy permits only to the debugger."""
    reply = session.send("Runtime.evaluate", {"expression": script, "awaitPromise": True, "returnByValue": True})
    assert "exceptionDetails" not in reply, reply
    return reply["result"].get("value")


def _metrics(session: CDPSession) -> dict[str, float]:
    return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}


def _renderer(browser: Browser) -> psutil.Process:
    """The page's renderer process: of all renderers, the one that has used the processor most."""
    session = browser.new_browser_cdp_session()
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    renderers = [one for one in found if one["type"] == "renderer"]
    return psutil.Process(max(renderers, key=lambda one: float(one["cpuTime"]))["id"])


@contextmanager
def _a_browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        raise SystemExit("chromium is not installed, expected it on PATH; Debian: apt-get install chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # as root Chromium does not start with it
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def _quantiles(values: Floats) -> dict[str, float]:
    p50, p99 = np.quantile(values, [0.5, 0.99])
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1), "max": round(float(values.max()), 1)}


def _mean_and_max(values: list[float]) -> dict[str, float]:
    return {"mean": round(float(np.mean(values)), 1), "max": round(float(np.max(values)), 1)}


def _growth_pct(values: list[float]) -> float:
    """Growth from the first minute to the last, in percent."""
    return round(100 * (values[-1] / values[0] - 1), 1)


def _table(figures: dict[str, Any]) -> Table:
    is_throttled = figures["throttle"] != 1.0
    title = (
        f"{figures['seconds']:g} s"
        + (f", CPU {figures['throttle']:g} times slower" if is_throttled else "")
        + f"; {figures['machine']}, {figures['cores']} cores, load {figures['load']}, Python {figures['python']}"
    )
    table = Table(title=title)
    for name in ("measured", "value", "target"):
        table.add_column(name, justify="left" if name == "measured" else "right")
    for name in ("age ms", "delay from the venue ms"):
        target = TARGETS.get(f"throttled {name}" if is_throttled else name, "")
        values = figures[name]
        table.add_row(f"{name}, p50 / p99 / largest", _joined(values, "p50", "p99", "max"), target)
    for name in ("drawings", "messages", "states of the server", "messages a drawing", "error of the page's clock ms"):
        table.add_row(name, f"{figures[name]:,}", "")
    for number, minute in enumerate(figures.get("minutes", ()), start=1):
        for name, value in minute.items():
            shown = _joined(value, "mean", "max") if isinstance(value, dict) else f"{value:,}"
            label = f"{name}, mean / largest" if isinstance(value, dict) else name
            table.add_row(f"minute {number}, {label}", shown, TARGETS.get(name, ""))
    for name, growth_pct in figures.get("growth %", {}).items():
        table.add_row(f"{re.sub(' MB', '', name)}, growth after the first minute", f"{growth_pct} %", TARGETS[name])
    return table


def _joined(values: dict[str, float], *names: str) -> str:
    return " / ".join(f"{values[name]:,}" for name in names)


if __name__ == "__main__":
    main()
