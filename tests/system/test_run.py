"""`paperdesk run`: the desk at real time on a generated market, stopped, started again and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.tick_files import a_tick_file
from tests.support.waiting import wait_for

PAPERDESK = Path(sys.executable).parent / "paperdesk"
FLIPPING = "tests.support.flipping:Flipping"
TIMEOUT_S = 120.0


KILLS = (
    "mt5.before_calling@1",
    "mt5.after_calling@1",
    "mt5.after_call@1",
    "mt5.before_publish@4700",
    "portfolio.after_commit@4620",
    "portfolio.before_send@4650",
    "portfolio.after_send@4680",
    "signal.after_tick@4640",
    "signal.after_send@4690",
    "execution.after_command@0",
    "execution.after_reply@0",
)
"""Each process dies several times, at the places that hurt most, about the first seconds of the market."""


def paperdesk(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PAPERDESK, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env={**os.environ, **environment},
        check=False,
    )


def told(*arguments: object) -> Any:
    done = paperdesk(*arguments, "--json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def test_it_fills_orders_stops_and_goes_on_with_account_prices_and_time(tmp_path: Path) -> None:
    """Twice in a row: the second run begins where the first one ended, in ticks, money and market time."""
    desk = tmp_path / "desk"
    runs = []
    for _ in range(2):
        done = paperdesk("run", "--data-dir", desk, "--strategy", FLIPPING, "--duration", 14)
        assert done.returncode == 0, done
        assert "SIMULATED" in done.stdout
        assert "reconciled: ledger and venue agree" in done.stdout
        runs.append((told("account", "--data-dir", desk), told("deals", "--data-dir", desk)))
    (first, deals_before), (second, deals_after) = runs
    assert first["orders"] > 0
    assert second["stream_id"] == first["stream_id"]
    assert second["orders"] > first["orders"]
    assert deals_after[: len(deals_before)] == deals_before
    assert [deal["kind"] for deal in deals_after].count("BALANCE") == 1
    later = [deal for deal in deals_after if deal["deal"] > len(deals_before)]
    assert all(deal["ordinal"] >= deals_before[-1]["ordinal"] for deal in later)
    assert all(deal["time_ns"] >= deals_before[-1]["time_ns"] for deal in later)
    assert second["processed"] > first["processed"]
    # The strategy stops first and the market last: what was quoted between the two is all that nobody decided on.
    assert second["signals"]["gaps"] < 60
    assert 0 < second["time_ns"] - first["time_ns"] < 20_000_000_000
    assert paperdesk("verify", "--data-dir", desk).returncode == 0
    assert paperdesk("reconcile", "--data-dir", desk).returncode == 0


def test_killed_processes_come_back_and_ledger_and_venue_agree(tmp_path: Path) -> None:
    """Every process is killed outright while orders are on their way."""
    desk, marks = tmp_path / "desk", tmp_path / "marks"
    done = paperdesk(
        *("run", "--data-dir", desk, "--strategy", FLIPPING, "--duration", 45),
        PAPERDESK_CRASH_AT=",".join(KILLS),
        PAPERDESK_CRASH_DIR=str(marks),
    )
    assert done.returncode == 0, done
    assert "reconciled: ledger and venue agree" in done.stdout
    assert {mark.name for mark in marks.iterdir()} == set(KILLS)
    assert paperdesk("verify", "--data-dir", desk).returncode == 0
    orders, deals = told("orders", "--data-dir", desk), told("deals", "--data-dir", desk)
    fills = [deal["order_id"] for deal in deals if deal["order_id"]]
    assert len(fills) == len(set(fills)) > 20
    assert sorted(fills) == sorted(order["order_id"] for order in orders if order["status"] == "FILLED")


def test_an_interrupt_is_the_regular_end(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    process = subprocess.Popen(
        [PAPERDESK, "run", "--data-dir", str(desk), "--strategy", FLIPPING, "--symbols", "EURUSD"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: (desk / "ledger.db").is_file() and told_orders(desk), "an order", seconds=60)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
    assert process.returncode == 0, errors
    for words in ("SIMULATED desk, stopped", "up-time", "realised P&L", "unrealised P&L", "fills", "reconciled"):
        assert words in output
    assert not (desk / "control.url").exists()


def told_orders(desk: Path) -> int:
    done = paperdesk("orders", "--data-dir", desk, "--json")
    return len(json.loads(done.stdout)) if done.returncode == 0 else 0


def test_a_recording_is_played_live_to_its_end(tmp_path: Path) -> None:
    ticks = a_tick_file(tmp_path / "may.parquet", rows=12)
    done = paperdesk("run", "--ticks", f"{ticks}:EURUSD", "--data-dir", tmp_path / "desk", "--strategy", FLIPPING)
    assert done.returncode == 0, done
    assert "played to its end" in done.stdout
    assert told("account", "--data-dir", tmp_path / "desk")["processed"] == 12


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--symbols", "EURUSD,AAPL"), "unknown symbol 'AAPL'"),
        (("--symbols", "EURUSD,EURUSD"), "--symbols is 'EURUSD,EURUSD', expected different symbols"),
        (("--seed", "-1"), "--seed is -1, expected 0 to"),
        (("--duration", "0"), "--duration is 0, expected seconds above 0"),
        (("--strategy", "nonesuch"), "no strategy 'nonesuch'"),
        (("--ticks", "nowhere.parquet:EURUSD"), "nowhere.parquet is not there"),
        (("--symbol", "EURUSD"), "expected it with --ticks"),
        (("--ticks", "x.parquet:EURUSD", "--seed", "3"), "--seed is 3, expected none with --ticks"),
        (("--model", "nowhere"), "--model nowhere is not there"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = paperdesk("run", "--data-dir", tmp_path / "desk", *arguments)
    assert done.returncode == 2, done
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
