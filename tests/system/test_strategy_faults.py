"""A strategy that raises, returns an invalid signal, blocks, or ends the process is reported in one line of text."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from common.project_root import PROJECT_ROOT
from research.call_watch import AFTER_A_BREAK
from tests.support import faulty_strategies as faulty
from tests.support.command_line import PAPERDESK
from tests.support.faulty_strategies import AT_THE_START, FAULT_TICK, ON_A_TICK, Sound
from tests.support.replays import run_paperdesk
from tests.support.tick_files import a_tick_file
from tests.support.waits import wait_for

HERE = "tests.support.faulty_strategies"
DIED = f"the process died 3 times inside the strategy of EURUSD at tick {FAULT_TICK}"
SEEN_BY_A_HANDLER = {**ON_A_TICK, **AT_THE_START}


def line_of(command: str, folder: Path, make: type[Sound]) -> str:
    """Run a command with a faulty strategy, and return its only error line, which must be the last line of stderr."""
    ticks = a_tick_file(folder / "eurusd.parquet", rows=40)
    done = run_paperdesk(command, f"{ticks}:EURUSD", "--strategy", f"{HERE}:{make.__name__}", "--risk", "none")
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("paperdesk: ")]
    assert len(lines) == 1, done.stderr
    assert done.stderr.rstrip().endswith(lines[0])
    return lines[0]


@pytest.mark.parametrize("make", SEEN_BY_A_HANDLER, ids=lambda make: make.__name__)
def test_a_backtest_with_a_faulty_strategy_ends_with_one_line(tmp_path: Path, make: type[Sound]) -> None:
    line = line_of("backtest", tmp_path, make)
    assert SEEN_BY_A_HANDLER[make].split(" (faulty_strategies")[0] in line
    if make is not faulty.CannotBeMade:  # refused before the run
        assert line.startswith(f"paperdesk: strategy {make.name}, ")
        assert (f"tick {FAULT_TICK} of EURUSD at " in line) == (make in ON_A_TICK)


@pytest.mark.parametrize(
    ("make", "end"),
    [
        (faulty.Exits, "ended with exit code 0"),
        (faulty.ExitsAsRefused, "ended with exit code 2"),
        (faulty.Aborts, "was ended by SIGABRT"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_strategy_that_ends_the_process_of_a_backtest_is_named(tmp_path: Path, make: type[Sound], end: str) -> None:
    where = f"strategy {HERE}:{make.__name__}, tick {FAULT_TICK} of EURUSD"
    assert line_of("backtest", tmp_path, make) == f"paperdesk: {where}: the process {end} inside the strategy"


def test_a_backtest_blocked_by_a_strategy_reports_it_and_can_be_interrupted(tmp_path: Path) -> None:
    ticks = a_tick_file(tmp_path / "eurusd.parquet", rows=40)
    command = (PAPERDESK, "backtest", f"{ticks}:EURUSD", "--strategy", f"{HERE}:Blocks", "--risk", "none")
    stderr_file = tmp_path / "stderr"
    with stderr_file.open("w") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, cwd=PROJECT_ROOT)
    try:
        line = f"paperdesk: strategy {HERE}:Blocks, tick {FAULT_TICK} of EURUSD: no answer for 3 s\n"
        wait_for(lambda: line in stderr_file.read_text(), "the line", seconds=60)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 128 + signal.SIGINT
    finally:
        process.kill()
        process.wait()
    endings = (
        f"interrupted; every process that it had started is stopped; {AFTER_A_BREAK}",
        f"the run was killed: it did not end within 5 s of the interrupt; {AFTER_A_BREAK}",
    )
    assert stderr_file.read_text().endswith(tuple(f"paperdesk: {message}\n" for message in endings))


def test_a_parity_run_with_a_faulty_strategy_ends_with_one_line(tmp_path: Path) -> None:
    line = line_of("parity", tmp_path, faulty.Raises)
    assert f"strategy raises, tick {FAULT_TICK} of EURUSD at " in line


@pytest.mark.parametrize("make", [faulty.Raises, faulty.ReturnsNone, faulty.SnapshotIsHuge], ids=lambda m: m.__name__)
def test_a_replay_with_a_faulty_strategy_ends_with_one_line(tmp_path: Path, make: type[Sound]) -> None:
    line = line_of("replay", tmp_path, make)
    assert line.startswith(f"paperdesk: strategy {make.name}, ")
    assert SEEN_BY_A_HANDLER[make].split(" (faulty_strategies")[0] in line


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [faulty.Exits, faulty.ExitsAsRefused, faulty.Aborts, faulty.ClosesFiles, faulty.Blocks],
    ids=lambda make: make.__name__,
)
def test_a_strategy_that_ends_or_blocks_the_process_of_a_replay_is_reported_with_the_tick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: type[Sound]
) -> None:
    monkeypatch.setenv("WATCHDOG_HANG_MS", "1500")
    assert DIED in line_of("replay", tmp_path, make)
