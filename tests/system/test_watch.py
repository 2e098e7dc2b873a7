"""`paperdesk watch` on a pseudo-terminal shows a real desk, halts and resumes it, and leaves the terminal as it was."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import PAPERDESK, TIMEOUT_S, paperdesk, status_of
from tests.support.waits import wait_for

_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[()].|[=>78])")
_FRAME = "\x1b[H"
"""The terminal is sent to its first line before each drawing of the screen."""


class Terminal:
    """A command on a pseudo-terminal, whose keyboard and screen are here."""

    def __init__(self, *arguments: str | Path, width: int = 80, height: int = 24, **environment: str) -> None:
        """Start the command in the foreground of the terminal."""
        self._master, self._slave = pty.openpty()
        self.resize(width, height)
        self.before = termios.tcgetattr(self._slave)
        self.process = subprocess.Popen(
            [PAPERDESK, *map(str, arguments)],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm-256color", **environment},
        )
        self.output = ""

    def resize(self, width: int, height: int) -> None:
        """Change the size of the terminal; the kernel tells the command."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def press(self, keys: str) -> None:
        """Type keys."""
        os.write(self._master, keys.encode())

    def _receive(self) -> None:
        while select.select([self._master], (), (), 0.05)[0]:
            try:
                self.output += os.read(self._master, 65_536).decode(errors="replace")
            except OSError:  # the command has ended
                return

    @property
    def screen(self) -> str:
        """The text of the last whole drawing."""
        self._receive()
        frames = self.output.split(_FRAME)
        return _ESCAPES.sub("", frames[-2] if len(frames) > 2 else frames[-1]).replace("\r", "")

    def shows(self, text: str) -> None:
        """Wait until the screen has a text."""
        wait_for(lambda: text in self.screen, f"{text!r} on the screen", seconds=TIMEOUT_S)

    def end(self) -> int:
        """Wait for the end of the command, and return its exit code."""
        wait_for(lambda: self._has_ended(), "the end of the command", seconds=TIMEOUT_S)
        assert termios.tcgetattr(self._slave) == self.before, "the terminal is as before"
        assert self.output.count("\x1b[?1049h") == self.output.count("\x1b[?1049l"), "the first screen is shown again"
        return self.process.wait()

    def _has_ended(self) -> bool:
        self._receive()
        return self.process.poll() is not None

    def close(self) -> None:
        """Kill the command if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for one in opened:
        one.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """A running desk with its data directory."""
    folder = tmp_path_factory.mktemp("watched") / "desk"
    process = subprocess.Popen(
        [PAPERDESK, "run", "--data-dir", folder, "--strategy", "ema_cross", "--symbols", "EURUSD,USDJPY"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_for(lambda: has_ticks(status_of(folder)), "a running desk with ticks", seconds=TIMEOUT_S)
    yield folder, process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=TIMEOUT_S)


def has_ticks(status: dict[str, Any]) -> bool:
    """Whether the desk runs and has received the market feed."""
    return status.get("state") == "RUNNING" and "last message" in status["feed"]


def test_the_status_of_a_running_desk_has_figures_and_processes(desk: tuple[Path, subprocess.Popen[str]]) -> None:
    folder, _ = desk
    begin = time.perf_counter()
    done = paperdesk("status", "--data-dir", folder)
    print(f"paperdesk status took {time.perf_counter() - begin:.2f} s")
    for label in (
        "account   balance",
        "drawdown  ",
        "positions ",
        "orders    ",
        "ticks     last message",
        "page      none, the desk",
    ):
        assert f"\n{label}" in done.stdout, done.stdout
    fields = status_of(folder)
    assert {one["name"]: one["state"] for one in fields["processes"]}["portfolio"] == "RUNNING"
    assert fields["processes_problem"] == ""
    assert fields["account"]["equity"] is not None


def test_pages_filter_halt_and_resume_by_keys(
    desk: tuple[Path, subprocess.Popen[str]], terminals: list[Terminal]
) -> None:
    folder, _ = desk
    terminals.append(screen := Terminal("watch", "--data-dir", folder))
    screen.shows("TRADING")
    for key, text in (
        ("2", "[2 positions]"),
        ("3", "limits demo"),
        ("4", "order MARKET"),
        ("5", "portfolio  RUNNING"),
        ("6", "[6 alerts]"),
        ("1", "EURUSD"),
    ):
        screen.press(key)
        screen.shows(text)
    screen.press("/jpy\r")
    screen.shows("only rows with jpy")
    wait_for(lambda: "EURUSD" not in screen.screen, "only the filtered symbol", seconds=TIMEOUT_S)
    screen.press("\x1b")
    screen.shows("EURUSD")
    screen.press("hnews at 14:30\r")
    screen.shows("halt this SIMULATED desk?")
    screen.press("n")
    screen.shows("halt: not sent")
    assert status_of(folder)["trading_state"] == "ACTIVE"
    screen.press("hnews at 14:30\ry")
    screen.shows("halt: trading is HALTED: news at 14:30")
    assert status_of(folder)["trading_state"] == "HALTED"
    screen.press("rlooked at it\ry")
    screen.shows("resume: trading is ACTIVE")
    assert status_of(folder)["trading_state"] == "ACTIVE"
    screen.resize(60, 20)
    screen.shows("[1 all]")
    screen.press("q")
    assert screen.end() == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_terminal_is_as_before_after_each_end(
    number: signal.Signals, code: int, desk: tuple[Path, subprocess.Popen[str]], terminals: list[Terminal]
) -> None:
    terminals.append(screen := Terminal("watch", "--data-dir", desk[0], NO_COLOR="1"))
    screen.shows("TRADING")
    if number is signal.SIGINT:
        screen.press("\x03")
    else:
        screen.process.send_signal(number)
    assert screen.end() == code


def test_without_a_terminal_lines_are_printed(desk: tuple[Path, subprocess.Popen[str]]) -> None:
    process = subprocess.Popen([PAPERDESK, "watch", "--data-dir", desk[0]], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=TIMEOUT_S)
    assert line.startswith("SIMULATED"), line
    assert " TRADING up " in line
    assert process.returncode == 0


def test_a_desk_that_is_stopped_stays_on_the_screen_with_its_age(
    desk: tuple[Path, subprocess.Popen[str]], terminals: list[Terminal]
) -> None:
    folder, process = desk
    terminals.append(screen := Terminal("watch", "--data-dir", folder))
    screen.shows("TRADING")
    process.send_signal(signal.SIGINT)
    screen.shows("PROCESS_DOWN portfolio: the desk is not running; everything below is")
    screen.shows("EURUSD")
    screen.press("hx\ry")
    answers = r"halt: not sent, the desk has no control socket|halt: nothing listens at"
    wait_for(lambda: re.search(answers, screen.screen), "the failure of the halt", seconds=TIMEOUT_S)
    screen.press("q")
    assert screen.end() == 0


def test_the_screen_of_an_own_desk_has_the_same_keys_and_q_stops_the_desk(
    tmp_path: Path, terminals: list[Terminal]
) -> None:
    options = ("--data-dir", tmp_path / "desk", "--strategy", "ema_cross", "--symbols", "EURUSD")
    terminals.append(screen := Terminal("run", *options))
    screen.shows("TRADING")
    screen.press("5")
    screen.shows("portfolio  RUNNING")
    screen.press("qn5q")
    screen.shows("stop this SIMULATED desk?")
    screen.press("y")
    assert screen.end() == 0
    assert "reconciled: ledger and venue agree" in screen.output
