"""Each command ends as documented if its stdout is full, is a closed pipe, or has an encoding with few characters."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Final, NamedTuple
from uuid import uuid4

import pytest

from cli.webhook_receiver import WebhookReceiver
from services.notify.store import FILE_NAME
from tests.support.command_line import PAPERDESK, TIMEOUT_S, paperdesk
from tests.support.commands import every_command
from tests.support.tick_files import a_tick_file
from tests.support.waits import wait_for

EXIT_READER_GONE: Final = 128 + signal.SIGPIPE

BY_HAND: Final = "--reason x --data-dir {running}"
USED_HERE: Final = {
    "run": "run --duration 2 --strategy ema_cross --data-dir {new}",
    "replay": "replay {ticks}:EURUSD --ticks 200 --speed max",
    "backtest": "backtest {ticks}:EURUSD --ticks 200",
    "parity": "parity {ticks}:EURUSD --ticks 200 --speed max",
    "train": "train {ticks}:EURUSD --rounds 2 --horizon 20 --out {new}",
    "status": "status --data-dir {desk}",
    "watch": "watch --data-dir {running}",
    "orders": "orders --data-dir {desk}",
    "fills": "fills --data-dir {desk}",
    "deals": "deals --data-dir {desk}",
    "positions": "positions --data-dir {running}",
    "account": "account --data-dir {desk}",
    "why": "why EURUSD --data-dir {desk}",
    "risk": "risk --data-dir {desk}",
    "risk reset": f"risk reset CIRCUIT_BREAKER {BY_HAND}",
    "export": "export orders --data-dir {desk}",
    "order buy": f"order buy EURUSD --volume 0.01 {BY_HAND}",
    "order sell": f"order sell EURUSD --volume 0.01 {BY_HAND}",
    "order cancel": f"order cancel 0123abcd-000017 {BY_HAND} --json",
    "order modify": f"order modify 0123abcd-000017 --price 1.1 {BY_HAND} --json",
    "close": f"close EURUSD {BY_HAND} --json",
    "halt": f"halt {BY_HAND}",
    "reduce-only": f"reduce-only {BY_HAND} --json",
    "resume": f"resume {BY_HAND}",
    "flatten": f"flatten {BY_HAND}",
    "verify": "verify --data-dir {desk}",
    "reconcile": "reconcile --data-dir {desk}",
    "backup": "backup --data-dir {desk} {new}",
    "restore": "restore {desk}/ledger.db --data-dir {running} --json",
    "migrate": "migrate {desk}",
    "ticks describe": "ticks describe {ticks}:EURUSD",
    "ticks convert": "ticks convert {ticks}:EURUSD {new}.parquet",
    "ticks generate": "ticks generate --hours 0.1 {new}.parquet",
    "instruments export": "instruments export --data-dir {running}",
    "instruments show": "instruments show EURUSD",
    "instruments check": "instruments check admirals",
    "strategy list": "strategy list ema_cross",
    "strategy new": "strategy new mine",
    "web user add": "web user add alice --role read --data-dir {desk}",
    "web user list": "web user list --data-dir {desk}",
    "web user remove": "web user remove alice --data-dir {desk}",
    "web user set-role": "web user set-role alice read --data-dir {desk}",
    "web user set-password": "web user set-password alice --data-dir {desk}",
    "web token add": "web token add ci --role read --data-dir {desk}",
    "web token list": "web token list --data-dir {desk}",
    "web token revoke": "web token revoke ci --data-dir {desk}",
    "web address": "web address --data-dir {running}",
    "web sign-out": "web sign-out --data-dir {desk}",
    "config": "config",
    "completion": "completion bash",
    "bit-flips": "bit-flips {desk} --count 2",
    "alerts": "alerts --data-dir {running}",
    "alerts ack": "alerts ack --all --data-dir {running}",
    "tap": "tap --count 50 --data-dir {running}",
    "init": "init {new}",
    "notify check": "notify check {alarms}",
    "notify test": "notify test mine --file {alarms}",
    "notify receive": "notify receive --port 0 --messages 1",
    "doctor": "doctor --data-dir {desk}",
    # These commands take minutes or need a gateway, so only their help and a refusal are tested.
    "conformance": "conformance --gateway nowhere --json",
    "chaos": "chaos --minutes 0",
    "chaos-replay": "chaos-replay --ticks 1",
    "chaos-alerts": "chaos-alerts --kills 1 --data-dir {desk}",
    "crash-points": "crash-points --point nowhere",
    "chaos-truth": "chaos-truth --minutes 0",
}
"""A short call of each command."""

ALARMS: Final = """
[targets.mine]
url_file = "address"

[[rules]]
name = "everything"
events = ["*"]
severity = "INFO"
targets = ["mine"]
"""


class Ended(NamedTuple):
    code: int
    errors: str


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A file of ticks, a file of alarms to this process, a stopped desk, and a running desk with these alarms."""
    folder = tmp_path_factory.mktemp("places")
    receiver = WebhookReceiver(0, lambda _: None)
    Thread(target=receiver.serve, daemon=True).start()
    alarms = folder / "notify.toml"
    alarms.write_text(ALARMS)
    (folder / "address").write_text(f"json://127.0.0.1:{receiver.port}/")
    (folder / "address").chmod(0o600)
    ticks, desk, running = a_tick_file(folder / "may.parquet", rows=4_000), folder / "desk", folder / "running"
    done = paperdesk("backtest", f"{ticks}:EURUSD", "--risk", "none", "--ticks", 1_000, "--data-dir", desk)
    assert done.returncode == 0, done
    process = subprocess.Popen(
        [PAPERDESK, "run", "--data-dir", running, "--strategy", "ema_cross", "--notify", alarms],
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(
            lambda: paperdesk("status", "--data-dir", running, "--json").returncode != 2, "an answer", seconds=TIMEOUT_S
        )
        wait_for((running / FILE_NAME).is_file, "the file of alerts", seconds=TIMEOUT_S)
        yield {"ticks": ticks, "desk": desk, "running": running, "alarms": alarms}
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(TIMEOUT_S)
        finally:
            process.kill()


def use_of(command: tuple[str, ...], places: dict[str, Path], folder: Path) -> list[str]:
    line = USED_HERE.get(" ".join(command))
    assert line is not None, f"`paperdesk {' '.join(command)}` has no short use in USED_HERE"
    return [word.format(**places, new=folder / uuid4().hex) for word in line.split()]


def started(arguments: list[str], output: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "0"}
    return subprocess.Popen([PAPERDESK, *arguments], stdout=output, stderr=subprocess.PIPE, text=True, env=environment)


def end_of(process: subprocess.Popen[str]) -> Ended:
    try:
        _, errors = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
    assert "Traceback" not in errors, errors
    assert "Exception ignored" not in errors, errors
    return Ended(process.returncode, errors)


def started_without_a_reader(arguments: list[str]) -> subprocess.Popen[str]:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return started(arguments, writing)
    finally:
        os.close(writing)


def started_without_room(arguments: list[str]) -> subprocess.Popen[str]:
    with Path("/dev/full").open("w") as full:
        return started(arguments, full.fileno())


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_a_command_ends_as_documented_if_stdout_is_full_or_a_closed_pipe(
    command: tuple[str, ...], places: dict[str, Path], tmp_path: Path
) -> None:
    """The processes also have an encoding with few characters and a width of 0, which must not change the exit code."""
    full = started_without_room(use_of(command, places, tmp_path))
    unread = started_without_a_reader(use_of(command, places, tmp_path))
    help_unread = started_without_a_reader([*command, "--help"])
    full_end, unread_end, help_end = map(end_of, (full, unread, help_unread))
    assert help_end == (EXIT_READER_GONE, "")
    assert full_end.code == 2
    assert full_end.errors.startswith("paperdesk: ") or "\npaperdesk: " in full_end.errors
    # A refused command prints the reason on stderr; any other command ends when it writes to the closed pipe.
    assert unread_end.code in (2, EXIT_READER_GONE)
    assert ("paperdesk: " in unread_end.errors) is (unread_end.code == 2)
    assert "standard output" not in unread_end.errors


ENCODINGS: Final = ("ascii", "latin-1", "cp437", "cp850", "cp866", "cp932", "cp1252", "euc-kr", "gbk")


def test_tables_are_the_same_in_every_encoding(places: dict[str, Path]) -> None:
    """An encoding without Unicode changes only the lines of a table, not its text or the sign for an empty cell."""

    def words_in(encoding: str) -> list[str]:
        line = [str(PAPERDESK), "account", "--data-dir", str(places["desk"])]
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        done = subprocess.run(line, capture_output=True, env=environment, check=True, timeout=TIMEOUT_S)
        signs = (" " if sign in "|+" or not sign.isascii() else sign for sign in done.stdout.decode(encoding))
        return [word for word in "".join(signs).split() if word.strip("-") or word == "-"]

    expected = words_in("utf-8")
    assert "balance" in expected
    for encoding in ENCODINGS:
        assert words_in(encoding) == expected, encoding


def test_json_in_ascii_has_escapes_for_other_characters(places: dict[str, Path]) -> None:
    done = paperdesk("order", "buy", "ÄÖ", "--volume", "1", "--reason", "x", "--json", PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert "\\u00c4\\u00d6" in done.stdout
    done.stdout.encode("ascii")
