"""Kill the processes of a desk at every named point of the code, in replays and in live desks."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proto.gateway import Fault, Simulate
from verification.chaos import scenarios
from verification.chaos.alternating_strategy import RESTLESS
from verification.chaos.live_run import ChaosPlan, desk_settings, run_chaos
from verification.chaos.lossy_proxy import FaultProbabilities
from verification.chaos.replay_kills import ReplayOutcome, replay_with_kills

LIVE_MINUTES: Final = 0.25
LIVE_ODDS: Final = FaultProbabilities(drop=0.1, delay=0.05, duplicate=0.05, reorder=0.05, delay_max_s=0.5)
LEADING_TO_POINTS: Final = (Simulate(fault=Fault.NOT_EXECUTED, count=5),)
"""Faults of the venue that the gateway of a live desk needs to reach some of the points."""


@dataclass(frozen=True)
class CrashPointResults:
    """The number of kills by point, and a text for each error."""

    kills: dict[str, int]
    wrong: list[str]


def run_crash_points(
    folder: Path, *, count: int, seed: int, ticks: int, selected: frozenset[str], on_progress: Callable[[str], None]
) -> CrashPointResults:
    """Kill a process at each of the `selected` points in each of `count` rounds.

    A round with live desks may miss points, because after a kill the gateway has lost the injected fault that leads to
    the next point. Up to `count` further live rounds are for the missed points only.

    Args:
        folder: for the files of all desks.
        count: number of rounds.
        seed: of all draws.
        ticks: number of ticks of each replay.
        selected: names of points.
        on_progress: called with a line of text after each round.

    Raises:
        StartError: a desk could not be started, or a process has given up.
    """
    points = [point for point in scenarios.replay_points() if point in selected]
    live_points = [point for point in scenarios.live_points() if point in selected]
    kills: Counter[str] = Counter(dict.fromkeys([*points, *live_points], 0))
    wrong: list[str] = []
    for number in range(count if points else 0):
        draw = random.Random(f"{seed} {number}")  # noqa: S311 - faults, no secrets
        walk = scenarios.write_random_walk(folder / f"walk-{number}.parquet", rows=ticks, seed=draw.randrange(2**31))
        undisturbed = replay_with_kills(walk, folder / f"undisturbed-{number}", strategy=RESTLESS)
        chosen = scenarios.replay_kills(draw, points=points, ticks=ticks, last_order=undisturbed.orders[-1]["ordinal"])
        killed = replay_with_kills(walk, folder / f"killed-{number}", strategy=RESTLESS, kills=chosen)
        _add(kills, killed.markers)
        wrong += [f"round {number}: {error}" for error in _wrong(undisturbed, killed)]
        on_progress(f"round {number + 1} of {count}: {sum(kills.values())} kills, {len(wrong)} errors")
    for number in range(2 * count):
        if missing := [point for point in live_points if kills[point] < count]:
            wrong += _live(folder / f"live-{number}", seed + number, kills, missing)
            on_progress(f"live round {number + 1}: {sum(kills.values())} kills, {len(wrong)} errors")
    return CrashPointResults(dict(kills), wrong)


def _wrong(undisturbed: ReplayOutcome, killed: ReplayOutcome) -> list[str]:
    return undisturbed.differences(killed) + undisturbed.found + killed.found


def _live(data_dir: Path, seed: int, kills: Counter[str], points: list[str]) -> list[str]:
    data_dir.mkdir(mode=0o700)
    crashes = data_dir.with_name(data_dir.name + "-crashes")
    plan = ChaosPlan(
        data_dir=data_dir,
        settings=desk_settings(speed=20, seed=seed),
        minutes=LIVE_MINUTES,
        seed=seed,
        kills_per_minute=0,
        faults_per_minute=60,
        odds=LIVE_ODDS,
        is_mild=True,
        venue_faults=LEADING_TO_POINTS,
        crash_at=tuple(f"{point}@0" for point in points),
        crash_dir=crashes,
    )
    card = run_chaos(plan, lambda _: None)
    _add(kills, [path.name for path in crashes.iterdir()] if crashes.is_dir() else [])
    found = card.verdict
    wrong = found.lost + found.doubled + found.different + found.positions + found.cash + found.in_doubt
    return [f"{data_dir.name}: {error}" for error in wrong]


def _add(kills: Counter[str], markers: list[str]) -> None:
    for marker in markers:
        kills[marker.partition("@")[0]] += 1
