"""The conformance suite against the terminal gateway with a scripted fake terminal, netting and hedging."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fake_terminal.module import LOGIN, ScriptedReply
from tests.support.terminal_gateway import TerminalGateway
from verification.conformance import CheckOutcome, ConformanceClient, run_suite


@pytest.mark.parametrize(("is_hedging", "symbol"), [(False, "EURUSD"), (True, "EURUSD.m")])
def test_the_terminal_gateway_passes_the_conformance_suite(
    is_hedging: bool, symbol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = TerminalGateway(tmp_path, monkeypatch, is_hedging=is_hedging, symbol=symbol)

    def lose_answer() -> None:
        gateway.fake.script.append(ScriptedReply(answer=None))

    with gateway.running():
        desk = ConformanceClient(
            gateway.request_url, symbol="EURUSD", run_id="t", restart=gateway.restart, lose_answer=lose_answer
        )
        try:
            assert (desk.hello().mode, desk.hello().account) == ("demo", str(LOGIN))
            results = run_suite(desk)
        finally:
            desk.close()
    assert [result for result in results if result.outcome is not CheckOutcome.PASSED] == []
    assert gateway.fake.broker.positions == {}
    assert gateway.fake.broker.orders == {}
