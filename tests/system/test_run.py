"""`paperdesk run`: the desk in real time on a generated market is stopped, started again and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest

from common.control_client import ControlClient
from common.errors import StartError
from orchestration.address_files import CONTROL_FILE, announced_desks
from orchestration.desk_runner import POLL_EVERY_S, read_account_totals
from proto.control import StatusQuery, StatusReply
from tests.support.command_line import PAPERDESK, TIMEOUT_S, paperdesk
from tests.support.processes import process_with_file
from tests.support.replays import stall, suspended
from tests.support.tick_files import a_tick_file
from tests.support.waits import wait_for

FLIPPING = "tests.support.flipping:Flipping"


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
"""Points of the code at which a process is killed; all are reached in the first seconds of the market."""


def query(*arguments: object) -> Any:
    done = paperdesk(*arguments, "--json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def test_a_second_run_continues_with_account_and_market_of_the_first(tmp_path: Path) -> None:
    """The second run continues with the ticks, the balance and the market time of the first run."""
    desk = tmp_path / "desk"
    runs = []
    for fills in (8, 16):
        has_traded = partial(has_more_fills, desk, fills)
        output = run_until(has_traded, "--data-dir", desk, "--strategy", FLIPPING)
        assert "SIMULATED" in output
        assert "reconciled: ledger and venue agree" in output
        runs.append((query("account", "--data-dir", desk), query("deals", "--data-dir", desk)))
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
    # Signal is stopped first and the gateway last, so only the ticks between the two stops have no decision.
    assert second["signals"]["gaps"] < 60
    assert 0 < second["time_ns"] - first["time_ns"] < 120_000_000_000
    assert paperdesk("verify", "--data-dir", desk).returncode == 0
    assert paperdesk("reconcile", "--data-dir", desk).returncode == 0


def test_killed_processes_restart_and_ledger_and_venue_agree(tmp_path: Path) -> None:
    """Every process is killed while orders are in flight."""
    desk, marks = tmp_path / "desk", tmp_path / "marks"

    def all_have_died_and_trading_goes_on() -> bool:
        died = {mark.name for mark in marks.glob("*")}
        return died == set(KILLS) and filled(desk) > 20

    output = run_until(
        all_have_died_and_trading_goes_on,
        *("--data-dir", desk, "--strategy", FLIPPING),
        PAPERDESK_CRASH_AT=",".join(KILLS),
        PAPERDESK_CRASH_DIR=str(marks),
    )
    assert "reconciled: ledger and venue agree" in output
    assert paperdesk("verify", "--data-dir", desk).returncode == 0
    orders, deals = query("orders", "--data-dir", desk), query("deals", "--data-dir", desk)
    fills = [deal["order_id"] for deal in deals if deal["order_id"]]
    assert len(fills) == len(set(fills)) > 20
    assert sorted(fills) == sorted(order["order_id"] for order in orders if order["status"] == "FILLED")


def test_a_gateway_that_hangs_is_reported_and_the_desk_trades_again_afterwards(tmp_path: Path) -> None:
    """The gateway is stopped with SIGSTOP; with PAPERDESK_SYSTEM_STALL_S=10 the watchdog kills it."""
    desk, seen = tmp_path / "desk", {"fills": 0}

    def has_hung_and_trades_again() -> bool:
        fills = filled(desk)
        if not seen["fills"]:
            if fills <= 4:
                return False
            gateway = gateway_of(desk)
            with suspended(gateway):
                wait_for(lambda: misses_the_gateway(desk), "the desk to report the silent gateway", seconds=TIMEOUT_S)
                stall(gateway)
            seen["fills"] = filled(desk)
            return False
        return fills > seen["fills"] + 4

    output = run_until(has_hung_and_trades_again, "--data-dir", desk, "--strategy", FLIPPING)
    assert "ALERT FEED_STALE" in output or "ALERT GATEWAY_SILENT" in output
    assert "ALERT none" in output
    assert "reconciled: ledger and venue agree" in output
    assert paperdesk("verify", "--data-dir", desk).returncode == 0


def misses_the_gateway(desk: Path) -> bool:
    with ControlClient((desk / CONTROL_FILE).read_text(encoding="utf-8").strip()) as client:
        status = client.request(StatusQuery(), StatusReply, timeout_s=1.0)
    return status is not None and (status.feed_stale or "gateway" in status.waiting_for)


def gateway_of(desk: Path) -> psutil.Process:
    """The gateway process that has the desk's book open."""
    return wait_for(lambda: process_with_file("services.mt5", desk / "venue" / "book.db"), "the gateway")


def test_an_interrupt_stops_the_desk_with_exit_code_0(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    announced: set[str] = set()

    def has_filled() -> bool:
        announced.update(one.data_dir for one in announced_desks())
        return filled(desk) > 0 and str(desk) in announced

    output = run_until(has_filled, "--data-dir", desk, "--strategy", FLIPPING, "--symbols", "EURUSD")
    for message in ("SIMULATED desk, stopped", "up-time", "realized P&L", "unrealized P&L", "fills", "reconciled"):
        assert message in output
    assert not (desk / "control.url").exists()
    assert str(desk) in announced
    assert str(desk) not in {one.data_dir for one in announced_desks()}


def test_the_gateway_of_the_settings_is_used_and_no_gateway_is_started(tmp_path: Path) -> None:
    desk, requests, ticks = tmp_path / "desk", f"ipc://{tmp_path}/g", f"ipc://{tmp_path}/t"
    settings = {"ZMQ_EXECUTION_URL": requests, "ZMQ_MARKET_DATA_URL": ticks}
    gateway = subprocess.Popen(
        [sys.executable, "-m", "services.mt5"],
        stdout=subprocess.DEVNULL,
        env={
            **os.environ,
            "PAPERDESK_ENV_FILE": "",
            "PAPERDESK_DATA_DIR": str(tmp_path / "gateway"),
            "PAPERDESK_RUNTIME_DIR": str(tmp_path / "run"),
            "MT5_MARKET": "generated",
            "MT5_REQUEST_URL": requests,
            "MT5_PUBLISH_URL": ticks,
            "TRADING_SYMBOL": "EURUSD",
        },
    )
    try:
        run_until(
            lambda: filled(desk) > 0,
            *("--data-dir", desk, "--strategy", FLIPPING, "--symbols", "EURUSD"),
            PAPERDESK_ENV_FILE="",
            **settings,
        )
        done = paperdesk("run", "--data-dir", desk, "--fills", "ideal", PAPERDESK_ENV_FILE="", **settings)
    finally:
        gateway.terminate()
        gateway.wait(TIMEOUT_S)
    assert not (desk / "venue").exists()
    assert done.returncode == 2
    assert "--fills is given, expected no --fills: it describes a simulated market" in done.stderr
    assert f"the settings name the gateway at {requests}" in done.stderr


def test_a_first_run_that_compiles_its_kernels_is_not_killed(tmp_path: Path) -> None:
    """Without compiled kernels a start takes seconds longer; no process is killed, and the desk trades."""
    desk, kernels = tmp_path / "desk", tmp_path / "kernels"
    kernels.mkdir()
    run_until(lambda: filled(desk) > 0, "--data-dir", desk, NUMBA_CACHE_DIR=str(kernels))
    assert any(kernels.iterdir())
    assert "shows no life" not in (desk / "logs" / "watchdog.log").read_text()


def run_until(condition: Callable[[], bool], *arguments: object, **environment: str) -> str:
    """Run the desk without risk limits until a condition is true, interrupt the desk, and return its output.

    With limits a losing strategy would be paused, and the exit code would be 1.
    """
    process = subprocess.Popen(
        [PAPERDESK, "run", "--risk", "none", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        wait_for(lambda: process.poll() is not None or condition(), "the condition of the test", seconds=TIMEOUT_S)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=TIMEOUT_S)
    finally:
        if process.poll() is None:
            process.kill()
    assert process.returncode == 0, output + errors
    return output


def has_more_fills(desk: Path, count: int) -> bool:
    return filled(desk) > count


def filled(desk: Path) -> int:
    """The number of fills in the ledger of a desk; 0 while there is no ledger."""
    Event().wait(POLL_EVERY_S)
    try:
        return read_account_totals(desk).fills
    except StartError:
        return 0  # portfolio is creating the ledger


def test_a_recording_is_played_live_to_its_end(tmp_path: Path) -> None:
    ticks = a_tick_file(tmp_path / "may.parquet", rows=12)
    done = paperdesk("run", "--ticks", f"{ticks}:EURUSD", "--data-dir", tmp_path / "desk", "--strategy", FLIPPING)
    assert done.returncode == 0, done
    assert "the recording has ended" in done.stdout
    account = query("account", "--data-dir", tmp_path / "desk")
    # A live market does not wait, so ticks that were published before the strategy was loaded may be missed.
    assert account["ordinal"] == 12
    assert 0 < account["processed"] <= 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--symbols", "EURUSD,AAPL"), "unknown symbol 'AAPL'"),
        (("--symbols", "EURUSD,EURUSD"), "--symbols is 'EURUSD,EURUSD', expected different symbols"),
        (("--seed", "-1"), "--seed is -1, expected 0 to"),
        (("--duration", "0"), "--duration is 0, expected seconds above 0"),
        (("--strategy", "nonesuch"), "no strategy 'nonesuch'"),
        (("--ticks", "nowhere.parquet:EURUSD"), "nowhere.parquet does not exist"),
        (("--symbol", "EURUSD"), "expected --symbol only with --ticks"),
        (("--ticks", "x.parquet:EURUSD", "--seed", "3"), "--seed is 3, expected no --seed with --ticks"),
        (("--model", "nowhere"), "--model nowhere does not exist"),
    ],
)
def test_an_invalid_run_is_refused_in_one_line(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = paperdesk("run", "--data-dir", tmp_path / "desk", *arguments)
    assert done.returncode == 2, done
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
