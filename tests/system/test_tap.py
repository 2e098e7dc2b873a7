"""`paperdesk tap` on real desks: an order's way in order, the end by Ctrl-C, a gateway on TCP, and nonsense."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import IO, Any, Final

import pytest

from common.message_tap import REQUEST_SUFFIX, TAP_FOLDER
from common.project_root import PROJECT_ROOT
from tests.support.command_line import PAPERDESK, TIMEOUT_S, paperdesk
from tests.support.desk_processes import DeskProcesses, running_desk
from tests.support.ports import free_ports
from tests.support.waits import wait_for

QUIET: Final = "tests.old_files.quiet:Quiet"
FLIPPING: Final = "tests.support.flipping:Flipping"
START_S: Final = 60.0


def settings_of(desk: DeskProcesses) -> dict[str, str]:
    return {"PAPERDESK_ENV_FILE": "", "CONTROL_URL": desk.control_url}


def start_tap(
    desk: DeskProcesses, *arguments: object, stdout: IO[str] | int = subprocess.PIPE
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PAPERDESK, "tap", *map(str, arguments)],
        env={**os.environ, **settings_of(desk)},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until_running(desk: DeskProcesses) -> None:
    def trades() -> bool:
        done = paperdesk("account", "--json", **settings_of(desk))
        return done.returncode == 0 and json.loads(done.stdout)["processed"] > 0

    wait_for(trades, "a decided tick", seconds=START_S)


def wait_until_tapped(desk: DeskProcesses) -> None:
    folder = desk.runtime / TAP_FOLDER
    wait_for(lambda: len(list(folder.glob("*.ipc"))) == 4, "a tap of each process", seconds=START_S)


def steps_of(messages: list[dict[str, Any]], *kinds: str) -> list[str]:
    """Process, direction, route and kind of the messages of these kinds, inside another message or not."""
    found = []
    for one in messages:
        kind = one["inner_kind"] or one["kind"]
        if kind in kinds:
            found.append(f"{one['process']} {one['direction']} {one['route']} {kind}")
    return found


def _complete(path: Path) -> list[dict[str, Any]]:
    """The messages in a file of JSON lines that is being written."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line[-1] == "\n"]


def test_an_order_by_hand_is_seen_on_each_step_of_its_way_in_order(tmp_path: Path) -> None:
    with running_desk(tmp_path / "desk", STRATEGY=QUIET, PYTHONPATH=str(PROJECT_ROOT)) as desk:
        wait_until_running(desk)
        with (tmp_path / "shown.jsonl").open("w") as shown:  # a full pipe would stop the reader
            tap = start_tap(desk, "--json", "--save", tmp_path / "all.jsonl", stdout=shown)
        wait_until_tapped(desk)
        placed = paperdesk(
            "order", "buy", "EURUSD", "--volume", "0.01", "--limit", "1.0", "--reason", "a tap", **settings_of(desk)
        )
        assert placed.returncode == 0, placed

        def has_answer() -> bool:
            return "portfolio received reports order" in steps_of(_complete(tmp_path / "shown.jsonl"), "order")

        wait_for(has_answer, "the gateway's answer at portfolio", seconds=START_S)
        tap.send_signal(signal.SIGINT)
        _, errors = tap.communicate(timeout=TIMEOUT_S)
        wait_for(lambda: not list((desk.runtime / TAP_FOLDER).iterdir()), "the end of the taps", seconds=START_S)
    assert tap.returncode == 0, errors
    output = (tmp_path / "shown.jsonl").read_text(encoding="utf-8")
    messages = [json.loads(line) for line in output.splitlines()]
    steps = steps_of(messages, "ORDER", "BUY", "order")
    assert "portfolio sent control order" in steps
    assert [step for step in steps if step != "portfolio sent control order"][:9] == [
        "portfolio received control ORDER",
        "portfolio sent commands BUY",
        "execution received commands BUY",
        "execution sent requests BUY",
        "mt5 received requests BUY",
        "mt5 sent requests order",
        "execution received requests order",
        "execution sent reports order",
        "portfolio received reports order",
    ]
    assert not [one for one in messages if "problem" in one]
    assert {one["route"] for one in messages} >= {"ticks", "signals", "commands", "reports", "requests"}
    assert re.search(rf"{len(messages)} messages \(", errors)
    assert "paperdesk: lost none\n" in errors
    again = paperdesk("tap", tmp_path / "all.jsonl", "--json")
    assert again.stdout == output


def test_a_filter_a_number_and_a_process_that_does_not_run(tmp_path: Path) -> None:
    with running_desk(tmp_path / "desk", STRATEGY=QUIET, PYTHONPATH=str(PROJECT_ROOT)) as desk:
        wait_until_running(desk)
        desk.kill("execution")
        done = paperdesk("tap", "--only", "tick,signal", "--only", "eurusd", "--count", 6, **settings_of(desk))
        assert done.returncode == 0, done
        lines = done.stdout.splitlines()
        assert len(lines) == 6, done
        assert all(
            re.match(r"\S+ \w+ +(sent|received) +(ticks|signals) +(tick|signal) +symbol=EURUSD ", one) for one in lines
        )
        assert re.search(r"6 messages \(.*\) of \d+, the others did not pass the filter", done.stderr)
        longer = paperdesk("tap", "--only", "tick", "--seconds", 5, **settings_of(desk))
        assert "lost none; no sign of execution, which may run elsewhere, not run, or hang\n" in longer.stderr
        killed = start_tap(desk)
        assert killed.stdout is not None
        assert killed.stdout.readline()
        killed.kill()
        killed.communicate(timeout=TIMEOUT_S)
        folder = desk.runtime / TAP_FOLDER
        wait_for(lambda: not list(folder.glob("*.ipc")), "the end of the taps of a killed reader", seconds=START_S)
        assert [path.suffix for path in folder.iterdir()] == [REQUEST_SUFFIX]


def test_the_ticks_of_a_gateway_on_tcp(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with running_desk(tmp_path / "desk", STRATEGY=QUIET, PYTHONPATH=str(PROJECT_ROOT)) as desk:
        desk.kill("mt5")
        desk.restart_with("mt5", MT5_PUBLISH_URL=f"tcp://127.0.0.1:{port}")
        done = paperdesk(
            "tap", "--url", f"tcp://127.0.0.1:{port}", "--only", "tick", "--count", 3, PAPERDESK_ENV_FILE=""
        )
    assert done.returncode == 0, done
    assert len(re.findall(r"^\S+ tap +received ticks +tick +symbol=EURUSD ", done.stdout, re.M)) == 3
    assert "lost none" in done.stderr


def test_the_desk_of_a_data_directory(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    environment = {**os.environ, "PAPERDESK_ENV_FILE": "", "PYTHONPATH": str(PROJECT_ROOT)}
    line = [str(PAPERDESK), "run", "--data-dir", str(desk), "--strategy", FLIPPING, "--symbols", "EURUSD"]
    process = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:

        def tapped() -> bool:
            done = paperdesk("tap", "--data-dir", desk, "--only", "signal", "--count", 2, "--seconds", 3)
            return done.returncode == 0 and len(re.findall(r"^\S+ \w+ +\w+ +signals +signal ", done.stdout, re.M)) == 2

        wait_for(tapped, "two signals of the desk", seconds=START_S)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(TIMEOUT_S)
    stopped = paperdesk("tap", "--data-dir", desk)
    assert stopped.returncode == 2
    assert re.fullmatch(r"paperdesk: [^\n]*expected[^\n]*\n", stopped.stderr.splitlines(keepends=True)[0])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--url", "nonsense"), "cannot connect to nonsense"),
        (("--seconds", "0"), "--seconds is 0, expected seconds above 0"),
        (("--count", "0"), "count"),
        (("a.jsonl", "--url", "tcp://127.0.0.1:1"), "FILE and --url are given, expected at most one of them"),
        (("none.jsonl",), "none.jsonl cannot be read: No such file or directory; expected a file"),
        (("--url", "tcp://127.0.0.1:1", "--save", "/nowhere/a.jsonl"), "/nowhere/a.jsonl cannot be written"),
    ],
)
def test_nonsense_is_refused_in_one_line(arguments: tuple[str, ...], problem: str) -> None:
    done = paperdesk("tap", *arguments, PAPERDESK_ENV_FILE="")
    assert done.returncode == 2
    assert problem in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr
