"""A desk made by `paperdesk init`: its page of the documentation, its commands, and two desks side by side."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from common.project_root import PROJECT_ROOT
from orchestration.desk_folder import make_desk
from orchestration.stopped_desk_audit import reconcile
from orchestration.supervisord_configuration import CONFIGURATION
from tests.support.command_line import PAPERDESK, TIMEOUT_S
from tests.support.ports import free_port
from tests.support.short_folders import place
from tests.support.waits import wait_for

__all__ = ["place"]

START_S: Final = 60.0
PAGE: Final = PROJECT_ROOT / "docs" / "own-desk.md"
NAME: Final = "mein Büro 50%/Tisch 'eins'"

WITHOUT: Final = (
    "orders_per_second_max",
    "orders_per_minute_max",
    "orders_per_day_max",
    "breaker_losses",
    "daily_loss_pct_max",
    "drawdown_warn_pct",
    "drawdown_reduce_pct",
    "drawdown_halt_pct",
)
"""Limits that hundreds of trades would reach."""

QUICK: Final = '''
"""A strategy that changes its direction every two ticks."""


class Quick:
    name = "quick"
    warm_up_ticks = 0
    seen = 0

    def on_tick(self, window, bid, ask, time_ns):
        self.seen += 1
        return (1 if self.seen // 2 % 2 else -1), 1.0

    def snapshot(self):
        return self.seen.to_bytes(8, "little")

    def restore(self, state):
        self.seen = int.from_bytes(state, "little")
'''


def environment() -> dict[str, str]:
    """The environment of a user: no setting of a desk, and the programs of the checkout in PATH."""
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "USER") if name in os.environ}
    return {**plain, "PATH": f"{PAPERDESK.parent}:{plain['PATH']}"}


def run_in(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PAPERDESK, *map(str, arguments)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def answer(folder: Path, *arguments: object) -> Any:
    """The JSON of a command that is run in a folder."""
    done = run_in(folder, *arguments, "--json")
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return json.loads(done.stdout)


def a_quick_desk(folder: Path) -> Path:
    """A desk that trades at once: a market at ten times its speed, and a strategy that changes its mind."""
    desk = make_desk(folder)
    (desk / "strategy.py").write_text(QUICK, encoding="utf-8")
    (desk / "plan.toml").write_text("", encoding="utf-8")
    (desk / "limits.toml").write_text("".join(f'{name} = "none"\n' for name in WITHOUT), encoding="utf-8")
    settings = (desk / ".env").read_text(encoding="utf-8").replace("strategy:Breakout", "strategy:Quick")
    (desk / ".env").write_text(settings.replace("#MT5_PACE=", "MT5_PACE=live:10"), encoding="utf-8")
    return desk


@contextmanager
def supervised(desk: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The desk's processes, under a supervisord that is started from another folder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(desk / CONFIGURATION)],
        cwd="/",
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(START_S)


def fills_of(desk: Path) -> int:
    done = run_in(desk, "fills", "--json")
    return len(json.loads(done.stdout)) if done.returncode == 0 else 0


def wait_for_fills(desk: Path, above: int) -> int:
    """The number of fills, which the desk tells only after it trades."""

    def more() -> int:
        found = fills_of(desk)
        return found if found > above else 0

    return wait_for(more, f"more than {above} fills", seconds=START_S)


def services_of(supervisord: subprocess.Popen[bytes]) -> dict[str, psutil.Process]:
    """The programs of a supervisord, by the names of their modules."""
    found = {}
    for process in psutil.Process(supervisord.pid).children():
        name = re.search(r"services\.(\w+)", " ".join(process.cmdline()))
        if name is not None:
            found[name[1]] = process
    return found


def test_a_desk_trades_is_killed_and_continues_and_every_command_finds_it(place: Path) -> None:
    desk = a_quick_desk(place / NAME)
    below = desk / "notes" / "2026"
    below.mkdir(parents=True)
    with supervised(desk) as supervisord:
        wait_for_fills(below, 0)
        for folder in (desk, below):
            given = {row["setting"]: row["value"] for row in answer(folder, "config")}
            assert (given["RISK"], given["PLAN"]) == (f"{desk}/limits.toml", f"{desk}/plan.toml")
            examined = run_in(folder, "doctor")
            assert (
                re.findall(
                    r"^(\w+) +(?:folder|settings|limits|plan|strategy|keys|gateway|trading):", examined.stdout, re.M
                )
                == ["ok"] * 8
            ), examined
            assert answer(folder, "status")["headline"] == "TRADING"
            for command in (("orders",), ("positions",), ("account",), ("risk",), ("reconcile",), ("verify",)):
                assert answer(folder, *command) is not None
            assert answer(folder, "backup", place / f"{folder.name}.db")["events"] > 0
            assert run_in(folder, "halt", "--reason", "a look").returncode == 0
            assert answer(folder, "account")["trading_state"] == "HALTED"
            assert run_in(folder, "resume", "--reason", "seen").returncode == 0
        services = services_of(supervisord)
        assert {Path(one.cwd()) for one in services.values()} == {desk}
        assert PROJECT_ROOT / "var" / "data" not in {
            Path(file.path) for one in services.values() for file in one.open_files()
        }
        for one in services.values():
            one.send_signal(signal.SIGKILL)
        wait_for_fills(desk, fills_of(desk))
        supervisord.kill()
        supervisord.wait(START_S)
        psutil.wait_procs(list(services.values()), timeout=START_S)
    fills = len(answer(desk, "fills", "--data-dir", desk / "data"))
    with supervised(desk):
        wait_for_fills(desk, fills)
    assert reconcile(desk / "data") == []
    assert (desk / "data" / "ledger.db").is_file()
    assert list((desk / "var" / "log").glob("portfolio.log"))


def test_two_desks_trade_side_by_side(place: Path) -> None:
    first, second = a_quick_desk(place / "first"), a_quick_desk(place / "second")
    with supervised(first), supervised(second):
        wait_for_fills(first, 0)
        wait_for_fills(second, 0)
        assert run_in(first, "halt", "--reason", "only the first").returncode == 0
        assert answer(first, "account")["trading_state"] == "HALTED"
        assert answer(second, "account")["trading_state"] == "ACTIVE"
        assert str(second) not in json.dumps(answer(first, "config"))
    assert reconcile(first / "data") == reconcile(second / "data") == []


def test_a_strategy_of_the_desk_runs_in_a_backtest_a_replay_and_a_run_from_below_its_folder(place: Path) -> None:
    desk = a_quick_desk(place / NAME)
    below = desk / "ticks"
    below.mkdir()
    assert run_in(below, "ticks", "generate", "--symbols", "EURUSD", "--hours", 1, "e.parquet").returncode == 0
    options = ("e.parquet:EURUSD", "--ticks", 500, "--strategy", "strategy:Quick")
    assert run_in(below, "parity", *options).stdout.startswith("identical: 500 ticks")
    done = run_in(below, "run", "--duration", 5)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"run ignores ([^:]*):", done.stderr) == ["MT5_PACE"]
    assert f"the account is in {desk}/data" in done.stdout
    refused = run_in(place, "backtest", place / below / "e.parquet:EURUSD", "--strategy", "strategy:Quick")
    assert refused.returncode == 2
    assert "No module named 'strategy'" in refused.stderr


def commands_of_the_page() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def test_the_commands_of_the_page_run_as_written_one_after_the_other(place: Path) -> None:
    """In one shell, with a short home. The checkout stands for that in /opt."""
    script, port = ["set -e"], free_port()
    for line in commands_of_the_page():
        line = line.replace("/opt/paperdesk", str(PROJECT_ROOT)).replace("8790", str(port))
        if line.startswith("paperdesk notify receive"):
            line = f"{line.removesuffix('&')} --port {port} & for i in $(seq 300); do {_is_open(port)} && break; done"
        if line.endswith("supervisorctl -c supervisord.conf status"):
            line = f"{line} || test $? = 3"  # the exit code if a program is not running, here web
        script.append(line)
        if line.startswith("supervisord "):
            script.append("for i in $(seq 300); do paperdesk status >/dev/null 2>&1 && break; sleep 0.2; done")
    home = place / "h"
    home.mkdir()
    try:
        done = subprocess.run(
            ["bash", "-x", "-c", "\n".join(script)],
            cwd=home,
            env={**environment(), "HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=3 * TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout[-2_000:]}\n{done.stderr[-2_000:]}"
        assert "identical: 2,000 ticks" in done.stdout
        assert "TEST" in done.stdout
        assert re.search(r"^notify +RUNNING", done.stdout, re.MULTILINE)
    finally:
        _stop_if_running(home / "desks" / "london")


def _is_open(port: int) -> str:
    """Shell code that succeeds if a process listens at a port; otherwise it takes a fifth of a second."""
    return f"{{ (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null || {{ sleep 0.2; false; }}; }}"


def _stop_if_running(desk: Path) -> None:
    """After a failure in the middle of the page: end the supervisord that the page started."""
    try:
        pid = int((desk / "var" / "run" / "supervisord.pid").read_text(encoding="utf-8"))
        process = psutil.Process(pid)
    except (OSError, ValueError, psutil.NoSuchProcess):
        return
    process.terminate()
    process.wait(START_S)


@pytest.mark.parametrize("name", ["a file", "filled", "x" * 100])
def test_a_folder_that_cannot_be_a_desk_is_refused_in_one_line(place: Path, name: str) -> None:
    (place / "a file").write_text("")
    (place / "filled" / "sub").mkdir(parents=True)
    before = sorted(place.rglob("*"))
    done = run_in(place, "init", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"paperdesk: [^\n]+expected[^\n]+\n", done.stderr)
    assert sorted(place.rglob("*")) == before
