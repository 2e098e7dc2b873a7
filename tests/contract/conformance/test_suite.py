"""The conformance suite fails a gateway that does not conform, refuses unfit accounts, and leaves accounts flat."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from cli.main import run
from common.errors import StartError
from proto.gateway import OrderReply, Reply, Request
from services.mt5.terminal import mt5_types
from tests.support.fake_terminal.module import ScriptedReply
from tests.support.terminal_gateway import TerminalGateway
from verification.conformance import CHECKS, ConformanceClient, UnfitAccountError, check_execution, run_suite


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TerminalGateway]:
    with TerminalGateway(tmp_path, monkeypatch).running() as gateway:
        yield gateway


@pytest.fixture
def desk(gateway: TerminalGateway) -> Iterator[ConformanceClient]:
    desk = ConformanceClient(gateway.request_url, symbol="EURUSD", run_id="t")
    desk.poll_until(lambda: desk.hello().published, bool)
    yield desk
    desk.close()


def outcomes(desk: ConformanceClient, *names: str) -> dict[str, tuple[str, str]]:
    chosen = [check for check in CHECKS if check.name in names]
    assert len(chosen) == len(names), names
    return {result.name: (result.outcome.value, result.words) for result in run_suite(desk, checks=chosen)}


def test_every_check_has_a_unique_name_and_a_short_claim() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert [check.name for check in CHECKS if not check.claim.endswith(".") or len(check.claim) > 140] == []


def test_a_venue_that_rejects_a_valid_order_fails(gateway: TerminalGateway, desk: ConformanceClient) -> None:
    gateway.fake.script.append(ScriptedReply(executes=False, answer=10006))
    [(outcome, message)] = outcomes(desk, "a_market_order_is_filled_once").values()
    assert (outcome, message.split(":")[0]) == ("FAILED", "replied REJECTED")


def test_a_venue_that_accepts_volumes_off_their_step_fails_and_is_left_flat(
    gateway: TerminalGateway, desk: ConformanceClient
) -> None:
    info = gateway.fake.broker.symbols["EURUSD"]
    gateway.fake.broker.symbols["EURUSD"] = info._replace(volume_min=0.001, volume_step=0.001, volume_max=1e6)
    [(outcome, message)] = outcomes(desk, "volumes_out_of_the_terms_are_refused").values()
    assert outcome == "FAILED"
    assert "replied" in message
    assert gateway.fake.broker.positions == {}


def test_a_venue_that_does_not_execute_a_reached_price_fails(
    gateway: TerminalGateway, desk: ConformanceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_execution, "EXECUTION_S", 0.5)
    gateway.fake.broker.is_idle = True
    results = outcomes(desk, "a_limit_order_is_filled_when_the_market_reaches_it", "a_stop_loss_closes_its_position")
    assert {outcome for outcome, _ in results.values()} == {"FAILED"}
    assert all("was not executed within 0.5 s of a tick at" in message for _, message in results.values())


class Misread(ConformanceClient):
    """A client that replaces the retcode of each fill by that of a requote."""

    def request(self, request: Request) -> Reply:
        reply = super().request(request)
        if isinstance(reply, OrderReply) and reply.status == "FILLED":
            return structs.replace(reply, retcode=10004)
        return reply


def test_a_fill_with_the_retcode_of_a_rejection_fails_the_check(gateway: TerminalGateway) -> None:
    desk = Misread(gateway.request_url, symbol="EURUSD", run_id="t")
    desk.poll_until(lambda: desk.hello().published, bool)
    [(outcome, message)] = outcomes(desk, "replies_have_the_retcode_of_their_status").values()
    desk.close()
    assert (outcome, message.split(",")[0]) == ("FAILED", "FILLED with 10004")


def test_the_restart_check_is_skipped_without_a_way_to_restart(desk: ConformanceClient) -> None:
    [(outcome, message)] = outcomes(desk, "a_restart_loses_nothing").values()
    assert outcome == "SKIPPED"
    assert "--restart" in message


def test_the_suite_sends_no_orders_to_an_account_with_positions(
    gateway: TerminalGateway, desk: ConformanceClient
) -> None:
    gateway.fake.trade_manually(
        action=mt5_types.TRADE_ACTION_DEAL,
        symbol="EURUSD",
        volume=0.5,
        type=mt5_types.ORDER_TYPE_BUY,
        type_filling=mt5_types.ORDER_FILLING_FOK,
    )
    desk.poll_until(desk.positions, bool)
    with pytest.raises(UnfitAccountError, match="1 open positions, expected none, or --force"):
        run_suite(desk)
    with pytest.raises(UnfitAccountError, match="EURUSD has an open position"):
        run_suite(desk, is_forced=True)
    assert gateway.fake.requests == []


def test_the_suite_reports_an_address_without_a_gateway() -> None:
    desk = ConformanceClient("tcp://127.0.0.1:1", symbol="EURUSD", run_id="t", answer_s=0.2)
    with pytest.raises(StartError, match=r"did not answer within 0\.2 s, expected a gateway"):
        run_suite(desk)
    desk.close()


def test_the_command_reports_each_check_and_ends_with_the_counts(
    gateway: TerminalGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["conformance", "--gateway", gateway.request_url, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["counts"] == {"FAILED": 0, "PASSED": len(CHECKS) - 2, "SKIPPED": 2}
    assert {row["name"] for row in report["checks"]} == {check.name for check in CHECKS}
    gateway.fake.script.append(ScriptedReply(executes=False, answer=10018))
    assert run(["conformance", "--gateway", gateway.request_url]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"{len(CHECKS) - 3} passed, 1 failed, 2 skipped"
    assert sum(line.startswith("FAILED") for line in lines) == 1
