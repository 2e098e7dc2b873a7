"""Tick files for tests: a seeded random walk as a Parquet file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

START_NS = 1_398_902_400_000_000_000


def a_tick_file(
    path: Path,
    *,
    rows: int = 2_000,
    seed: int = 1,
    start_ns: int = START_NS,
    price: float = 1.3871,
    digits: int = 5,
    pause_ms_max: int = 2_000,
    crossed_every: int = 0,
) -> Path:
    """Write a random walk of quotes, on average half of `pause_ms_max` apart.

    Every `crossed_every`-th quote is crossed; none if it is 0.
    """
    random = np.random.default_rng(seed)
    scale = 10.0 ** (5 - digits)
    middle = price + np.cumsum(random.normal(0.0, 0.00003 * scale, rows))
    half_spread = random.integers(1, 4, rows) * (0.000005 * scale)
    bid, ask = np.round(middle - half_spread, digits), np.round(middle + half_spread, digits)
    if crossed_every:
        ask[::crossed_every] = bid[::crossed_every] - 0.00001 * scale
    times = start_ns + np.cumsum(random.integers(1, pause_ms_max, rows)) * 1_000_000
    pl.DataFrame({"ts_ns": times.astype(np.int64), "bid": bid, "ask": ask}).write_parquet(path)
    return path
