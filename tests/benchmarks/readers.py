"""`make bench-readers`: the effect of twenty readers of the page's WebSocket on the time from a tick to its order.

A live desk trades at 500 ticks a second, and its web process runs all the time. In block A no socket is open. In block
B another process has twenty WebSockets that read everything and answer each second. The blocks alternate (AB BA AB
...), so that a trend of the machine falls on both. The quantiles of a block are those of the orders between two replies
of portfolio, and the seconds in which sockets are opened are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from tests.benchmarks.figures import publish, row
from tests.benchmarks.reading_sockets import READY, TOKEN_VARIABLE
from tests.benchmarks.web_desk import SYMBOLS, Usage, WebDesk, a_web_desk, machine, order_quantiles_us, pause

SETTLING_S: Final = 5.0
READERS_STOP_S: Final = 20.0
RATIO_MAX: Final = 1.1
QUANTILES: Final = ("p50", "p99")


def main() -> None:
    """Measure all pairs, print the table, and write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.readers", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5, help="pairs of blocks")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each block")
    parser.add_argument("--readers", type=int, default=20, help="WebSockets in each block B")
    parser.add_argument("--json", type=Path, default=None, help="file for the figures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pdr-") as folder:
        figures = measure(Path(folder), pairs=arguments.pairs, block_s=arguments.seconds, readers=arguments.readers)
    console = publish(figures, _table(figures), arguments.json)
    for quantile in QUANTILES:
        ratio = figures["median ratio"][quantile]
        console.print(f"median ratio of {quantile}, with to without readers: {ratio:.2f} (target: at most {RATIO_MAX})")


def measure(folder: Path, *, pairs: int, block_s: float, readers: int) -> dict[str, Any]:
    """Measure all blocks.

    Args:
        folder: folder for the desk.
        pairs: number of pairs of blocks.
        block_s: length of a block in seconds.
        readers: number of sockets.

    Returns:
        `pairs`: the figures of both blocks of each pair, and the ratios of their quantiles. `median ratio`: the medians
        of these ratios.
    """
    seconds = 2 * pairs * (block_s + 2 * SETTLING_S)
    with a_web_desk(folder, seconds=seconds, symbols=SYMBOLS[:1]) as desk:
        token = desk.token()
        found = []
        for number in range(pairs):
            blocks: dict[str, Any] = {}
            for name in "AB" if number % 2 == 0 else "BA":
                blocks[name] = _block(desk, token, block_s=block_s, readers=readers if name == "B" else 0)
            ratio = {name: blocks["B"][name] / blocks["A"][name] for name in QUANTILES}
            found.append({**blocks, "ratio": ratio})
            sys.stderr.write(f"pair {number + 1}: {json.dumps(found[-1])}\n")
    medians = {name: statistics.median(pair["ratio"][name] for pair in found) for name in QUANTILES}
    return {"pairs": found, "median ratio": medians, "readers": readers, "seconds": block_s, **machine()}


def _block(desk: WebDesk, token: str, *, block_s: float, readers: int) -> dict[str, Any]:
    """The figures of one block."""
    found: dict[str, Any] = {}
    with _reading(desk, token, readers, found) if readers else nullcontext():
        pause(SETTLING_S)
        usage, before = Usage(desk.processes["web"]), desk.orders()
        pause(block_s)
        found |= order_quantiles_us(before, desk.orders())
        found["web CPU %"], found["web MB"] = usage.take()
    pause(SETTLING_S)
    return found


@contextmanager
def _reading(desk: WebDesk, token: str, count: int, found: dict[str, Any]) -> Iterator[None]:
    """Read with `count` sockets during the block; then `found` gets the numbers of messages and bytes."""
    url = f"{desk.url.replace('http', 'ws', 1)}/api/v1/live"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.reading_sockets", url, str(count)],
        env={**os.environ, TOKEN_VARIABLE: token},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().strip() == READY, "the sockets were not opened"
        yield
        output, _ = process.communicate(timeout=READERS_STOP_S)
        sockets = json.loads(output)
        assert not sockets["closes"], f"the server closed sockets: {sockets['closes']}"
        found["sockets"] = sockets
    finally:
        process.kill()
        process.wait()


def _table(figures: dict[str, Any]) -> Table:
    title = (
        f"tick to order, A: no reader, B: {figures['readers']} readers, blocks of {figures['seconds']:g} s; "
        f"{figures['machine']}, {figures['cores']} cores, load {figures['load']}, Python {figures['python']}"
    )
    table = Table(title=title)
    for name in ("measured", "A", "B", "B / A"):
        table.add_column(name, justify="left" if name == "measured" else "right")
    for number, pair in enumerate(figures["pairs"], start=1):
        for name in QUANTILES:
            without, reading = (f"{pair[block][name]:,.0f} µs" for block in "AB")
            table.add_row(*row(f"pair {number}, {name}", without, reading, f"{pair['ratio'][name]:.2f}"))
        for name, unit in (("orders", ""), ("web CPU %", " %"), ("web MB", " MB")):
            without, reading = (f"{pair[block][name]:,}{unit}" for block in "AB")
            table.add_row(*row(f"pair {number}, {name}", without, reading))
    return table


if __name__ == "__main__":
    main()
