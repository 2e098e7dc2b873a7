"""The terminal gateway sends an order once, even if the call blocks, its answer is lost, or the order is shown late."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proto.gateway import (
    AccountReply,
    Cancel,
    Close,
    ErrorReply,
    Fence,
    Flatten,
    GetAccount,
    Halt,
    HaltReply,
    Modify,
    OrderReply,
    Ping,
    PingReply,
    Resume,
)
from proto.trading.enums import OrderType, Side
from services.mt5.terminal import mt5_types
from tests.support.fake_terminal.module import LOGIN, ScriptedReply
from tests.support.terminal_gateway import TerminalGateway
from tests.support.waits import wait_for
from verification.conformance import ConformanceClient


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TerminalGateway]:
    monkeypatch.setenv("MT5_SETTLING_MS", "1000")
    with TerminalGateway(tmp_path, monkeypatch).running() as gateway:
        yield gateway


@pytest.fixture
def desk(gateway: TerminalGateway) -> Iterator[ConformanceClient]:
    desk = ConformanceClient(gateway.request_url, symbol="EURUSD", run_id="t")
    desk.poll_until(lambda: desk.hello().published, bool)
    yield desk
    desk.close()


def sent_orders(gateway: TerminalGateway) -> int:
    return sum(request["action"] == mt5_types.TRADE_ACTION_DEAL for request in gateway.fake.requests)


def test_other_requests_are_answered_while_order_send_blocks(gateway: TerminalGateway, desk: ConformanceClient) -> None:
    gate = threading.Event()
    gateway.fake.script.append(ScriptedReply(waits_for=gate))
    order = desk.new_order()
    first = desk.expect_reply(order, OrderReply)
    assert first.status == "CALL_IN_PROGRESS"
    wait_for(lambda: sent_orders(gateway) == 1, "the call")
    assert desk.expect_reply(Ping(), PingReply).status == "OK"
    assert desk.expect_reply(Fence(order_id=order.order_id), OrderReply).status == "CALL_IN_PROGRESS"
    assert desk.status(order.order_id).status == "CALL_IN_PROGRESS"
    assert desk.account().equity is not None
    assert desk.expect_reply(desk.new_order(), ErrorReply).error_code == "VENUE_BUSY"
    gate.set()
    assert desk.place_until_filled(order).status == "FILLED"
    assert sent_orders(gateway) == 1


def test_an_order_without_an_answer_and_without_a_trace_is_in_doubt_and_then_presumed_expired(
    gateway: TerminalGateway, desk: ConformanceClient
) -> None:
    gateway.fake.script.append(ScriptedReply(executes=False, answer=None))
    order = desk.new_order()
    desk.poll_until(lambda: desk.expect_reply(order, OrderReply), lambda reply: reply.status == "IN_DOUBT")
    assert desk.expect_reply(Fence(order_id=order.order_id), OrderReply).status == "IN_DOUBT"
    known = desk.poll_until(
        lambda: desk.expect_reply(order, OrderReply), lambda reply: reply.status == "PRESUMED_EXPIRED"
    )
    assert (known.status, known.error_code) == ("PRESUMED_EXPIRED", "NO_TRACE")
    assert sent_orders(gateway) == 1


def test_an_order_without_an_answer_that_is_shown_late_is_filled_once(
    gateway: TerminalGateway, desk: ConformanceClient
) -> None:
    gateway.fake.script.append(ScriptedReply(answer=None, hides=4))
    order = desk.new_order()
    assert desk.place_until_filled(order).status == "FILLED"
    gateway.restart()
    desk.poll_until(lambda: isinstance(desk.request(Ping()), PingReply), bool)
    assert desk.place(order).status == "FILLED"
    assert sent_orders(gateway) == 1
    assert len(desk.deals_of(order.order_id)) == 1


def test_a_restart_during_a_call_does_not_send_the_order_again(
    gateway: TerminalGateway, desk: ConformanceClient
) -> None:
    """The gateway stops while the terminal executes the order. After its restart it finds and reports the order."""
    gate = threading.Event()
    gateway.fake.script.append(ScriptedReply(waits_for=gate))
    order = desk.new_order()
    assert desk.expect_reply(order, OrderReply).status == "CALL_IN_PROGRESS"
    wait_for(lambda: sent_orders(gateway) == 1, "the call")
    threading.Timer(0.3, gate.set).start()
    gateway.restart()
    assert desk.place_until_filled(order).status == "FILLED"
    assert sent_orders(gateway) == 1


def test_a_cancel_whose_call_blocks_is_call_in_progress_until_the_call_returns(
    gateway: TerminalGateway, desk: ConformanceClient
) -> None:
    price = desk.far_price(Side.BUY, OrderType.LIMIT)
    resting = desk.place(desk.new_order(type=OrderType.LIMIT, price=price))
    gate = threading.Event()
    gateway.fake.script.append(ScriptedReply(waits_for=gate))
    first = desk.expect_reply(Cancel(order_id=resting.order_id), OrderReply)
    assert (first.status, first.error_code) == ("CALL_IN_PROGRESS", None)
    assert (first.symbol, first.action, first.ticket) == ("EURUSD", "BUY", resting.ticket)
    assert desk.expect_reply(Cancel(order_id=resting.order_id), ErrorReply).error_code == "VENUE_BUSY"
    gate.set()
    assert desk.cancel(resting.order_id).status == "CANCELED"


def test_a_reversed_position_can_be_closed_by_its_ticket_or_its_identifier(
    gateway: TerminalGateway, desk: ConformanceClient
) -> None:
    """The terminal's screen shows the ticket; the gateway reports the identifier."""
    opened = desk.open_position().position
    sold = desk.place_until_filled(desk.new_order(Side.SELL, volume=opened.volume * 3))
    assert sold.position == opened.ticket
    ticket = sold.ticket
    assert ticket is not None
    assert list(gateway.fake.broker.positions) == [ticket]
    close = Close(order_id=desk.new_id(), symbol="EURUSD", position=ticket, volume=opened.volume)
    assert desk.place_until_filled(close).status == "FILLED"
    assert desk.place(close).status == "FILLED"
    stop = desk.far_price(Side.SELL, OrderType.LIMIT)
    changed = desk.modify(Modify(symbol="EURUSD", position=ticket, stop_loss=stop, revision=1))
    assert (changed.status, changed.position and changed.position.ticket) == ("OK", opened.ticket)
    assert (
        desk.place_until_filled(Close(order_id=desk.new_id(), symbol="EURUSD", position=opened.ticket)).status
        == "FILLED"
    )


def test_a_modification_with_a_lost_answer_is_ok_when_repeated(
    gateway: TerminalGateway, desk: ConformanceClient
) -> None:
    position = desk.open_position().position
    gateway.fake.script.append(ScriptedReply(answer=None))
    stop = desk.far_price(Side.BUY, OrderType.LIMIT)
    changed = desk.modify(Modify(symbol="EURUSD", position=position.ticket, stop_loss=stop, revision=1))
    assert (changed.status, changed.error_code, changed.retcode) == ("OK", None, 10009)
    assert sum(request["action"] == mt5_types.TRADE_ACTION_SLTP for request in gateway.fake.requests) == 2


def test_the_deal_of_a_stop_loss_has_no_order_id(gateway: TerminalGateway, desk: ConformanceClient) -> None:
    bought = desk.open_position(stop_loss=desk.far_price(Side.BUY, OrderType.LIMIT))
    gateway.fake.before_ticks = None
    gateway.fake.tick("EURUSD", 1.0, 1.0001)
    desk.poll_until(desk.positions, lambda held: not held)
    opened, closed = desk.deals(after=1)
    assert (opened.order_id, closed.order_id) == (bought.reply.order_id, "")
    assert (closed.reason, closed.stepped) == ("STOP_LOSS", True)


def test_a_halt_cancels_the_gateways_resting_orders_but_not_foreign_orders(
    gateway: TerminalGateway, desk: ConformanceClient
) -> None:
    stranger: dict[str, Any] = {
        "action": 5,
        "symbol": "EURUSD",
        "volume": 0.1,
        "type": 2,
        "type_filling": 2,
        "price": 1.0,
        "magic": 77,
    }
    gateway.fake.trade_manually(**stranger)
    price = desk.far_price(Side.BUY, OrderType.LIMIT)
    resting = desk.place(desk.new_order(type=OrderType.LIMIT, price=price))
    assert resting.status == "ACCEPTED"
    assert desk.expect_reply(Halt(reason="by hand"), HaltReply).is_halted
    ended = desk.poll_until(lambda: desk.status(resting.order_id), lambda reply: reply.status == "CANCELED")
    assert ended.status == "CANCELED"
    assert [order.magic for order in gateway.fake.broker.orders.values()] == [77]
    assert desk.place(desk.new_order()).error_code == "HALTED"
    assert not desk.expect_reply(Resume(reason="by hand"), HaltReply).is_halted


def test_requests_are_refused_while_the_terminal_is_logged_in_to_another_account(
    gateway: TerminalGateway, desk: ConformanceClient
) -> None:
    gateway.fake.login = LOGIN + 1
    refused = desk.poll_until(lambda: desk.request(Cancel(order_id="t-1")), lambda reply: isinstance(reply, ErrorReply))
    assert refused.error_code == "WRONG_ACCOUNT"
    gateway.fake.login = LOGIN
    desk.poll_until(lambda: desk.request(GetAccount()), lambda reply: isinstance(reply, AccountReply))
    assert desk.place_until_filled(desk.new_order()).status == "FILLED"


def test_flatten_closes_every_position_by_successive_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = TerminalGateway(tmp_path, monkeypatch, is_hedging=True)
    with gateway.running():
        desk = ConformanceClient(gateway.request_url, symbol="EURUSD", run_id="t")
        desk.poll_until(lambda: desk.hello().published, bool)
        for _ in range(3):
            desk.open_position()
        desk.place(desk.new_order(type=OrderType.LIMIT, price=desk.far_price(Side.BUY, OrderType.LIMIT)))
        reply = desk.poll_until(
            lambda: desk.request(Flatten(reason="by hand")), lambda reply: isinstance(reply, HaltReply)
        )
        assert isinstance(reply, HaltReply)
        assert reply.is_halted
        desk.poll_until(desk.positions, lambda held: not held)
        desk.close()
    assert gateway.fake.broker.positions == {}
    assert gateway.fake.broker.orders == {}
    assert sent_orders(gateway) == 6
