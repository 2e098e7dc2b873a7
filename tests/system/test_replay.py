"""A replay has the same results to the last digit at any speed and under any load of the machine.

Run with the full number of ticks, about twenty minutes on two cores:

  PAPERDESK_SYSTEM_TICKS=100000 python -m pytest tests/system/test_replay.py
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from research import ledger_views
from tests.support.replays import (
    IS_FULL_SIZE,
    CommandOutcome,
    RunningReplay,
    a_busy_machine,
    completed_backtest,
    completed_replay,
    leftovers,
    list_rows,
    run_paperdesk,
    ticks_or,
)
from tests.support.tick_files import START_NS, a_tick_file

TICKS = ticks_or(2_000)

DAY_NS = 86_400_000_000_000


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """A random walk in which one quote of fifty is crossed."""
    return a_tick_file(tmp_path / "may.parquet", rows=TICKS * 21 // 20, crossed_every=50)


def assert_adds_up(outcome: CommandOutcome) -> None:
    """Require that no tick is missing, ledger and venue agree, and the counts of rows and ticks add up."""
    assert outcome.exit_code == 0, outcome.error_output
    ticks, signals = outcome.report["ticks"], outcome.report["signals"]
    assert outcome.report["reconciled"] is True
    assert outcome.report["differences"] == []
    assert ticks["gaps"] == 0
    assert ticks["read"] == ticks["published"] + sum(ticks["rejected"].values())
    assert ticks["processed"] == ticks["published"]
    assert sum(signals[word] for word in ("buy", "sell", "hold", "warming_up")) == ticks["processed"]


# ------------------------------------------------------------------------------------------------------------ lock-step


def run_on_a_machine_that_is_shared(source: str, tmp_path: Path) -> CommandOutcome:
    """Run two replays at the same time, one on a single core, together with a process that uses all idle CPU time."""
    if not hasattr(psutil.Process, "cpu_affinity"):
        pytest.skip("this system has no affinity of processes to cores")
    core = min(psutil.Process().cpu_affinity())
    run = (source, "--ticks", TICKS, "--speed", "lockstep", "--on-opposite", "reverse")
    with a_busy_machine():
        loaded, alone = (
            RunningReplay(*run, data_dir=tmp_path / "loaded"),
            RunningReplay(*run, data_dir=tmp_path / "alone", cores=[core]),
        )
        with loaded, alone:
            one, other = loaded.wait(), alone.wait()
    for outcome in (one, other):
        assert_adds_up(outcome)
        assert outcome.report["ticks"]["processed"] == TICKS
    assert one.orders
    assert one.same == other.same
    for what in ("orders", "deals"):
        assert list_rows(what, tmp_path / "loaded") == list_rows(what, tmp_path / "alone")
    return one


def test_a_loaded_machine_and_a_single_core_do_not_change_the_result(market: Path, tmp_path: Path) -> None:
    run_on_a_machine_that_is_shared(f"{market}:EURUSD", tmp_path)


def test_a_loaded_machine_does_not_change_the_result_of_a_recording(shared_parquet: Path, tmp_path: Path) -> None:
    lockstep = run_on_a_machine_that_is_shared(named(shared_parquet), tmp_path)
    if IS_FULL_SIZE:
        run = (named(shared_parquet), "--speed", "max", "--on-opposite", "reverse")
        fast = completed_replay(*run, "--ticks", TICKS, data_dir=tmp_path / "fast")
        assert fast.same == lockstep.same
        assert_adds_up(completed_replay(*run, data_dir=tmp_path / "whole"))


def named(recording: Path) -> str:
    """The argument of a command for a recording: its path and symbol."""
    return f"{recording}:{recording.stem.split('_')[1].upper()}"


# ----------------------------------------------------------------------------------------------------------- full speed


def test_at_full_speed_no_tick_of_two_symbols_is_lost_in_one_run_or_in_two(market: Path, tmp_path: Path) -> None:
    other = a_tick_file(tmp_path / "other.parquet", rows=TICKS // 2, seed=3, price=0.8612, crossed_every=20)
    one, both = [f"{market}:EURUSD"], [f"{market}:EURUSD", f"{other}:NZDUSD"]
    with (
        RunningReplay(*one, "--speed", "max", data_dir=tmp_path / "one") as first,
        RunningReplay(*both[1:], "--speed", "max", data_dir=tmp_path / "other") as second,
    ):
        apart = first.wait(), second.wait()
    together = completed_replay(*both, "--speed", "max", data_dir=tmp_path / "both")
    for outcome in (*apart, together):
        assert_adds_up(outcome)
        assert outcome.report["ticks"]["rejected"]["crossed"] > 0
    counts = [outcome.report["ticks"]["processed"] for outcome in (*apart, together)]
    assert counts[0] + counts[1] == counts[2]
    lockstep = completed_replay(*both, data_dir=tmp_path / "lockstep")
    assert_adds_up(lockstep)
    assert lockstep.same == together.same


# ----------------------------------------------------------------------------- continuing with an account, and stopping


def hashes(data_dir: Path) -> dict[str, str]:
    """The hash of each database of the desk, by file name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(data_dir.rglob("*.db"))}


def test_an_account_continues_only_with_later_ticks(market: Path, tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    may = completed_replay(f"{market}:EURUSD", "--on-opposite", "reverse", "--speed", "max", data_dir=desk)
    june_ticks = a_tick_file(tmp_path / "june.parquet", rows=1_000, seed=2, start_ns=START_NS + 30 * DAY_NS)
    run = (f"{june_ticks}:EURUSD", "--on-opposite", "reverse", "--speed", "max", "--continue")
    june = completed_replay(*run, data_dir=desk)
    assert_adds_up(june)
    assert june.orders[: len(may.orders)] == may.orders
    assert june.deals[: len(may.deals)] == may.deals
    assert [order["number"] for order in june.orders] == list(range(1, len(june.orders) + 1))
    assert len({order["order_id"] for order in june.orders}) == len(june.orders)
    assert june.report["orders"]["created"] == len(june.orders) - len(may.orders) > 0
    gained = Decimal(june.report["realized_pnl"])
    assert Decimal(june.report["balance"]) == Decimal(may.report["balance"]) + gained

    before = hashes(desk)
    for refused in (run, (f"{market}:EURUSD", "--to-row", 500, "--continue"), (f"{market}:EURUSD", "--continue")):
        done = run_paperdesk("replay", *refused, "--data-dir", desk)
        assert done.returncode == 2
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "expected later than" in done.stderr
        assert hashes(desk) == before
    assert leftovers(desk) == []


def test_an_interrupted_replay_can_be_continued(market: Path, tmp_path: Path) -> None:
    with RunningReplay(f"{market}:EURUSD", data_dir=tmp_path / "desk") as replay:
        replay.wait_for_tick(300)
        replay.interrupt()
        outcome = replay.wait()
    assert outcome.exit_code == 130
    assert outcome.report == {}
    assert "Traceback" not in outcome.error_output
    ordinal = ledger_views.account(tmp_path / "desk")["ordinal"]
    assert 300 <= ordinal < TICKS
    rest = completed_replay(f"{market}:EURUSD", "--continue", data_dir=tmp_path / "desk")
    assert_adds_up(rest)
    assert rest.same == completed_backtest(f"{market}:EURUSD", data_dir=tmp_path / "backtest").same
