"""The installed `paperdesk` command with real processes, files and exit codes."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest

from tests.support.command_line import PAPERDESK, TIMEOUT_S, paperdesk
from tests.support.tick_files import START_NS, a_tick_file

DAY_NS = 86_400_000_000_000


def refused(*arguments: object, **environment: str) -> str:
    """The line of text with which a command line is refused."""
    done = paperdesk(*arguments, **environment)
    assert done.returncode == 2, done
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("paperdesk: ")
    return lines[0]


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    return a_tick_file(tmp_path / "may.parquet", rows=1_500, crossed_every=50)


# ------------------------------------------------------------------------------------------------------------- refusals


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    empty, corrupt = tmp_path / "empty.parquet", tmp_path / "corrupt.parquet"
    empty.touch()
    corrupt.write_bytes(b"PAR1 and then nothing of the kind")
    for command in (("replay",), ("backtest",), ("parity",), ("ticks", "describe")):
        assert "nowhere.parquet does not exist" in refused(*command, "nowhere.parquet:EURUSD")
    for path in (empty, corrupt, tmp_path):
        assert str(path) in refused("backtest", f"{path}:EURUSD")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--ticks", "0"), "--ticks is 0, expected 1 or more"),
        (("--volume", "-0.01"), "--volume is '-0.01', expected lots above 0"),
        (("--ticks", "5", "--to-row", "9"), "--ticks 5 with --to-row 9, expected one of the two"),
        (("--strategy", "crystal_ball"), "no strategy 'crystal_ball'"),
        (("--continue",), "--continue without --data-dir"),
        (("--speed", "0"), "--speed is '0', expected lockstep, max, or a factor"),
        (("--on-opposite", "panic"), "'panic' is not one of"),
        (("--ticks", "many"), "--ticks"),
        (("--no-such-option",), "--no-such-option"),
        (("--symbol", "EURUSD.x.y!"), "--symbol is 'EURUSD.x.y!'"),
    ],
)
def test_an_invalid_option_is_refused(ticks: Path, options: tuple[str, ...], message: str) -> None:
    assert message in refused("replay", f"{ticks}:EURUSD", *options)


def test_an_order_policy_that_does_not_exist_is_refused(ticks: Path) -> None:
    message = refused("backtest", f"{ticks}:EURUSD", "--order-policy", "other")
    assert "'other' is not one of 'lock-step', 'live'" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--engine", "other"), "'other' is not one of 'ticks', 'events'"),
        (
            ("--engine", "events", "--order-policy", "live"),
            "--engine events with --order-policy live, expected --engine",
        ),
        (("--no-ledger", "--data-dir", "desk"), "--no-ledger with --data-dir desk, expected one of the two"),
        (("--no-ledger", "--continue"), "--no-ledger with --continue, expected one of the two"),
    ],
)
def test_options_of_a_backtest_that_exclude_one_another_are_refused(
    ticks: Path, options: tuple[str, ...], message: str
) -> None:
    assert message in refused("backtest", f"{ticks}:EURUSD", *options)
    assert not Path("desk").exists()


def test_the_live_policy_runs_tick_by_tick_and_the_other_by_events(ticks: Path) -> None:
    engines = []
    for options in (
        (),
        ("--engine", "ticks"),
        ("--order-policy", "live"),
        ("--order-policy", "live", "--engine", "ticks"),
    ):
        done = paperdesk("backtest", f"{ticks}:EURUSD", "--ticks", 300, "--json", "--no-ledger", *options)
        timings = json.loads(done.stdout)["timings"]
        assert (timings["visits"] is None) == (timings["engine"] == "ticks")
        engines.append(timings["engine"])
    assert engines == ["events", "ticks", "ticks", "ticks"]


def test_an_unknown_symbol_and_a_missing_symbol_are_refused(ticks: Path) -> None:
    assert "unknown symbol 'TULIPS'" in refused("replay", f"{ticks}:TULIPS")
    assert f"no symbol for {ticks}" in refused("replay", ticks)


def test_directories_that_cannot_be_used_are_refused(ticks: Path, tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    desk.mkdir()
    (desk / "something").touch()
    assert "is not empty" in refused("replay", f"{ticks}:EURUSD", "--data-dir", desk)
    below_a_file = desk / "something" / "desk"
    assert "expected a writable folder" in refused("replay", f"{ticks}:EURUSD", "--data-dir", below_a_file)
    assert "there is no folder" in refused("backtest", f"{ticks}:EURUSD", "--report", tmp_path / "no" / "r.json")
    for command in ("orders", "deals", "positions", "account", "reconcile", "verify"):
        assert "has no ledger.db" in refused(command, "--data-dir", desk)


def test_a_setting_out_of_range_and_an_unknown_setting_are_refused(tmp_path: Path) -> None:
    assert "GTW_PORT: value '70000'" in refused("config", GTW_PORT="70000")
    env = tmp_path / ".env"
    env.write_text("DEFAULT_VOLUMES=1\n")
    assert "DEFAULT_VOLUMES: unknown key" in refused("config", PAPERDESK_ENV_FILE=str(env))


def test_a_port_in_use_is_named_by_the_service(ticks: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        settings = {
            "PAPERDESK_ENV_FILE": "",
            "PAPERDESK_DATA_DIR": str(tmp_path / "data"),
            "MT5_TICKS": f"{ticks}:EURUSD",
            "MT5_REQUEST_URL": url,
            "MT5_PUBLISH_URL": "tcp://127.0.0.1:*",
        }
        done = subprocess.run(
            [sys.executable, "-m", "services.mt5"],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            env={**os.environ, **settings},
            check=False,
        )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"paperdesk mt5: cannot bind {url}")


# ------------------------------------------------------------------------------------------------------- valid commands


def test_the_help_of_a_command_has_an_example() -> None:
    commands = [
        "replay",
        "backtest",
        "parity",
        "config",
        "orders",
        "deals",
        "positions",
        "account",
        "reconcile",
        "verify",
    ]
    for command in [[name] for name in commands] + [["ticks", "describe"]]:
        done = paperdesk(*command, "--help")
        assert done.returncode == 0
        assert f"paperdesk {' '.join(command)}" in done.stdout.split("Example")[-1]


def test_settings_are_shown_with_their_source() -> None:
    done = paperdesk("config", "--json", STRATEGY="ema_cross", PAPERDESK_ENV_FILE="")
    rows = {row["setting"]: row for row in json.loads(done.stdout)}
    assert rows["STRATEGY"] == {"service": "signal", "setting": "STRATEGY", "value": "ema_cross", "source": "env"}
    assert rows["MT5_PACE"]["source"] == "default"


def test_a_file_of_ticks_is_described(ticks: Path) -> None:
    (found,) = json.loads(paperdesk("ticks", "describe", f"{ticks}:EURUSD", "--json").stdout)
    assert (found["rows"], found["ticks"], found["rejected"]["crossed"]) == (1_500, 1_470, 30)
    assert found["symbol"] == "EURUSD"
    assert found["spread_unit"] == "points"
    assert 1.0 <= found["spread"]["p50"] <= 3.0
    assert found["first_ns"] > START_NS
    assert "1,470" in paperdesk("ticks", "describe", f"{ticks}:EURUSD").stdout


def test_a_replay_runs_continues_and_can_be_examined(ticks: Path, tmp_path: Path) -> None:
    desk, out = tmp_path / "desk", tmp_path / "report.json"
    done = paperdesk("replay", f"{ticks}:EURUSD", "--data-dir", desk, "--report", out, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert json.loads(out.read_text()) == report
    assert report["reconciled"] is True
    assert report["simulated"] is True
    assert report["ticks"]["processed"] == 1_470
    assert report["deals"] > 0

    june = a_tick_file(tmp_path / "june.parquet", rows=300, seed=2, start_ns=START_NS + 30 * DAY_NS)
    more = paperdesk("replay", june, "--symbol", "EURUSD", "--data-dir", desk, "--continue", "--speed", "max", "--json")
    assert more.returncode == 0, more.stderr
    assert json.loads(more.stdout)["ticks"]["processed"] == 300

    assert paperdesk("verify", "--data-dir", desk).returncode == 0
    assert paperdesk("reconcile", "--data-dir", desk).returncode == 0
    orders = json.loads(paperdesk("orders", "--data-dir", desk, "--json").stdout)
    deals = json.loads(paperdesk("deals", "--data-dir", desk, "--json").stdout)
    account = json.loads(paperdesk("account", "--data-dir", desk, "--json").stdout)
    assert len(orders) == account["orders"] >= report["orders"]["created"]
    assert len(deals) == account["deals"] > report["deals"]
    assert paperdesk("positions", "--data-dir", desk).returncode == 0

    again = refused("replay", f"{ticks}:EURUSD", "--data-dir", desk)
    assert "--continue" in again


def test_an_account_cannot_continue_with_earlier_data(ticks: Path, tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    assert paperdesk("replay", f"{ticks}:EURUSD", "--ticks", 200, "--data-dir", desk).returncode == 0
    done = paperdesk("replay", f"{ticks}:EURUSD", "--to-row", 150, "--data-dir", desk, "--continue")
    assert done.returncode == 2
    assert "expected later than" in done.stderr.splitlines()[-1]


def test_replay_and_backtest_are_identical_at_any_speed(ticks: Path, tmp_path: Path) -> None:
    other = a_tick_file(tmp_path / "other.parquet", rows=800, seed=3, price=0.8612)
    done = paperdesk("parity", f"{ticks}:EURUSD", f"{other}:NZDUSD", "--speed", "max", "--on-opposite", "reverse")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("identical: 2,270 ticks")


def test_a_temporary_desk_leaves_nothing_behind(ticks: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    runtimes = set(Path("/tmp").glob("pd-*"))
    done = paperdesk("replay", f"{ticks}:EURUSD", "--ticks", 150, TMPDIR=str(temporary))
    assert done.returncode == 0, done.stderr
    assert list(temporary.iterdir()) == []
    assert not {path for path in set(Path("/tmp").glob("pd-*")) - runtimes if _is_of(path, temporary)}


def _is_of(runtime: Path, folder: Path) -> bool:
    """Whether a runtime directory belongs to a desk with its logs in `folder`; other desks may run during the tests."""
    logs = runtime / "log"
    return logs.is_symlink() and folder in logs.readlink().parents


# --------------------------------------------------------------------------------------------------------- interrupting


def running(ticks: Path, desk: Path) -> subprocess.Popen[str]:
    """A long replay that runs, and whose ledger has been reconciled with the venue."""
    command = subprocess.Popen(
        [PAPERDESK, "replay", f"{ticks}:EURUSD", "--data-dir", str(desk), "--speed", "0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: (desk / "control.url").is_file(), "the desk to start")
    wait_for(lambda: paperdesk("reconcile", "--data-dir", desk).returncode == 0, "the desk to reconcile with its venue")
    return command


def wait_for(condition: Callable[[], bool], what: str) -> None:
    pause = Event()
    for _ in range(200):
        if condition():
            return
        pause.wait(0.1)
    pytest.fail(f"waited for {what}")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_replay_stops_its_processes_in_order(
    ticks: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    desk = tmp_path / "desk"
    command = running(ticks, desk)
    below = psutil.Process(command.pid).children(recursive=True)
    assert len(below) >= 6
    command.send_signal(number)
    output, errors = command.communicate(timeout=TIMEOUT_S)
    assert command.returncode == code
    assert output == ""
    assert "Traceback" not in errors
    assert not any(process.is_running() for process in below)
    assert not (desk / "control.url").exists()
    stopped: list[Any] = [
        line for line in (desk / "logs" / "supervisord.log").read_text().splitlines() if "stopped:" in line
    ]
    in_order = ["watchdog", "signal", "portfolio", "execution", "mt5"]
    assert [line.split("stopped: ")[1].split()[0] for line in stopped] == in_order
    assert paperdesk("reconcile", "--data-dir", desk).returncode == 0
    assert paperdesk("verify", "--data-dir", desk).returncode == 0
