"""A command without `--data-dir` and `--url` finds the running desk, and is refused if several desks run."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cli import running_desks
from cli.main import run
from cli.running_desks import running_desk, running_gateway_url
from common.errors import StartError
from common.process_identity import process_identity
from common.project_root import ENV_FILE_VARIABLE
from orchestration.address_files import (
    announced,
    announced_desks,
    control_url,
    gateway_url,
    is_listening,
    published_addresses,
)


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout without a desk and without settings."""
    for name in (*running_desks.NAMING_SETTINGS, ENV_FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(ENV_FILE_VARIABLE, "")
    monkeypatch.setattr(running_desks, "ANNOUNCED", tmp_path / "desks")
    monkeypatch.setattr(running_desks, "DEFAULT_CONTROL_URL", f"ipc://{tmp_path}/control.ipc")
    monkeypatch.setattr(running_desks, "DEFAULT_SUPERVISOR_URL", f"ipc://{tmp_path}/supervisor.sock")
    return tmp_path


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def listen(stack: ExitStack, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    listener = stack.enter_context(socket.socket(socket.AF_UNIX))
    listener.bind(str(path))
    listener.listen()


def a_desk(stack: ExitStack, checkout: Path, name: str) -> Path:
    """The files and the socket of a desk that `paperdesk run` has started."""
    runtime, data_dir = checkout / f"pd-{name}", checkout / name
    listen(stack, runtime / "control.ipc")
    with announced(data_dir, runtime, folder=checkout / "desks"):
        # A process announces one desk; the test's process announces several.
        [note] = (checkout / "desks").glob("[0-9]*.json")
        note.rename(note.with_name(f"of-{name}.json"))
    return data_dir


def test_the_only_desk_is_found_wherever_its_files_are(checkout: Path, stack: ExitStack) -> None:
    data_dir = a_desk(stack, checkout, "a")
    assert running_desk() == (str(data_dir), control_url(checkout / "pd-a"), gateway_url(checkout / "pd-a"))
    assert running_gateway_url() == gateway_url(checkout / "pd-a")


def test_a_desk_under_supervisord_is_found_at_the_default_address(checkout: Path, stack: ExitStack) -> None:
    listen(stack, checkout / "control.ipc")
    assert running_desk().control == f"ipc://{checkout}/control.ipc"


def test_a_command_is_refused_with_the_list_of_several_running_desks(
    checkout: Path, stack: ExitStack, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = a_desk(stack, checkout, "a"), a_desk(stack, checkout, "b")
    message = f"2 desks run: {a}, {b}; expected --data-dir DIR with one of them, nothing was done"
    with pytest.raises(StartError, match=message):
        running_desk()
    for command in (["halt", "--reason", "news"], ["status"], ["close", "EURUSD", "--reason", "enough"]):
        assert run(command) == 2
        assert capsys.readouterr().err == f"paperdesk: {message}\n"


def test_the_desk_of_a_setting_has_priority_over_running_desks(
    checkout: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_desk(stack, checkout, "a")
    monkeypatch.setenv("CONTROL_URL", "ipc:///elsewhere/control.ipc")
    assert running_desk().control == "ipc:///elsewhere/control.ipc"


def test_the_file_of_a_killed_desk_is_removed(checkout: Path) -> None:
    with ExitStack() as stack:
        a_desk(stack, checkout, "a")
    [note] = (checkout / "desks").iterdir()
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        owner = process_identity(ended.pid)
    note.write_text(json.dumps({**json.loads(note.read_text()), "owner": owner}))
    assert announced_desks(checkout / "desks") == []
    assert list((checkout / "desks").iterdir()) == []
    assert not is_listening(f"ipc://{checkout}/pd-a/control.ipc")


def test_a_desk_whose_pid_is_reused_is_not_found(checkout: Path) -> None:
    with ExitStack() as stack:
        a_desk(stack, checkout, "a")
    [note] = (checkout / "desks").iterdir()
    note.write_text(json.dumps({**json.loads(note.read_text()), "owner": f"{os.getpid()} 1"}))
    assert announced_desks(checkout / "desks") == []


def test_a_desk_whose_portfolio_restarts_is_found(checkout: Path, stack: ExitStack) -> None:
    """A command waits for a portfolio that restarts, and the gateway accepts commands meanwhile."""
    with ExitStack() as life_of_portfolio:
        a = a_desk(life_of_portfolio, checkout, "a")
    assert running_desk() == (str(a), control_url(checkout / "pd-a"), gateway_url(checkout / "pd-a"))
    assert running_gateway_url() == gateway_url(checkout / "pd-a")
    b = a_desk(stack, checkout, "b")
    with pytest.raises(StartError, match=f"2 desks run: {a}, {b}"):
        running_gateway_url()


def test_a_desk_named_by_a_setting_is_found_while_portfolio_restarts(
    checkout: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir, runtime = checkout / "a", checkout / "pd-a"
    data_dir.mkdir()
    stack.enter_context(published_addresses(data_dir, runtime))
    stack.enter_context(announced(data_dir, runtime, folder=checkout / "desks"))
    monkeypatch.setenv("PAPERDESK_DATA_DIR", str(data_dir))
    assert running_desk() == (str(data_dir), control_url(runtime), gateway_url(runtime))
    assert running_gateway_url() == gateway_url(runtime)


def test_a_desk_under_supervisord_counts_as_running_while_portfolio_restarts(checkout: Path, stack: ExitStack) -> None:
    a_desk(stack, checkout, "a")
    listen(stack, checkout / "supervisor.sock")
    with pytest.raises(StartError, match="2 desks run"):
        running_desk()


@pytest.mark.parametrize("command", ["halt", "flatten"])
def test_a_halt_loads_no_library_of_other_commands(command: str) -> None:
    script = (
        "import sys; from cli.command_group import ENTRIES, load_command; load_command(ENTRIES[sys.argv[1]]); "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script, command], capture_output=True, text=True, check=True)
    assert not {"pydantic", "numpy", "polars"} & set(done.stdout.split())
