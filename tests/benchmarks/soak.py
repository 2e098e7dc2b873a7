"""`make soak TICKS=10000000`: the desk's memory must not grow with the number of ticks.

A generated market is played through the real cores in one process, in lock-step: the gateway with its book, a signal
engine, and portfolio with a ledger on disk. Resident memory and the number of orders are printed at each million ticks.
Portfolio keeps orders in memory. So the strategy makes orders only on its first 1,000 ticks and then holds. Any later
growth is memory kept for each tick, which is an error.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console

from research.backtest import Backtest
from research.in_process_desk import COMMIT_EVERY_TICKS
from research.run_spec import RunSpec
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.simulated.book_store import MemoryBookStore
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.signal.core.tick_buffer import TickBuffer
from tests.benchmarks.workload import a_run, write_ticks

MILLION: Final = 1_000_000
ORDERS: Final = 1_000
GROWTH_MB_MAX: Final = 8.0
"""Allowed growth in MB from the first reading to the last. 8 bytes kept for each of nine million ticks are 72 MB."""

BUSY: Final = "tests.benchmarks.soak:BusyThenQuiet"


class BusyThenQuiet:
    """Changes sides on each of the first `ORDERS` ticks, then holds."""

    name = "busy_then_quiet"
    warm_up_ticks = 0

    def __init__(self) -> None:
        """Start without ticks."""
        self._seen = 0

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """The opposite of the last side during the first `ORDERS` ticks, then hold."""
        self._seen += 1
        return ((1 if self._seen % 2 else -1) if self._seen <= ORDERS else 0), 1.0

    def snapshot(self) -> bytes:
        """The count of ticks."""
        return self._seen.to_bytes(8, "big")

    def restore(self, state: bytes) -> None:
        """Continue from a count of ticks."""
        self._seen = int.from_bytes(state, "big")


class Soak(Backtest):
    """A backtest that can be paused at any tick to measure memory."""

    def begin(self) -> None:
        """Start portfolio, and let it process signal's HELLO."""
        self._settle(self._portfolio.start(self._now))
        self._settle(self._portfolio.handle(self._hello(), self._now))
        self._settle(self._portfolio.on_idle(self._now))
        self._commit()

    def play(self, first: int, last: int) -> None:
        """Play the ticks from `first` to `last`."""
        for ordinal in range(first, last + 1):
            self._settle(self._portfolio.handle(self._signal(self._stream.tick_at(ordinal)), self._now))
            if self.state.stream.cursor.ordinal < ordinal:
                self._settle(self._portfolio.on_idle(self._now))
            if ordinal % COMMIT_EVERY_TICKS == 0:
                self._commit()
        self._settle(self._portfolio.on_idle(self._now))
        self._commit()
        assert self.state.stream.cursor.ordinal == last, self.state.stream.waiting_for


def readings(folder: Path, *, ticks: int, every: int = MILLION) -> list[tuple[int, int, float]]:
    """Ticks, orders and resident MB after every `every` ticks."""
    path = write_ticks(folder / "ticks.parquet", count=ticks, interval_ns=MILLION)
    spec: RunSpec = a_run(path, strategy=BUSY)
    found = []
    with closing(Ledger(folder / LEDGER_FILE_NAME)) as ledger:
        soak = Soak(spec, spec.load(), ledger, MemoryJournal("soak"), MemoryBookStore())
        soak.begin()
        for first in range(1, ticks + 1, every):
            last = min(first + every - 1, ticks)
            soak.play(first, last)
            gc.collect()
            found.append(
                (last, len(soak.state.account.book.orders), round(psutil.Process().memory_info().rss / 1e6, 1))
            )
            sys.stderr.write(f"{last:>12,} ticks {found[-1][1]:>8,} orders {found[-1][2]:>8.1f} MB\n")
    return found


def main() -> None:
    """Measure and print memory, and fail if it grows by more than `GROWTH_MB_MAX`."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak", description=__doc__)
    parser.add_argument("--ticks", type=int, default=10 * MILLION)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pdk-") as folder:
        found = readings(Path(folder), ticks=arguments.ticks)
    grown = round(found[-1][2] - found[0][2], 1)
    Console().print_json(
        json.dumps({"ticks": found[-1][0], "first MB": found[0][2], "last MB": found[-1][2], "grown MB": grown})
    )
    sys.exit(grown > GROWTH_MB_MAX)


if __name__ == "__main__":
    main()
