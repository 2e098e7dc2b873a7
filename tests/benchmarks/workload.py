"""Workload of the benchmarks: a seeded market and strategies that trade often."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl

from marketdata.files.tick_input import TickInput
from research.run_spec import RunSpec
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.signal.core.tick_buffer import TickBuffer

SYMBOL = "EURUSD"
ALTERNATE = "tests.benchmarks.workload:Alternate"
ALTERNATE_EACH_TENTH = "tests.benchmarks.workload:AlternateEachTenth"


class Alternate:
    """Changes between buy and sell at every tick. A desk that reverses positions makes an order at each change."""

    name = "alternate"
    warm_up_ticks = 0
    every = 1

    def __init__(self) -> None:
        """Start with hold; the first change is to buy."""
        self._seen = 0

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """The side, which changes at every `every`-th tick; hold before the first change."""
        self._seen += 1
        turns = self._seen // self.every
        return (1 if turns % 2 else -1) if turns else 0, 1.0

    def snapshot(self) -> bytes:
        """The count of ticks."""
        return self._seen.to_bytes(8, "big")

    def restore(self, state: bytes) -> None:
        """Continue from a count of ticks."""
        self._seen = int.from_bytes(state, "big")


class AlternateEachTenth(Alternate):
    """Changes sides on every tenth tick."""

    name = "alternate_each_tenth"
    every = 10


def write_ticks(path: Path, *, count: int, interval_ns: int, seed: int = 0, delay_ns: int = 0) -> Path:
    """A seeded random walk, one tick each `interval_ns`; `delay_ns` shifts the ticks against those of other files."""
    dice = np.random.Generator(np.random.PCG64(seed))
    mid = 1.1 + np.cumsum(dice.normal(0, 0.00002, count))
    half = dice.integers(1, 6, count) * 0.000005
    time_ns = 1_700_000_000_000_000_000 + delay_ns + np.arange(count, dtype=np.int64) * interval_ns
    pl.DataFrame({"ts_ns": time_ns, "bid": np.round(mid - half, 5), "ask": np.round(mid + half, 5)}).write_parquet(path)
    return path


def a_run(*paths: Path, symbols: Sequence[str] = (SYMBOL,), strategy: str = ALTERNATE) -> RunSpec:
    """Settings of a run that trades at every change of sides, without risk limits; one file for each symbol."""
    return RunSpec(
        inputs=tuple(TickInput(path, symbol) for path, symbol in zip(paths, symbols, strict=True)),
        strategy=strategy,
        on_opposite=OnOpposite.REVERSE,
        risk="none",
        volume=Decimal("0.01"),
    )
