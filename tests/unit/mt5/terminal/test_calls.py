"""Each order is sent once, whatever the terminal replies; the cases follow the package's documentation."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from proto.gateway import ErrorCode, Modify
from proto.trading.enums import OrderType, TimeInForce
from services.mt5.core.ports.magic import magic_of
from services.mt5.core.ports.terminal import CallInProgress, TradeResult
from services.mt5.terminal import mt5_types
from services.mt5.terminal.terminal_thread import TerminalThread
from tests.support.fake_terminal.broker import a_symbol
from tests.support.fake_terminal.module import LOGIN, FakeTerminal, ScriptedReply
from tests.support.waits import wait_for
from tests.unit.mt5.terminal.terminal_by_hand import Bench, a_buy, a_sell


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    assert bench.store is not None
    bench.store.close()


def test_a_market_order_is_one_call_and_is_found_by_its_magic(bench: Bench) -> None:
    """In `order_send`, the action DEAL is a market order; the result has the tickets of order and deal."""
    sent = bench.send(a_buy())
    [request] = bench.fake.requests
    assert request == {
        "action": mt5_types.TRADE_ACTION_DEAL,
        "magic": magic_of("A-1"),
        "symbol": "EURUSD",
        "volume": 0.1,
        "price": 1.1001,
        "deviation": 1_000_000,
        "type": mt5_types.ORDER_TYPE_BUY,
        "type_filling": mt5_types.ORDER_FILLING_FOK,
        "type_time": mt5_types.ORDER_TIME_GTC,
        "sl": 0.0,
        "tp": 0.0,
        "comment": "A-1",
    }
    assert sent == TradeResult(10009, 50_001, 70_002)
    found = bench.found()
    assert found is not None
    assert (found.order.status, found.order.filled_price, found.order.deal) == ("FILLED", Decimal("1.1001"), 2)


def test_an_executed_order_without_an_answer_is_found_and_not_sent_again(bench: Bench) -> None:
    """`order_send` returns None after an error; whether the server has executed the order is unknown."""
    bench.fake.script.append(ScriptedReply(answer=None))
    assert bench.send(a_buy()) is None
    assert bench.shown() == "FILLED"
    assert len(bench.fake.requests) == 1


def test_an_order_without_an_answer_and_without_execution_is_not_found(bench: Bench) -> None:
    """The terminal may show the order later, so that the missing order proves nothing."""
    bench.fake.script.append(ScriptedReply(executes=False, answer=None))
    assert bench.send(a_buy()) is None
    bench.wait(2_000)
    assert bench.shown() == "nothing"
    assert not bench.link.is_history_complete(bench.now)
    assert len(bench.fake.requests) == 1


@pytest.mark.parametrize("retcode", [10011, 10012, 10028, 10031, 10999])
def test_an_order_with_an_inconclusive_retcode_is_not_rejected(bench: Bench, retcode: int) -> None:
    """The retcodes are processing error, timeout, locked, no connection, and an unknown one."""
    bench.fake.script.append(ScriptedReply(executes=False, answer=retcode))
    assert bench.send(a_buy()) == TradeResult(retcode, 0, 0)
    assert bench.shown() == "nothing"


@pytest.mark.parametrize(
    ("retcode", "code"),
    [(10004, "REQUOTE"), (10006, "VENUE_REFUSED"), (10018, "MARKET_CLOSED"), (10027, "VENUE_REFUSED")],
)
def test_a_refused_order_is_found_although_the_terminal_does_not_show_it(bench: Bench, retcode: int, code: str) -> None:
    """The retcodes are requote, reject, market closed, and trading disabled in the terminal."""
    bench.fake.script.append(ScriptedReply(executes=False, answer=retcode))
    assert retcode_of(bench.send(a_buy())) == retcode
    found = bench.found()
    assert found is not None
    assert (found.order.status, found.order.retcode, found.error_code) == ("REJECTED", retcode, code)


def test_a_volume_off_its_step_is_refused_by_the_server_with_10014(bench: Bench) -> None:
    """In `symbol_info`, `volume_step` is the step of volumes."""
    assert retcode_of(bench.send(a_buy(volume="0.015"))) == 10014
    found = bench.found()
    assert found is not None
    assert found.error_code is ErrorCode.INVALID_VOLUME


def test_done_without_a_deal_is_filled_when_the_deal_is_shown(bench: Bench) -> None:
    """In MqlTradeResult, `deal` may be 0 with retcode 10009 if the deal follows later."""
    bench.fake.script.append(ScriptedReply(without_deal=True, hides=4))
    assert bench.send(a_buy()) == TradeResult(10009, 50_001, 0)
    assert bench.shown() == "ACCEPTED"
    bench.wait(2_000)
    assert bench.shown() == "FILLED"
    assert len(bench.fake.requests) == 1


def test_a_partial_fill_is_reported_with_its_volume(bench: Bench) -> None:
    """With 10010 only a part was executed; the unfilled volume of an IOC order is canceled."""
    bench.fake.script.append(ScriptedReply(fill=0.04))
    sent = bench.send(a_buy(time_in_force=TimeInForce.IOC))
    assert isinstance(sent, TradeResult)
    assert sent.retcode == 10010
    found = bench.found()
    assert found is not None
    assert (found.order.status, found.order.filled_volume) == ("CANCELED", Decimal("0.04"))
    assert found.order.retcode == 10010


def test_a_filled_order_that_was_answered_with_placed_has_the_retcode_done(bench: Bench) -> None:
    """Some brokers answer 10008 before they execute the order, whose final retcode is 10009."""
    bench.fake.script.append(ScriptedReply(answer=10008))
    sent = bench.send(a_buy())
    assert isinstance(sent, TradeResult)
    assert sent.retcode == 10008
    found = bench.found()
    assert found is not None
    assert (found.order.status, found.order.retcode) == ("FILLED", 10009)


def test_a_pending_order_is_placed_modified_and_canceled(bench: Bench) -> None:
    """The actions are PENDING, MODIFY and REMOVE; the last two have the order's ticket in `order`."""
    assert bench.send(a_buy(type=OrderType.LIMIT, price=Decimal("1.09"))) == TradeResult(10009, 50_001, 0)
    assert bench.shown() == "ACCEPTED"
    change = Modify(symbol="EURUSD", order_id="A-1", price=Decimal("1.08"), stop_loss=Decimal("1.07"), revision=1)
    assert bench.link.modify(change, bench.now) == TradeResult(10009, 50_001, 0)
    changed = bench.found()
    assert changed is not None
    assert (changed.order.price, changed.order.stop_loss, changed.order.revision) == (
        Decimal("1.08"),
        Decimal("1.07"),
        1,
    )
    assert bench.link.cancel(changed, bench.now, why="by hand") == TradeResult(10009, 50_001, 0)
    assert bench.shown() == "CANCELED"
    assert [request["action"] for request in bench.fake.requests] == [5, 7, 8]


def test_a_pending_order_is_filled_when_the_market_reaches_its_price(bench: Bench) -> None:
    """A buy stop becomes a market order when the ask reaches its price."""
    bench.send(a_buy(type=OrderType.STOP, price=Decimal("1.105")))
    bench.tick(1.1051, 1.1052)
    bench.wait(500)
    found = bench.found()
    assert found is not None
    assert (found.order.status, found.order.filled_price) == ("FILLED", Decimal("1.1052"))


def test_stops_of_a_position_are_set_with_sltp(bench: Bench) -> None:
    """SLTP changes stop loss and take profit of the position with the ticket in `position`; 0 is none."""
    bench.send(a_buy())
    [position] = bench.broker.positions()
    change = Modify(symbol="EURUSD", position=position.ticket, stop_loss=Decimal("1.09"))
    assert bench.link.modify(change, bench.now) == TradeResult(10009, 0, 0)
    assert bench.fake.requests[-1] == {
        "action": mt5_types.TRADE_ACTION_SLTP,
        "symbol": "EURUSD",
        "position": position.ticket,
        "sl": 1.09,
        "tp": 0.0,
    }
    [position] = bench.broker.positions()
    assert (position.stop_loss, position.take_profit) == (Decimal("1.09"), None)


def test_the_servers_order_of_a_stop_loss_is_not_taken_for_the_opening_order(bench: Bench) -> None:
    """The server makes order and deal of a stop loss with reason SL and with the magic of the closed position."""
    bench.send(a_buy(stop_loss=Decimal("1.09")))
    bench.tick(1.0895, 1.0896)
    bench.wait(500)
    assert bench.broker.positions() == []
    opened, closed = bench.link.deals_after(1, 10, bench.now)
    assert (closed.reason, closed.stepped, closed.entry) == ("STOP_LOSS", True, "OUT")
    assert bench.broker.magic_of_ticket(opened.ticket) == magic_of("A-1")
    assert bench.broker.magic_of_ticket(closed.ticket) == 0
    found = bench.found()
    assert found is not None
    assert found.order.ticket == opened.ticket


def test_a_position_is_closed_by_its_ticket_on_a_hedging_account(tmp_path: Path) -> None:
    """`position` has the ticket of the position to close; without it a hedging account opens another position."""
    bench = Bench(tmp_path, is_hedging=True)
    bench.send(a_buy())
    bench.send(a_buy("A-2"))
    first, second = bench.broker.positions()
    bench.send(a_sell("A-3", position=first.ticket))
    assert bench.fake.requests[-1]["position"] == first.ticket
    assert [position.ticket for position in bench.broker.positions()] == [second.ticket]
    assert bench.broker.account_mode == "HEDGING"


@pytest.mark.parametrize(
    ("flags", "requested", "filling"),
    [
        (1, None, mt5_types.ORDER_FILLING_FOK),
        (2, None, mt5_types.ORDER_FILLING_IOC),
        (3, TimeInForce.IOC, mt5_types.ORDER_FILLING_IOC),
        (3, TimeInForce.FOK, mt5_types.ORDER_FILLING_FOK),
    ],
)
def test_the_fill_policy_is_chosen_by_the_symbols_flags_and_sent_as_metatraders_number(
    tmp_path: Path, flags: int, requested: TimeInForce | None, filling: int
) -> None:
    """SYMBOL_FILLING_FOK is flag 1 and IOC flag 2; ORDER_FILLING_FOK is 0 and IOC 1."""
    bench = Bench(tmp_path, symbols=[a_symbol(filling_mode=flags)])
    bench.send(a_buy(time_in_force=requested))
    assert bench.fake.requests[0]["type_filling"] == filling
    assert bench.shown() == "FILLED"


def test_a_fill_policy_that_the_symbol_forbids_is_refused_without_a_call(tmp_path: Path) -> None:
    """Market execution forbids RETURN."""
    bench = Bench(tmp_path, symbols=[a_symbol(filling_mode=2)])
    assert bench.send(a_buy(time_in_force=TimeInForce.FOK)) == TradeResult(10030, 0, 0)
    assert bench.send(a_buy("A-2", time_in_force=TimeInForce.GTC)) == TradeResult(10030, 0, 0)
    assert bench.fake.requests == []


def test_an_order_in_a_symbol_that_the_gateway_does_not_use_is_refused_without_a_call(bench: Bench) -> None:
    """A foreign position may be in any symbol, and the gateway has no terms and quotes of it."""
    assert bench.send(a_sell("A-9", position=7), "GBPUSD") == TradeResult(10013, 0, 0)
    found = bench.found("A-9")
    assert found is not None
    assert found.error_code is ErrorCode.UNKNOWN_SYMBOL
    assert bench.fake.requests == []


def test_a_touch_worse_than_the_deviation_allows_is_a_requote_without_a_call(bench: Bench) -> None:
    """The terminal's `deviation` applies to instant execution only; the gateway applies it to all orders."""
    order = a_buy(price=Decimal("1.1000"), deviation_points=5)
    assert bench.send(order) == TradeResult(10004, 0, 0)
    assert bench.fake.requests == []
    assert isinstance(bench.send(a_buy("A-2", price=Decimal("1.1000"), deviation_points=10)), TradeResult)
    assert bench.fake.requests[0]["deviation"] == 10


def test_an_expiry_is_sent_in_server_time(bench: Bench) -> None:
    """`expiration` is server time in seconds, and is used with ORDER_TIME_SPECIFIED."""
    expires_ns = bench.now.domain_ns + 3_600_000_000_000
    bench.send(a_buy(type=OrderType.LIMIT, price=Decimal("1.09"), time_in_force=TimeInForce.GTD, expires_ns=expires_ns))
    [request] = bench.fake.requests
    assert request["type_time"] == mt5_types.ORDER_TIME_SPECIFIED
    assert request["expiration"] == expires_ns // 1_000_000_000 + 7_200
    found = bench.found()
    assert found is not None
    assert found.order.expires_ns // 1_000_000_000 == expires_ns // 1_000_000_000


def test_an_order_is_not_sent_while_the_terminal_is_logged_in_to_another_account(bench: Bench) -> None:
    """A person may log in to another account between two snapshots."""
    bench.fake.login = LOGIN + 1
    assert retcode_of(bench.send(a_buy())) == 10006
    assert bench.fake.requests == []
    found = bench.found()
    assert found is not None
    assert found.error_code is ErrorCode.WRONG_ACCOUNT
    trouble = bench.link.unavailable(bench.now)
    assert trouble is not None
    assert trouble.code is ErrorCode.WRONG_ACCOUNT


def test_the_last_snapshot_stays_valid_during_a_call(bench: Bench) -> None:
    bench.send(a_buy())
    bench.caller.holds = True
    assert isinstance(bench.send(a_buy("A-2")), CallInProgress)
    bench.wait(200)
    assert isinstance(bench.link.poll(bench.now), CallInProgress)
    assert bench.shown("A-1") == "FILLED"
    bench.caller.release()
    assert bench.link.poll(bench.now) == TradeResult(10009, 50_002, 70_003)
    assert bench.shown("A-2") == "FILLED"


def test_the_terminal_thread_does_not_block_its_caller_and_raises_a_jobs_error() -> None:
    """Only this thread calls the terminal; `post` returns at once."""
    fake = FakeTerminal(utc_ms=lambda: 1_768_471_200_000)
    fake.tick("EURUSD", 1.1, 1.1001)
    gate = threading.Event()
    caller = TerminalThread(fake)
    caller.post(lambda terminal: gate.wait(30) and terminal.terminal_info())
    assert caller.take_results() == []
    gate.set()
    wait_for(lambda: len(caller.take_results()) == 1, "the job")
    caller.post(lambda terminal: len(str(terminal.account_info())) // 0)
    with pytest.raises(ZeroDivisionError):
        wait_for(lambda: len(caller.take_results()) == 1, "the failure")
    caller.close()


def retcode_of(sent: TradeResult | CallInProgress | None) -> int:
    assert isinstance(sent, TradeResult), sent
    return sent.retcode
