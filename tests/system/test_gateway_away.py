"""A gateway starts late, hangs, or restarts: the desk reports the gateway as missing, waits, and continues by itself.

Run with a hang of full length, under a minute on two cores:

  PAPERDESK_SYSTEM_STALL_S=10 python -m pytest tests/system/test_gateway_away.py
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.replays import PATIENT, CommandOutcome, RunningReplay, completed_backtest, stall, suspended
from tests.support.tick_files import a_tick_file
from tests.support.waits import wait_for

TICKS = 8_000
"""Enough for a few seconds of replay, so that a test on a busy machine sees the tick for which it waits."""

SILENCE_S = 30.0


@pytest.fixture
def market(tmp_path: Path) -> Path:
    return a_tick_file(tmp_path / "may.parquet", rows=TICKS)


@pytest.fixture
def expected(market: Path, tmp_path: Path) -> CommandOutcome:
    """The run of a desk whose gateway always answers."""
    return completed_backtest(f"{market}:EURUSD", data_dir=tmp_path / "backtest")


def waits_for_the_gateway(replay: RunningReplay) -> None:
    """Portfolio answers queries, and reports that it waits for the gateway."""

    def is_reported() -> bool:
        status = replay.status()
        return status is not None and "gateway" in status.waiting_for

    wait_for(is_reported, "portfolio to wait for the gateway", seconds=SILENCE_S)


def has_logged_silence(replay: RunningReplay, service: str) -> bool:
    return replay.has_logged(service, "the gateway does not answer")


def test_a_desk_waits_for_a_gateway_that_starts_late(market: Path, expected: CommandOutcome, tmp_path: Path) -> None:
    with RunningReplay(f"{market}:EURUSD", data_dir=tmp_path / "replay") as replay:
        with suspended(replay.process("mt5")):
            waits_for_the_gateway(replay)
            wait_for(lambda: has_logged_silence(replay, "execution"), "execution to log the silence", seconds=SILENCE_S)
            wait_for(lambda: has_logged_silence(replay, "signal"), "signal to log the silence", seconds=SILENCE_S)
        outcome = replay.wait()
    assert outcome.exit_code == 0, outcome.error_output
    assert outcome.same == expected.same


def test_a_desk_continues_after_a_hang_and_kills_of_the_gateway(
    market: Path, expected: CommandOutcome, tmp_path: Path
) -> None:
    with RunningReplay(f"{market}:EURUSD", data_dir=tmp_path / "replay", environment=PATIENT) as replay:
        replay.wait_for_tick(200)
        gateway = replay.process("mt5")
        with suspended(gateway):
            waits_for_the_gateway(replay)
            stall(gateway)
        status = replay.wait_for_tick(600)
        assert "gateway" not in status.waiting_for
        replay.process("mt5").send_signal(signal.SIGKILL)
        replay.wait_for_tick(1_200)
        replay.process("mt5").send_signal(signal.SIGKILL)
        outcome = replay.wait()
    assert outcome.exit_code == 0, outcome.error_output
    assert outcome.same == expected.same
    assert len([line for line in replay.logged("execution") if "the gateway answers" in line["event"]]) >= 3
