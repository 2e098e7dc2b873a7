"""Every named point of the protocol, killed in real processes: in replays where a replay comes by, in live desks elsewhere."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.chaos_replay import Outcome, replay
from cli.chaos_run import ChaosPlan, desk_settings, run_chaos
from proto.gateway import Fault, Simulate
from research.chaos import plans
from research.chaos.proxy import Odds

LIVE_MINUTES: Final = 0.25
LIVE_ODDS: Final = Odds(drop=0.1, delay=0.05, duplicate=0.05, reorder=0.05, delay_max_s=0.5)
LEADING_TO_POINTS: Final = (Simulate(fault=Fault.NOT_EXECUTED, count=5),)
"""Venue faults that make the gateway note what it notes of no order that goes well."""

STRATEGY: Final = "research.chaos.restless:Restless"


@dataclass(frozen=True)
class Found:
    """Kills by point, and what went wrong, in words."""

    kills: dict[str, int]
    wrong: list[str]


def killed_at_points(
    folder: Path, *, count: int, seed: int, ticks: int, live: bool, tell: Callable[[str], None]
) -> Found:
    """Kill at each point once a round, `count` rounds; further live rounds while one of their points was missed in some.

    Raises:
        StartError: a desk could not be started or gave up.
    """
    points = plans.replay_points()
    kills: Counter[str] = Counter(dict.fromkeys([*points, *(plans.live_points() if live else ())], 0))
    wrong: list[str] = []
    for number in range(count):
        draw = random.Random(f"{seed} {number}")  # noqa: S311 - faults, no secrets
        walk = plans.write_walk(folder / f"walk-{number}.parquet", rows=ticks, seed=draw.randrange(2**31))
        calm = replay(walk, folder / f"calm-{number}", strategy=STRATEGY)
        chosen = plans.replay_kills(draw, points=points, ticks=ticks, last_order=calm.orders[-1]["ordinal"])
        wild = replay(walk, folder / f"wild-{number}", strategy=STRATEGY, kills=chosen)
        _add(kills, wild.markers)
        wrong += [f"round {number}: {words}" for words in _wrong(calm, wild)]
        if live:
            wrong += _live(folder / f"live-{number}", seed + number, kills)
        tell(f"round {number + 1} of {count}: {sum(kills.values())} kills, {len(wrong)} things wrong")
    number = count
    while live and number < 2 * count and min(kills[point] for point in plans.live_points()) < count:
        wrong += _live(folder / f"live-{number}", seed + number, kills)
        number += 1
        tell(f"live round {number}: {sum(kills.values())} kills, {len(wrong)} things wrong")
    return Found(dict(kills), wrong)


def _wrong(calm: Outcome, wild: Outcome) -> list[str]:
    return calm.differences(wild) + calm.found + wild.found


def _live(data_dir: Path, seed: int, kills: Counter[str]) -> list[str]:
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
        crash_at=tuple(f"{point}@0" for point in plans.live_points()),
        crash_dir=crashes,
    )
    card = run_chaos(plan, lambda _: None)
    _add(kills, [path.name for path in crashes.iterdir()] if crashes.is_dir() else [])
    found = card.verdict
    wrong = found.lost + found.doubled + found.different + found.positions + found.cash + found.in_doubt
    return [f"{data_dir.name}: {words}" for words in wrong]


def _add(kills: Counter[str], markers: list[str]) -> None:
    for marker in markers:
        kills[marker.partition("@")[0]] += 1
