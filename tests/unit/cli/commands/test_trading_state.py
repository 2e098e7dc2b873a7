"""A halt fails early if no process listens; only a listening portfolio gets the full time for its commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.commands import trading_state
from common.errors import StartError


def test_a_halt_without_a_listening_portfolio_fails_after_the_time_of_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trading_state, "NOTICE_S", 0.05)
    monkeypatch.setattr(trading_state, "RESTART_S", 0.1)
    monkeypatch.setattr(trading_state, "TIMEOUT_S", 3_600.0)
    url = f"ipc://{tmp_path}/control.ipc"
    with pytest.raises(StartError, match=f"^nothing listens at {url}, expected a running desk; the outcome is unknown"):
        trading_state.halt(reason="news", url=url, at_gateway=False)
    assert "sending the command again" in capsys.readouterr().err
