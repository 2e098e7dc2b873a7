"""The results as a section of docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

from tests.benchmarks.peers.comparison import Row
from tests.benchmarks.peers.work import CROSSING, MODEL

HEADING: Final = "## Other libraries"
COMPARED_WITH: Final = "run_nautilus_trader"
TITLES: Final = {
    CROSSING: "`ema_cross` over {ticks:,} quotes",
    MODEL: "the demo model ({trees} trees, all features) over {ticks:,} quotes",
}
INTRODUCTION: Final = """\
`make bench-peers FILE=quotes.parquet` runs the same work in other libraries, one after another in one session: 0.01
lots of EURUSD, reversed at the touch of the quote that changes the side, without latency or fees, crossed quotes
accepted. The versions are those of `requirements/peers.lock`, in an environment that is built for the run. A result
counts only if its legs (lots opened or closed) and its profit are those of a plain Python loop, to the cent. Ticks per
second are those of processor time, elapsed time in brackets; the set-up before the first tick is apart. hftbacktest's
book cannot be crossed, so it is compared with the loop on quotes with bid and ask exchanged. With limits, Paperdesk
denies most orders, so that row is not compared.
"""


def machine(today: date) -> str:
    """Date and machine of a run in one line."""
    return f"{today.isoformat()}, {processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def processor() -> str:
    """Model of the processor, or the type of the machine."""
    information = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.+)$", information.read_text(), re.MULTILINE) if information.exists() else None
    return found[1] if found else platform.machine()


def section(rows: Sequence[Row], *, where: str, rounds: int, ticks: dict[str, int], trees: int) -> str:
    """The section in Markdown.

    Args:
        rows: the rows of all works.
        where: date and machine.
        rounds: number of times that each run was made; times are medians.
        ticks: number of quotes of each work.
        trees: number of trees of the model.
    """
    times = "once" if rounds == 1 else f"{rounds} times, medians"
    parts = [f"{HEADING}\n\n{INTRODUCTION}\n{where}, each {times}:"]
    for work, title in TITLES.items():
        lines = [
            f"| {title.format(ticks=ticks[work], trees=trees)} | version "
            "| ticks/s | to NautilusTrader | set-up | memory | legs | profit |",
            "|---|---|---|---|---|---|---|---|",
        ]
        of_work = [row for row in rows if row.run.work == work]
        base = next(
            (row.result.cpu_s for row in of_work if row.run.module == COMPARED_WITH and row.result is not None), None
        )
        lines += [_line(row, base) for row in of_work]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _line(row: Row, base_s: float | None) -> str:
    result = row.result
    if result is None:
        return f"| {row.run.name} | | {row.problem} | | | | | |"
    ratio = f"{base_s / result.cpu_s:.2f}" if base_s is not None else ""
    memory = f"{result.peak_mb:.0f} MB" if result.peak_mb is not None else ""
    return (
        f"| {row.run.name} | {result.version} | {result.ticks / result.cpu_s:,.0f} "
        f"({result.ticks / result.run_s:,.0f}) | {ratio} | {result.setup_s:.1f} s | {memory} "
        f"| {result.legs:,} | {result.profit:.2f} |"
    )


def write_section(page: Path, text: str) -> None:
    """Replace the section of the page, or add it at its end."""
    before, found, after = page.read_text().partition(f"{HEADING}\n")
    if not found:
        page.write_text(f"{before.rstrip()}\n\n{text}")
        return
    following = re.search(r"^## ", after, re.MULTILINE)
    rest = after[following.start() :] if following else ""
    page.write_text(before + text + (f"\n{rest}" if rest else ""))
