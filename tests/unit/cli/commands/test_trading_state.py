"""A halt fails early if no process listens; a listening portfolio gets the full time, and a repeat has the same key."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import trading_commands
from cli.command_options import login_name
from cli.commands import trading_state
from common.errors import StartError
from proto.control import ControlReply, ControlRequest, HaltCommand, TradingReply, TradingState
from tests.support.socket_servers import serve_control


def test_a_halt_without_a_listening_portfolio_fails_after_the_time_of_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trading_commands, "NOTICE_S", 0.05)
    monkeypatch.setattr(trading_commands, "RESTART_S", 0.1)
    monkeypatch.setattr(trading_commands, "TIMEOUT_S", 3_600.0)
    url = f"ipc://{tmp_path}/control.ipc"
    with pytest.raises(StartError, match=f"^nothing listens at {url}, expected a running desk; the outcome is unknown"):
        trading_state.halt(reason="news", url=url, at_gateway=False)
    assert "sending the command again" in capsys.readouterr().err


def test_a_command_that_is_sent_again_has_the_same_key_and_the_login_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trading_commands, "NOTICE_S", 0.05)
    url, received = f"ipc://{tmp_path}/control.ipc", list[ControlRequest]()

    def answer_the_second(request: ControlRequest) -> ControlReply | None:
        received.append(request)
        reply = TradingReply(trading_state=TradingState.HALTED, trading_reason="news", closing=[])
        return reply if len(received) > 1 else None

    with serve_control(url, answer_the_second):
        assert trading_state.halt(reason="news", url=url, at_gateway=False) == 0
        assert trading_state.halt(reason="news", url=url, at_gateway=False) == 0
    first, again, other = received
    assert first == again
    assert isinstance(first, HaltCommand)
    assert isinstance(other, HaltCommand)
    assert (len(first.key), first.person) == (32, login_name())
    assert first.key != other.key
