"""A desk detects and reports that a file was removed, or replaced by an older file."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from common.control_client import ControlClient
from common.errors import StartError
from common.project_root import PROJECT_ROOT
from orchestration.address_files import control_url
from orchestration.environment import desk_environment
from orchestration.supervisor import DeskSupervisor
from proto.control import HaltCommand, ResumeCommand, StatusQuery, StatusReply, TradingReply, TradingState
from tests.support.waits import wait_for
from verification.chaos.oracle import compare_books

TIMEOUT_S: Final = 90.0
SETTINGS: Final = {
    "STRATEGY": "tests.support.flipping:Flipping",
    "RISK": "none",
    "GTW_TIMEOUT_MS": "200",
    "MT5_PACE": "live:10",
    "MT5_MARKET": "generated",
    "MT5_SEED": "7",
    "TRADING_SYMBOL": "EURUSD",
}


class LiveDesk:
    """A live desk under supervisord, with queries of its state."""

    def __init__(self, data: Path, desk: DeskSupervisor, client: ControlClient, environment: dict[str, str]) -> None:
        self.data, self.environment = data, environment
        self._desk, self._client = desk, client

    def status(self) -> StatusReply | None:
        return self._client.request(StatusQuery(), StatusReply, timeout_s=1.0)

    def fills_above(self, count: int) -> int:
        """Wait until the number of fills is above `count`, and return it."""

        def more() -> int:
            status = self.status()
            return status.fills if status is not None and status.fills > count else 0

        return wait_for(more, f"more than {count} fills", seconds=TIMEOUT_S)

    def wait_for_condition(self, code: str, part: str) -> str:
        """Wait until the status has a condition whose text contains `part`, and return the text."""

        def text() -> str:
            status = self.status()
            conditions = status.conditions if status is not None else []
            return next((one.text for one in conditions if one.code == code and part in one.text), "")

        return wait_for(text, code, seconds=TIMEOUT_S)

    def resume(self) -> None:
        """Send one resume command.

        Raises:
            StartError: the command was refused.
        """
        reply = self._client.request(ResumeCommand(reason="looked at it"), TradingReply, timeout_s=5.0)
        assert reply is not None
        assert reply.trading_state is TradingState.ACTIVE

    def socket_file(self, name: str) -> Path:
        """The path of a process's socket."""
        return Path(control_url(self._desk.runtime).removeprefix("ipc://")).with_name(name)

    def wait_for_log(self, name: str, text: str) -> None:
        log = self.data / "logs" / f"{name}.log"
        wait_for(lambda: text in log.read_text(), f"{text!r} in the log of {name}", seconds=TIMEOUT_S)


@contextmanager
def a_live_desk(data: Path) -> Iterator[LiveDesk]:
    with DeskSupervisor(log_dir=data / "logs") as desk, ControlClient(control_url(desk.runtime)) as client:
        environment = desk_environment(os.environ, SETTINGS, runtime=desk.runtime, data_dir=data)
        desk.start(environment)
        yield LiveDesk(data, desk, client, environment)


def remove(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        if file.suffix != ".lock":
            file.unlink()


def put_back(copy: Path, path: Path) -> None:
    """Replace a file of a stopped desk by an older copy."""
    remove(path)
    shutil.copy(copy, path)


def is_right_but_for_lost_orders(data: Path) -> bool:
    """Whether ledger and venue differ only in orders that the ledger has lost, and no order is in doubt."""
    found = compare_books(data)
    assert all("the venue has it" in one for one in found.lost), found.lost
    return not (found.doubled or found.different or found.positions or found.cash or found.in_doubt)


def test_a_removed_ledger_is_detected_and_the_new_ledger_lacks_orders(tmp_path: Path) -> None:
    with a_live_desk(tmp_path / "data") as desk:
        fills = desk.fills_above(3)
        remove(desk.data / "ledger.db")
        desk.wait_for_log("portfolio", "ledger.db was removed or replaced while in use")
        text = desk.wait_for_condition("LEDGER_ROLLED_BACK", "orders of incarnation")
        assert int(text.split()[3]) >= fills
        desk.resume()
        desk.fills_above(int(text.split()[3]) + 1)
    assert is_right_but_for_lost_orders(desk.data)


def test_an_older_ledger_is_recognised_although_the_host_was_not_restarted(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy.db"
    with a_live_desk(data) as desk:
        desk.fills_above(2)
    shutil.copy(data / "ledger.db", copy)
    with a_live_desk(data) as desk:
        desk.fills_above(compare_books(data).deals)
    deals = compare_books(data).deals
    put_back(copy, data / "ledger.db")
    with a_live_desk(data) as desk:
        desk.wait_for_condition("LEDGER_ROLLED_BACK", "orders of incarnation")
        desk.resume()
        desk.fills_above(deals)
    assert is_right_but_for_lost_orders(data)


def test_an_older_book_of_the_broker_stops_the_desk_until_it_is_replaced(tmp_path: Path) -> None:
    data, old, new = tmp_path / "data", tmp_path / "old", tmp_path / "new"
    with a_live_desk(data) as desk:
        desk.fills_above(2)
    shutil.copytree(data / "venue", old)
    with a_live_desk(data) as desk:
        desk.fills_above(compare_books(data).deals)
    deals = compare_books(data).deals
    shutil.copytree(data / "venue", new)
    put_back(old / "book.db", data / "venue" / "book.db")
    with a_live_desk(data) as desk:
        desk.wait_for_condition("VENUE_ROLLED_BACK", "the broker's book is outdated")
        with pytest.raises(StartError, match="restore a copy of the broker's book that is as recent as the ledger"):
            desk.resume()
    for name in ("book.db", "journal.db"):
        put_back(new / name, data / "venue" / name)
    with a_live_desk(data) as desk:
        wait_for(
            lambda: (status := desk.status()) is not None and status.state == "RUNNING", "RUNNING", seconds=TIMEOUT_S
        )
        desk.resume()
        desk.fills_above(deals)
    assert compare_books(data).agrees


def test_a_second_process_is_refused_without_lock_files_and_each_removed_file_is_detected(tmp_path: Path) -> None:
    with a_live_desk(tmp_path / "data") as desk:
        desk.fills_above(1)
        for lock in desk.data.rglob("*.lock"):
            lock.unlink()
        for service in ("mt5", "portfolio"):
            second = subprocess.run(
                [sys.executable, "-m", f"services.{service}"],
                env={**desk.environment, "PAPERDESK_RUNTIME_DIR": str(tmp_path)},
                cwd=PROJECT_ROOT,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
            assert (second.returncode, "is in use by another process" in second.stderr) == (2, True), second.stderr
        [checkpoint] = (desk.data / "signal").glob("*.db")
        for program, file in (
            ("signal", checkpoint),
            ("mt5", desk.data / "venue" / "journal.db-wal"),
            ("mt5", desk.data / "venue" / "book.db-shm"),
            ("portfolio", desk.data / "ledger.db-shm"),
        ):
            file.unlink()
            desk.wait_for_log(program, f"{file.name} was removed or replaced while in use")
            wait_for(file.exists, f"{file.name} of the next process", seconds=TIMEOUT_S)


def test_a_removed_socket_file_is_made_again(tmp_path: Path) -> None:
    """Without the file a trading desk could not be queried or halted, and a restarted peer could not connect."""
    with a_live_desk(tmp_path / "data") as desk:
        fills = desk.fills_above(1)
        for program, name in (
            ("portfolio", "control.ipc"),
            ("portfolio", "signal.ipc"),
            ("portfolio", "report.ipc"),
            ("execution", "command.ipc"),
        ):
            desk.socket_file(name).unlink()
            desk.wait_for_log(program, f"{name} was removed or replaced while in use")
            fills = desk.fills_above(fills)


LOSES_ITS_FILE: Final = """
import services.portfolio.__main__ as main
verify = main.verify_if_short
main.verify_if_short = lambda ledger: (ledger.path.unlink(), verify(ledger))
main.run_process(main.run)
"""
"""Code of a portfolio whose ledger is removed right after it was opened."""


class LonePortfolio:
    """Starts portfolio processes without the other services; this process is their supervisor."""

    def __init__(self, folder: Path) -> None:
        self.data, self.runtime, self.marks = (folder / name for name in ("data", "runtime", "marks"))
        for each in (self.data, self.runtime, self.marks):
            each.mkdir(mode=0o700)
        self.environment = desk_environment(os.environ, SETTINGS, runtime=self.runtime, data_dir=self.data)

    def started(self, *command: str, **settings: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *(command or ("-m", "services.portfolio"))],
            env={**self.environment, **settings},
            cwd=PROJECT_ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )

    def make_ledger_of_one_commit(self) -> None:
        """Kill portfolio at its first commit, before it sends a reply."""
        crash = {"PAPERDESK_CRASH_AT": "portfolio.after_commit@0", "PAPERDESK_CRASH_DIR": str(self.marks)}
        with self.started(**crash) as process, ControlClient(control_url(self.runtime)) as client:

            def is_dead() -> bool:
                client.request(HaltCommand(reason="the first event"), TradingReply, timeout_s=0.5)
                return process.poll() is not None

            wait_for(is_dead, "the crash", seconds=TIMEOUT_S)
            assert process.returncode == -signal.SIGKILL

    def lose_everything(self) -> None:
        remove(self.data / "ledger.db")
        shutil.rmtree(self.data / "keys")

    def is_halted_for_the_loss(self) -> bool:
        """Whether the next portfolio is halted and reports the lost ledger."""
        with self.started() as process, ControlClient(control_url(self.runtime)) as client:
            status = wait_for(lambda: client.request(StatusQuery(), StatusReply, timeout_s=1.0), "a reply")
            process.terminate()
        [lost] = [one.text for one in status.conditions if one.code == "LEDGER_TAIL_MISSING"]
        assert lost.startswith(f"{self.data / 'ledger.db'} is new: the earlier ledger of this desk is gone")
        return status.trading_state is TradingState.HALTED


def test_a_desk_whose_ledger_was_lost_with_its_only_commit_is_halted(tmp_path: Path) -> None:
    """Even after the loss of a ledger with only one commit, the next desk is halted."""
    desk = LonePortfolio(tmp_path)
    desk.make_ledger_of_one_commit()
    desk.lose_everything()
    assert desk.is_halted_for_the_loss()


def test_a_desk_whose_ledger_was_lost_after_a_failed_start_is_halted(tmp_path: Path) -> None:
    """Portfolio records the ledger before it opens the file. Here it then ends, because its metrics port is in use."""
    desk = LonePortfolio(tmp_path)
    desk.make_ledger_of_one_commit()
    shutil.rmtree(desk.runtime)  # a new runtime folder has no record of the ledger
    desk.runtime.mkdir(mode=0o700)
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        desk.started(METRICS_PORT_PORTFOLIO=str(taken.getsockname()[1])) as process,
    ):
        _, errors = process.communicate(timeout=TIMEOUT_S)
    assert "cannot serve metrics" in errors
    desk.lose_everything()
    assert desk.is_halted_for_the_loss()


def test_a_portfolio_whose_ledger_vanishes_at_its_start_ends_with_exit_code_1(tmp_path: Path) -> None:
    """supervisord restarts portfolio after exit code 1, but not after 2, the code of a refusal."""
    desk = LonePortfolio(tmp_path)
    desk.make_ledger_of_one_commit()
    with desk.started("-c", LOSES_ITS_FILE) as process:
        _, errors = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, "was removed or replaced while in use" in errors) == (1, True), errors


def test_a_desk_whose_data_folder_was_emptied_does_not_trade_until_a_person_resumes_it(tmp_path: Path) -> None:
    with a_live_desk(tmp_path / "data") as desk:
        desk.fills_above(3)
        (tmp_path / "elsewhere").mkdir()
        for path in desk.data.iterdir():
            if path.name != "logs":  # without this folder supervisord does not start programs
                path.rename(tmp_path / "elsewhere" / path.name)
        text = desk.wait_for_condition("LEDGER_TAIL_MISSING", "is new: the earlier ledger of this desk is gone")
        assert text.startswith(str(desk.data / "ledger.db"))
        status = desk.status()
        assert status is not None
        assert (status.trading_state, status.fills) == (TradingState.HALTED, 0)
        desk.resume()
        desk.fills_above(1)
