"""The exit code of `paperdesk status` is 0 only for a desk that trades."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec import structs

from cli.main import run
from proto.control import ControlReply, ControlRequest, StatusQuery
from services.mt5.core.gateway.tick_publisher import Pace
from services.portfolio.core.queries.status import status_of
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.portfolio.ledger.ledger_writer import LedgerWriter
from tests.contract.conditions.triggers import TRIGGERS
from tests.support.builders import a_gateway, a_stream
from tests.support.desk_harness import RISING, DeskHarness, a_live_desk
from tests.support.socket_servers import serve_control


def a_connecting_desk() -> DeskHarness:
    driven = DeskHarness(a_gateway(a_stream(*RISING), pace=Pace(0, 1.0)))
    driven.start()
    return driven


def a_denying_desk() -> DeskHarness:
    """A desk with one symbol whose limits deny each signal, which is a condition of severity WARNING."""
    return TRIGGERS["SIGNALS_DENIED"](Path()).driven


@pytest.mark.parametrize(
    ("driven", "shown", "exit_code"),
    [
        (a_live_desk(), "SIMULATED desk RUNNING", 0),
        (a_connecting_desk(), "VENUE UNKNOWN desk CONNECTING", 1),
        (a_denying_desk(), "SIMULATED desk RUNNING", 1),
    ],
)
def test_status_exits_with_0_only_if_the_desk_trades(
    driven: DeskHarness, shown: str, exit_code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(request: ControlRequest) -> ControlReply:
        assert isinstance(request, StatusQuery)
        return status_of(driven.state, driven.mono_ns)

    url = f"ipc://{tmp_path}/c.ipc"
    with serve_control(url, answer):
        assert run(["status", "--url", url]) == exit_code
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize(("mode", "shown"), [("demo", "DEMO desk RUNNING"), ("live", "LIVE desk RUNNING")])
def test_the_desk_of_a_terminal_is_not_shown_as_simulated(
    mode: str, shown: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    driven = a_live_desk()
    reply = structs.replace(status_of(driven.state, driven.mono_ns), mode=mode)
    url = f"ipc://{tmp_path}/c.ipc"
    with serve_control(url, lambda _: reply):
        run(["status", "--url", url])
    output = capsys.readouterr().out
    assert shown in output
    assert "SIMULATED" not in output


def test_a_portfolio_that_holds_the_ledger_but_does_not_answer_is_not_shown_as_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger(tmp_path / LEDGER_FILE_NAME)
    assert LedgerWriter(ledger, a_live_desk().state).commit()
    assert run(["status", "--data-dir", str(tmp_path)]) == 1
    output = capsys.readouterr().out
    assert "SIMULATED desk SILENT" in output
    assert f"PORTFOLIO_SILENT: the process that writes the ledger (pid {os.getpid()}) does not answer" in output
    ledger.close()
    assert run(["status", "--data-dir", str(tmp_path)]) == 1
    output = capsys.readouterr().out
    assert "SIMULATED desk STOPPED" in output
    assert "PROCESS_DOWN portfolio: the desk is not running" in output
