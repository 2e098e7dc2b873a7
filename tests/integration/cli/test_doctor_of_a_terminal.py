"""`paperdesk doctor` translates retcodes and errors of a MetaTrader terminal into what to do.

The gateway for a terminal runs in this process on the scripted fake terminal; portfolio, execution and signal are real
processes without supervisord.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from common.errors import StartError
from common.project_root import PROJECT_ROOT
from orchestration.environment import desk_environment
from services.mt5.core.ports import retcodes
from services.mt5.terminal import terminal_errors
from tests.support.doctored_desks import SETTINGS, use_settings
from tests.support.fake_terminal.module import ScriptedReply
from tests.support.terminal_gateway import TerminalGateway
from tests.support.waits import wait_for
from verification.doctor import ExaminedDesk, Finding, Grade, examine

STEP_S: Final = 60.0
CALLS: Final = 10_000
"""More calls than the desk makes during a test."""


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TerminalGateway]:
    with TerminalGateway(tmp_path / "gateway", monkeypatch).running() as running:
        yield running


@contextmanager
def a_desk(gateway: TerminalGateway, folder: Path) -> Iterator[dict[str, str]]:
    """Portfolio, execution and signal of a desk with this gateway; yields the settings of the desk."""
    (folder / "data").mkdir()
    with ExitStack() as stack:
        runtime = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pd-")))
        environment = desk_environment(
            os.environ,
            SETTINGS,
            runtime=runtime,
            data_dir=folder / "data",
            gateway=(gateway.request_url, gateway.publish_url),
        )
        for service in ("execution", "portfolio", "signal"):
            process = subprocess.Popen(
                [sys.executable, "-m", f"services.{service}"],
                cwd=PROJECT_ROOT,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield environment


def findings(data_dir: Path, *only: str) -> dict[str, Finding]:
    results = examine(ExaminedDesk(data_dir), only)
    return {one.code: one for result in results for one in result.findings if one.grade is not Grade.OK}


def refusal(data_dir: Path, number: int) -> Finding | None:
    return findings(data_dir, "orders").get(f"RETCODE_{number}")


def test_refusals_of_the_terminal_and_of_the_broker_are_translated(
    gateway: TerminalGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Algo Trading is off at first, then the broker accepts no filling mode."""
    data_dir = tmp_path / "data"
    gateway.fake.script.extend([ScriptedReply(executes=False, answer=retcodes.CLIENT_DISABLES_AT)] * CALLS)
    with a_desk(gateway, tmp_path) as settings:
        use_settings(monkeypatch, settings)
        for number in (retcodes.CLIENT_DISABLES_AT, retcodes.INVALID_FILL):
            gateway.fake.script.clear()
            gateway.fake.script.extend([ScriptedReply(executes=False, answer=number)] * CALLS)
            found = wait_for(partial(refusal, data_dir, number), "a refusal", seconds=STEP_S)
            row = retcodes.of(number)
            assert row is not None
            assert found.action == row.action
            assert f"{number} {row.name}" in found.text
        codes = set(findings(data_dir, "gateway", "processes", "clock"))
    assert codes - {"CLOCK_UNSYNCHRONIZED", "CLOCK_UNKNOWN"} == {"SUPERVISOR_DOWN"}


def test_a_terminal_that_is_gone_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway is started without a connection to the terminal, and the error is the last line of its log."""
    gateway = TerminalGateway(tmp_path / "gateway", monkeypatch)
    gateway.fake.has_ipc = False
    with pytest.raises(StartError) as refused:
        gateway.start()
    logs = tmp_path / "data" / "logs"
    logs.mkdir(parents=True)
    (logs / "mt5.log").write_text(f"paperdesk mt5: {refused.value}\n")
    use_settings(monkeypatch, {"PAPERDESK_DATA_DIR": str(tmp_path / "data")})
    [found] = findings(tmp_path / "data", "terminal").values()
    row = terminal_errors.of(-10004)
    assert row is not None
    assert (found.code, found.action) == ("TERMINAL_10004", row.action)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("no connection to the terminal: IPC timeout (-10005); expected it to run", "TERMINAL_10005"),
        ("the terminal has no account: (-6, 'Terminal: Authorization failed'); expected a login", "TERMINAL_6"),
        ("no connection to the terminal: IPC initialize failed (-10003)", "TERMINAL_10003"),
    ],
)
def test_each_form_of_an_error_in_the_log_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, code: str
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "mt5.log").write_text(f"paperdesk mt5: {line}\n")
    use_settings(monkeypatch, {"PAPERDESK_DATA_DIR": str(tmp_path)})
    assert set(findings(tmp_path, "terminal")) == {code}
