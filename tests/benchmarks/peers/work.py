"""The work of every run: quotes in, legs and profit out, one line of JSON at the end.

A leg is one lot of `UNITS` that is opened or closed, so a reversal counts as two legs, whether a library needs one
order for it or two.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

UNITS: Final = 1_000
"""Volume of the position in units of the base currency, 0.01 lots."""

DEPOSIT: Final = 100_000
"""Initial balance of other libraries. The profit does not depend on it."""

FAST_TICKS: Final = 50
SLOW_TICKS: Final = 500
CROSSING, MODEL = "crossing", "model"


@dataclass
class Quotes:
    """Columns of one symbol: times in nanoseconds, prices, and volumes."""

    time_ns: Any
    bid: Any
    ask: Any
    volume: Any

    @classmethod
    def of(cls, time_ns: list[int], bid: list[float], ask: list[float], volume: list[float]) -> Quotes:
        """The columns of lists."""
        return cls(np.array(time_ns, dtype=np.int64), *(np.array(column) for column in (bid, ask, volume)))

    def save(self, path: Path) -> None:
        """Write the columns to a file."""
        np.savez(path, time_ns=self.time_ns, bid=self.bid, ask=self.ask, volume=self.volume)

    @classmethod
    def load(cls, path: Path) -> Quotes:
        """Read the columns from a file."""
        with np.load(path) as columns:
            return cls(*(columns[name] for name in ("time_ns", "bid", "ask", "volume")))

    def __len__(self) -> int:
        """Number of quotes."""
        return len(self.bid)


@dataclass
class Result:
    """What one run did, and what it took.

    `run_s` and `cpu_s` are elapsed and processor time between the first and the last quote; `setup_s` is the time
    before, without imports. `profit` is realized.
    """

    library: str
    version: str
    ticks: int
    legs: int
    profit: float
    setup_s: float
    run_s: float
    cpu_s: float
    remark: str = ""
    expected_legs: int | None = None
    """Legs of the reference loop on the quotes of this run, if the library needs altered quotes."""
    expected_profit: float | None = None
    peak_mb: float | None = None
    extra: dict[str, float] = field(default_factory=dict)


class Stopwatch:
    """Elapsed and processor seconds since its creation."""

    def __init__(self) -> None:
        """Start."""
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """Elapsed and processor seconds."""
        return time.perf_counter() - self._wall, time.process_time() - self._cpu


def arguments() -> tuple[str, Quotes]:
    """The work (`CROSSING` or `MODEL`) and the quotes of this process, from its command line."""
    kind, path = sys.argv[1:3]
    return kind, Quotes.load(Path(path))


def emit(result: Result) -> None:
    """Print the result with the peak memory of this process."""
    result.peak_mb = peak_mb()
    print(json.dumps(asdict(result)), flush=True)


def peak_mb() -> float | None:
    """Largest resident memory of this process in megabytes; None where the system does not tell."""
    # Unlike the maximum that the system counts for a process, this one never includes that of its parent.
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return round(int(line.split()[1]) * 1_024 / 1e6, 1)
