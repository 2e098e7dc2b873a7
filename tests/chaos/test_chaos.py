"""In a short chaos run with random kills and faults, no order is lost or executed twice."""

from __future__ import annotations

import json
import random
from pathlib import Path

from common.fault_injection import CRASH_POINTS
from tests.support.replays import leftovers, run_paperdesk
from verification.chaos import scenarios


def test_a_live_desk_under_faults_loses_no_order_and_executes_none_twice(tmp_path: Path) -> None:
    card, desk = tmp_path / "card.json", tmp_path / "desk"
    done = run_paperdesk("chaos", "--minutes", 0.3, "--seed", 20_140_501, "--data-dir", desk, "--json", card)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(card.read_text())
    assert found["clean"]
    assert found["lost"] == found["doubled"] == []
    assert found["kills"] > 0
    assert found["gateway_calls"] > 100
    assert found["network"]["request dropped"] > 0
    assert not leftovers(desk)


def test_replays_and_live_desks_together_cover_every_crash_point() -> None:
    every = {point for points in CRASH_POINTS.values() for point in points}
    assert {*scenarios.replay_points(), *scenarios.live_points()} == every


def test_the_same_seed_plans_the_same_kills() -> None:
    points = scenarios.replay_points()
    one, other = (
        scenarios.replay_kills(random.Random(5), points=points, ticks=2_000, last_order=1_900) for _ in range(2)
    )
    assert one == other
    assert len(one) == len(points)
