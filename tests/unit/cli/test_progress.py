"""The progress line has the facts that fit and the time left; without a terminal only reasons of waits are printed."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import threading
from pathlib import Path
from typing import Final

import pytest

from cli.progress import fitting_text, progress_line, status_line, time_text
from orchestration.progress import Progress, run_progress
from tests.support.command_line import PAPERDESK, TIMEOUT_S
from tests.support.tick_files import a_tick_file

RUN: Final = run_progress(
    ticks=12_345_678, ticks_total=99_999_999, ticks_per_s=123_456, orders=12_345, fills=12_345, pnl="-12,345.67 USD"
)


def test_facts_that_do_not_fit_the_width_are_left_out() -> None:
    assert fitting_text(RUN, 3_723.4, 200) == (
        "12%, 1:02:03 left, 12,345 orders, P&L -12,345.67 USD, 12,345,678 of 99,999,999 ticks, 123,456 ticks/s, "
        "12,345 fills"
    )
    assert fitting_text(RUN, 3_723.4, 50) == "12%, 1:02:03 left, 12,345 orders, 123,456 ticks/s"
    assert fitting_text(RUN, None, 8) == "12%"


def test_a_note_comes_before_figures_and_is_cut_at_the_edge() -> None:
    progress = Progress(done=1, total=4, facts=("7 orders",), note="waiting for disk space")
    assert fitting_text(progress, None, 80) == "25%; waiting for disk space, 7 orders"
    assert fitting_text(progress, None, 20) == "25%; waiting for dis"


def test_without_a_known_total_there_is_no_percentage_and_no_time_left() -> None:
    assert fitting_text(Progress(done=3, total=0, facts=("3 rows",)), None, 80) == "starting, 3 rows"


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (3_599, "59:59"), (3_600, "1:00:00")])
def test_a_duration_has_no_leading_zeros(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


def test_without_a_terminal_each_wait_is_printed_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress_line("replay") as show, status_line("chaos", lasts_s=60) as tell:
        show(Progress(done=1, total=4))
        show(Progress(done=1, total=4, note="no room for 3 s"))
        show(Progress(done=1, total=4, note="no room for 4 s"))
        show(Progress(done=2, total=4))
        show(Progress(done=2, total=4, note="no room for 1 s"))
        tell("3 kills")
    assert capsys.readouterr() == ("", "replay: no room for 3 s\nreplay: no room for 1 s\n")


def drawn_at(columns: int, *arguments: object) -> list[str]:
    """The output of a command on a terminal of that width, split at each carriage return."""
    ours, theirs = pty.openpty()
    output = bytearray()

    def read() -> None:
        while True:
            try:
                data = os.read(ours, 65_536)
            except OSError:  # the last process that writes has ended
                return
            if not data:
                return
            output.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    line = [str(PAPERDESK), *map(str, arguments)]
    try:
        subprocess.run(line, stdout=subprocess.DEVNULL, stderr=theirs, env=environment, check=True, timeout=TIMEOUT_S)
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.decode())
    return [piece for piece in re.split(r"[\r\n]+", text) if piece.strip()]


@pytest.mark.parametrize("columns", [80, 40])
def test_a_backtest_draws_one_line_with_the_time_left(columns: int, tmp_path: Path) -> None:
    ticks = a_tick_file(tmp_path / "may.parquet", rows=100_000)
    drawn = drawn_at(columns, "backtest", f"{ticks}:EURUSD", "--risk", "none", "--engine", "ticks")
    assert max(map(len, drawn)) <= columns
    assert all(piece.startswith("backtest: SIMULATED") for piece in drawn)
    assert any(re.search(r"\d+%, \d+:\d\d left", piece) for piece in drawn), drawn
