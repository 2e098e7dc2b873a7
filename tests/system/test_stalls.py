"""A process that hangs for seconds delays the desk but does not change the result, even if the watchdog kills it.

Run with hangs that are so long that the watchdog kills the process, half a minute on two cores:

  PAPERDESK_SYSTEM_STALL_S=10 PAPERDESK_SYSTEM_TICKS=50000 python -m pytest tests/system/test_stalls.py
"""

from __future__ import annotations

from pathlib import Path

from tests.support.replays import RunningReplay, completed_backtest, stall, suspended, ticks_or
from tests.support.tick_files import a_tick_file

TICKS = ticks_or(20_000)


def test_processes_that_hang_at_full_speed_do_not_change_the_result(tmp_path: Path) -> None:
    """Each of the four processes is stopped with SIGSTOP in turn."""
    market = a_tick_file(tmp_path / "may.parquet", rows=TICKS)
    expected = completed_backtest(f"{market}:EURUSD", data_dir=tmp_path / "backtest")
    with RunningReplay(f"{market}:EURUSD", "--speed", "max", data_dir=tmp_path / "replay") as replay:
        for ordinal, service in enumerate(["signal", "portfolio", "execution", "mt5"]):
            at = replay.wait_for_tick(1 + ordinal * TICKS // 6).ordinal
            assert at < TICKS, "the desk was too fast to be delayed"
            process = replay.process(service)
            with suspended(process):
                stall(process)
        outcome = replay.wait()
    assert outcome.exit_code == 0, outcome.error_output
    assert outcome.report["ticks"]["gaps"] == 0
    assert outcome.same == expected.same
