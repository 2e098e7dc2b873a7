"""A replay whose processes are killed has the report, orders and deals of a replay without kills.

Each process is killed at least five times, and at every named point of its loop, at ticks that are drawn from a seed.
`test_parity` verifies that a replay without kills equals the backtest.

Run with the full number of ticks, a few minutes on two cores:

  PAPERDESK_SYSTEM_TICKS=20000 python -m pytest tests/system/test_kills.py
"""

from __future__ import annotations

import random
import signal
from itertools import cycle, islice
from pathlib import Path

import pytest

from tests.support.replays import (
    IS_FULL_SIZE,
    SERVICES,
    CommandOutcome,
    RunningReplay,
    completed_backtest,
    completed_replay,
    ticks_or,
)
from tests.support.tick_files import a_tick_file
from verification.chaos import scenarios

TICKS = ticks_or(3_000)
SEED = 20_140_501
KILLS_EACH = 5

AT_TICKS = {
    "signal": ("after_tick", "before_send", "after_send", "after_checkpoint"),
    "portfolio": ("before_commit", "after_commit", "before_send", "after_send"),
    "mt5": ("after_reply", "after_confirm", "before_publish"),
}
"""Points at which the ordinal of a kill is the ordinal of a tick."""

AT_ORDERS = ("before_calling", "after_calling", "after_call", "after_done")
"""Points of mt5 that only an order reaches; the ordinal of a kill is that of the order's tick."""

AT_PLANS = (*scenarios.AT_PLANS, "mt5.before_call", "mt5.after_call", "portfolio.after_commit", "portfolio.after_send")
"""Points during a modification, a cancellation, and the execution of a stop."""

AT_MESSAGES = ("after_command", "after_send", "after_reply", "after_report")
"""Points of the execution process; the ordinal of a kill counts the commands since the start of the process."""


@pytest.fixture
def market(tmp_path: Path) -> Path:
    return a_tick_file(tmp_path / "may.parquet", rows=TICKS, seed=SEED)


@pytest.fixture
def expected(market: Path, tmp_path: Path) -> CommandOutcome:
    """The backtest of the same ticks, which equals a replay without kills."""
    return completed_backtest(f"{market}:EURUSD", data_dir=tmp_path / "backtest")


def kills_of(expected: CommandOutcome, *, commands: int) -> list[str]:
    """At least five kills of each process, at its points in turn."""
    drawn = random.Random(SEED)
    last_checkpoint, last_order = max(1, TICKS - 1_000), expected.orders[-1]["ordinal"]
    kills = []
    for service, points in AT_TICKS.items():
        for point in islice(cycle(points), max(KILLS_EACH, len(points))):
            most = last_checkpoint if point == "after_checkpoint" else TICKS - 1
            kills.append(f"{service}.{point}@{drawn.randint(1, most)}")
    kills += [f"mt5.{point}@{drawn.randint(1, last_order)}" for point in AT_ORDERS]
    kills += [f"execution.{point}@{drawn.randint(1, commands)}" for point in islice(cycle(AT_MESSAGES), KILLS_EACH)]
    return kills


@pytest.mark.parametrize("speed", ["lockstep", "max"])
def test_kills_at_every_named_point_do_not_change_the_result(
    speed: str, market: Path, expected: CommandOutcome, tmp_path: Path
) -> None:
    # At full speed one command confirms hundreds of ticks, so there are few commands.
    kills = kills_of(expected, commands=TICKS // 20 if speed == "lockstep" else 3)
    if speed == "max" and not IS_FULL_SIZE:
        kills = kills[::2]
    crashes = tmp_path / "crashes"
    disturbed = completed_replay(
        f"{market}:EURUSD",
        "--speed",
        speed,
        data_dir=tmp_path / "replay",
        environment={"PAPERDESK_CRASH_AT": ",".join(kills), "PAPERDESK_CRASH_DIR": str(crashes)},
    )
    assert disturbed.exit_code == 0, disturbed.error_output
    assert sorted(path.name for path in crashes.iterdir()) == sorted(set(kills))
    assert disturbed.same == expected.same


def test_kills_do_not_change_the_result_of_a_plan_with_every_feature(tmp_path: Path) -> None:
    """On a hedging account entries rest and expire, stops trail and are reached, and fills are partial and delayed.

    Some kills are at commits of the simulated broker without an order: those of a modification or of a reached stop.
    """
    ticks = ticks_or(1_000)
    market = a_tick_file(tmp_path / "may.parquet", rows=ticks, seed=SEED)
    everything = (f"{market}:EURUSD", "--plan", scenarios.write_plan(tmp_path / "plan.toml"), *scenarios.EVERYTHING)
    expected = completed_backtest(*everything, data_dir=tmp_path / "backtest")
    assert {order["status"] for order in expected.orders} >= {"FILLED", "EXPIRED"}
    assert {deal["why"] for deal in expected.deals} & {"STOP_LOSS", "TAKE_PROFIT"}
    drawn, last_order = random.Random(SEED), expected.orders[-1]["ordinal"] * 2 // 3
    kills = [f"{point}@{drawn.randint(1, last_order)}" for point in AT_PLANS] + ["execution.after_reply@20"]
    crashes = tmp_path / "crashes"
    disturbed = completed_replay(
        *everything,
        data_dir=tmp_path / "replay",
        environment={"PAPERDESK_CRASH_AT": ",".join(kills), "PAPERDESK_CRASH_DIR": str(crashes)},
    )
    assert disturbed.exit_code == 0, disturbed.error_output
    assert sorted(path.name for path in crashes.iterdir()) == sorted(set(kills))
    assert disturbed.same == expected.same


def test_kills_from_outside_do_not_change_the_result(tmp_path: Path) -> None:
    """A kill from outside can meet a process anywhere in its code.

    The replay is longer than that of the other tests: on a busy machine each status must arrive before the replay
    ends.
    """
    ticks = 3 * TICKS
    market = a_tick_file(tmp_path / "may.parquet", rows=ticks, seed=SEED)
    expected = completed_backtest(f"{market}:EURUSD", data_dir=tmp_path / "backtest")
    drawn = random.Random(SEED)
    moments = sorted(drawn.sample(range(1, ticks * 3 // 4), len(SERVICES)))
    victims = drawn.sample(SERVICES, len(SERVICES))
    with RunningReplay(f"{market}:EURUSD", data_dir=tmp_path / "replay") as replay:
        for moment, victim in zip(moments, victims, strict=True):
            replay.wait_for_tick(moment)
            replay.process(victim).send_signal(signal.SIGKILL)
        disturbed = replay.wait()
    assert disturbed.exit_code == 0, disturbed.error_output
    assert disturbed.same == expected.same
