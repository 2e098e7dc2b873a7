"""Crash points and ticks of kills, and the ticks and trading plans for runs with kills."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from common.fault_injection import CRASH_POINTS

START_NS: Final = 1_398_902_400_000_000_000
AT_ORDERS: Final = ("calling", "call", "done")
"""Points of mt5 that are reached only by an order. A kill must have an ordinal at or before the last order's tick."""

LIVE_ONLY: Final = ("fence", "claimed", "presumed", "epoch", "halt", "checkpoint", "market")
"""Points of mt5 that a live desk reaches, and a replay without a plan does not."""

TICKS_LEFT: Final = 1_000
"""Ticks between two checkpoints of signal; a kill in the last 1,000 ticks of a replay might reach no checkpoint."""


AT_PLANS: Final = ("mt5.before_checkpoint", "mt5.after_checkpoint")
"""Points around commits of the simulated broker's book. A replay reaches them if its plan has stops."""

PLAN: Final = """\
[sizing]
method = "fraction"
risk_pct = 0.5

[exits]
stop_loss_points = 60
take_profit_points = 90
trailing_stop_points = 40
trailing_step_points = 3
time_exit_s = 300

[entry]
type = "LIMIT"
offset_points = 12
lifetime_s = 60
"""
"""A plan for the random walk.

Within minutes orders rest and expire, stops trail and are reached, and positions reach their time exit.
"""

LIVE_PLAN: Final = """\
[exits]
stop_loss_points = 60
take_profit_points = 60
trailing_stop_points = 20
trailing_step_points = 2
time_exit_s = 120

[entry]
time_in_force = "IOC"

[strategies.resting]
symbols = ["EURUSD", "USDJPY", "XAUUSD"]
entry = { type = "LIMIT", offset_points = 15, lifetime_s = 30 }
"""
"""A plan for a live desk whose strategy buys and sells in turn: three symbols have resting orders, the others none."""

EVERYTHING: Final = ("--fills", "realistic", "--account-mode", "hedging")
"""Options in addition to the plan: fills with latency and in parts, and several positions in one symbol."""


def what_of(point: str) -> str:
    """The last part of a point's name: `call` of `mt5.after_call`."""
    return point.partition(".")[2].partition("_")[2]


def replay_points() -> list[str]:
    """The points that a replay without a plan reaches."""
    return [
        point
        for process, points in CRASH_POINTS.items()
        for point in points
        if process != "mt5" or what_of(point) not in LIVE_ONLY
    ]


def live_points() -> list[str]:
    """The points that a live desk reaches, and a replay without a plan does not."""
    return [point for point in CRASH_POINTS["mt5"] if what_of(point) in LIVE_ONLY]


def replay_kills(draw: random.Random, *, points: list[str], ticks: int, last_order: int) -> list[str]:
    """One kill for each entry of `points`, as entries of `PAPERDESK_CRASH_AT`.

    Args:
        draw: random generator for the ticks.
        points: some of `replay_points` and of AT_PLANS; a point may be repeated.
        ticks: number of ticks of the replay.
        last_order: ordinal of the tick at which the replay made its last order.
    """
    kills = []
    for point in points:
        most = ticks - 1
        if point.startswith("execution."):
            # Here the number counts commands, at least one a tick. The count starts again with each start of execution.
            most = max(1, ticks // 20)
        elif point == "signal.after_checkpoint":
            most = max(1, ticks - TICKS_LEFT)
        elif point in AT_PLANS or (point.startswith("mt5.") and what_of(point) in AT_ORDERS):
            most = last_order
        kills.append(f"{point}@{draw.randint(1, most)}")
    return sorted(set(kills))


def write_plan(path: Path, text: str = PLAN) -> Path:
    """Write a plan to a file, and return its path; the default is the plan of a replay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_random_walk(path: Path, *, rows: int, seed: int) -> Path:
    """Write a random walk of quotes with five digits, one second apart on average, and return its path.

    Args:
        path: of the Parquet file.
        rows: number of ticks.
        seed: of the walk.
    """
    random_ = np.random.default_rng(seed)
    middle = 1.3871 + np.cumsum(random_.normal(0.0, 0.00003, rows))
    half_spread = random_.integers(1, 4, rows) * 0.000005
    times = START_NS + np.cumsum(random_.integers(1, 2_000, rows)) * 1_000_000
    columns = {
        "ts_ns": times.astype(np.int64),
        "bid": np.round(middle - half_spread, 5),
        "ask": np.round(middle + half_spread, 5),
    }
    pl.DataFrame(columns).write_parquet(path)
    return path
