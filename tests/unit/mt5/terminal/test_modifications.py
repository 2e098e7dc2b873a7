"""Modifications at a terminal: stops, times in force, lost answers, and reversed positions."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from proto.gateway import ErrorCode, Modify, VenuePosition
from proto.trading.enums import OrderType, TimeInForce
from services.mt5.core.ports.terminal import CallInProgress, TradeResult
from services.mt5.terminal import mt5_types
from tests.support.fake_terminal.module import ScriptedReply
from tests.unit.mt5.terminal.terminal_by_hand import SECOND_NS, Bench, a_buy, a_sell

LOW, LOWER, HIGH = Decimal("1.09"), Decimal("1.08"), Decimal("1.2")
HOUR_NS = 3_600 * SECOND_NS


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    assert bench.store is not None
    bench.store.close()


def the_position(bench: Bench) -> VenuePosition:
    [position] = bench.broker.positions()
    return position


def stops(bench: Bench) -> tuple[Decimal | None, Decimal | None]:
    return the_position(bench).stop_loss, the_position(bench).take_profit


# ---------------------------------------------------------------------------------------------------------------- stops


def test_the_fake_terminal_removes_the_stops_of_a_position_when_an_order_without_stops_adds_to_it(
    bench: Bench,
) -> None:
    """This is MetaTrader's rule on netting accounts."""
    bench.send(a_buy(stop_loss=LOW, take_profit=HIGH))
    bench.fake.trade_manually(
        action=mt5_types.TRADE_ACTION_DEAL, symbol="EURUSD", volume=0.1, type=mt5_types.ORDER_TYPE_BUY, type_filling=0
    )
    bench.wait(500)
    assert stops(bench) == (None, None)


@pytest.mark.parametrize(
    ("given", "sent", "after"),
    [
        ({}, (1.09, 1.2), (LOW, HIGH)),
        ({"stop_loss": LOWER}, (1.08, 1.2), (LOWER, HIGH)),
        ({"stop_loss": LOWER, "take_profit": Decimal("1.3")}, (1.08, 1.3), (LOWER, Decimal("1.3"))),
    ],
)
def test_an_order_that_adds_to_a_position_is_sent_with_the_positions_stops_where_the_order_has_none(
    bench: Bench, given: dict[str, Any], sent: tuple[float, float], after: tuple[Decimal, Decimal]
) -> None:
    bench.send(a_buy(stop_loss=LOW, take_profit=HIGH))
    bench.send(a_buy("A-2", **given))
    assert (bench.fake.requests[-1]["sl"], bench.fake.requests[-1]["tp"]) == sent
    assert the_position(bench).volume == Decimal("0.20")
    assert stops(bench) == after


def test_a_partial_close_is_sent_with_its_own_stops_and_does_not_change_those_of_the_position(bench: Bench) -> None:
    """By MetaTrader's rule, a partial close does not change the stops of the position."""
    bench.send(a_buy(stop_loss=LOW, take_profit=HIGH, volume="0.30"))
    bench.send(a_sell("A-2"))
    bench.send(a_sell("A-3", stop_loss=Decimal("1.15"), take_profit=LOWER))
    assert (the_position(bench).volume, stops(bench)) == (Decimal("0.10"), (LOW, HIGH))
    assert [request["sl"] for request in bench.fake.requests] == [1.09, 0.0, 1.15]


def test_a_reversed_position_has_only_the_stops_of_its_order(bench: Bench) -> None:
    bench.send(a_buy(stop_loss=LOW, take_profit=HIGH))
    bench.send(a_sell("A-2", volume="0.30", stop_loss=Decimal("1.15")))
    assert stops(bench) == (Decimal("1.15"), None)


def test_a_pending_order_that_would_remove_stops_is_refused_without_a_call(bench: Bench) -> None:
    """The position's stops may change before the order is executed, so the order must have both stops itself."""
    bench.send(a_buy(stop_loss=LOW, take_profit=HIGH))
    resting = a_buy("A-2", type=OrderType.LIMIT, price=Decimal("1.095"), stop_loss=LOWER)
    assert bench.send(resting) == TradeResult(10016, 0, 0)
    found = bench.found("A-2")
    assert found is not None
    assert found.error_code is ErrorCode.INVALID_STOPS
    assert "stop_loss 1.09 and take_profit 1.2" in found.order.reason
    both = a_buy("A-3", type=OrderType.LIMIT, price=Decimal("1.095"), stop_loss=LOWER, take_profit=HIGH)
    assert bench.send(both) == TradeResult(10009, 50_002, 0)
    assert bench.send(a_sell("A-4", type=OrderType.LIMIT, price=Decimal("1.15"))) == TradeResult(10009, 50_003, 0)
    assert len(bench.fake.requests) == 3


def test_an_order_on_a_hedging_account_is_sent_without_the_stops_of_other_positions(tmp_path: Path) -> None:
    bench = Bench(tmp_path, is_hedging=True)
    bench.send(a_buy(stop_loss=LOW, take_profit=HIGH))
    bench.send(a_buy("A-2"))
    assert [(held.stop_loss, held.take_profit) for held in bench.broker.positions()] == [(LOW, HIGH), (None, None)]


# -------------------------------------------------------------------------------------------------------- time in force


def test_a_modified_day_order_stays_a_day_order(bench: Bench) -> None:
    """`type_time` must be sent with MODIFY, because the terminal resets fields that are missing."""
    bench.send(a_buy(type=OrderType.LIMIT, price=LOW, time_in_force=TimeInForce.DAY))
    bench.link.modify(Modify(symbol="EURUSD", order_id="A-1", price=LOWER, revision=1), bench.now)
    found = bench.found()
    assert found is not None
    assert (found.order.time_in_force, found.order.price) == (TimeInForce.DAY, LOWER)
    assert bench.fake.requests[-1]["type_time"] == mt5_types.ORDER_TIME_DAY


def test_a_modified_gtd_order_keeps_its_expiry_unless_the_request_has_another(bench: Bench) -> None:
    expires_ns = bench.now.domain_ns // SECOND_NS * SECOND_NS + HOUR_NS
    bench.send(a_buy(type=OrderType.LIMIT, price=LOW, time_in_force=TimeInForce.GTD, expires_ns=expires_ns))
    for revision, asked_ns, shown_ns in ((1, 0, expires_ns), (2, expires_ns + HOUR_NS, expires_ns + HOUR_NS)):
        change = Modify(symbol="EURUSD", order_id="A-1", price=LOWER, expires_ns=asked_ns, revision=revision)
        bench.link.modify(change, bench.now)
        found = bench.found()
        assert found is not None
        assert (found.order.time_in_force, found.order.expires_ns) == (TimeInForce.GTD, shown_ns)


@pytest.mark.parametrize("time_in_force", [TimeInForce.GTC, TimeInForce.DAY])
def test_an_expiry_for_an_order_without_one_is_refused_without_a_call(bench: Bench, time_in_force: TimeInForce) -> None:
    bench.send(a_buy(type=OrderType.LIMIT, price=LOW, time_in_force=time_in_force))
    expires_ns = bench.now.domain_ns + HOUR_NS
    change = Modify(symbol="EURUSD", order_id="A-1", expires_ns=expires_ns, revision=1)
    sent = bench.link.modify(change, bench.now)
    assert isinstance(sent, TradeResult)
    assert (sent.retcode, sent.error_code) == (10022, ErrorCode.INVALID_EXPIRATION)
    known = bench.link.previous_modification(change, bench.now)
    assert known is not None
    assert known.error_code is ErrorCode.INVALID_EXPIRATION
    assert len(bench.fake.requests) == 1


# --------------------------------------------------------------------------------------------------------- lost answers


@pytest.mark.parametrize("restarts", [False, True])
def test_a_repeated_modification_with_a_lost_answer_succeeds(bench: Bench, restarts: bool) -> None:
    """The server answers the repeat with 10025 (no changes), because the first call had its effect."""
    bench.send(a_buy())
    change = Modify(symbol="EURUSD", position=the_position(bench).ticket, stop_loss=LOW, revision=1)
    bench.fake.script.append(ScriptedReply(answer=None))
    assert bench.link.modify(change, bench.now) is None
    assert bench.link.previous_modification(change, bench.now) is None
    if restarts:
        bench.restart()
    again = bench.link.modify(change, bench.now)
    assert isinstance(again, TradeResult)
    assert (again.retcode, again.error_code) == (10009, None)
    known = bench.link.previous_modification(change, bench.now)
    assert known is not None
    assert known.position is not None
    assert (known.error_code, known.position.stop_loss) == (None, LOW)


def test_a_first_modification_without_a_change_is_refused(bench: Bench) -> None:
    bench.send(a_buy(stop_loss=LOW))
    change = Modify(symbol="EURUSD", position=the_position(bench).ticket, stop_loss=LOW, revision=1)
    sent = bench.link.modify(change, bench.now)
    assert isinstance(sent, TradeResult)
    assert (sent.retcode, sent.error_code) == (10025, ErrorCode.NO_CHANGES)


def test_a_repeat_answered_with_no_changes_is_refused_if_the_prices_differ(bench: Bench) -> None:
    """The position does not have the requested prices, so that the server's answer is passed on."""
    bench.send(a_buy())
    change = Modify(symbol="EURUSD", position=the_position(bench).ticket, stop_loss=LOW, revision=1)
    bench.fake.script += [ScriptedReply(executes=False, answer=None), ScriptedReply(executes=False, answer=10025)]
    assert bench.link.modify(change, bench.now) is None
    sent = bench.link.modify(change, bench.now)
    assert not isinstance(sent, CallInProgress)
    assert sent is not None
    assert sent.error_code is ErrorCode.NO_CHANGES


# ------------------------------------------------------------------------------------------------------------ reversals


def test_a_reversed_position_is_reported_by_its_identifier_and_closed_by_its_ticket(bench: Bench) -> None:
    """POSITION_IDENTIFIER never changes; POSITION_TICKET becomes the ticket of the reversing order."""
    bench.send(a_buy())
    opened = the_position(bench).ticket
    bench.send(a_sell("A-2", volume="0.30"))
    found = bench.found("A-2")
    assert found is not None
    assert (found.order.ticket, found.position) == (50_002, opened)
    position = the_position(bench)
    assert (position.ticket, position.side, position.volume) == (opened, "SELL", Decimal("0.20"))
    assert [deal.position for deal in bench.link.deals_after(1, 10, bench.now)] == [opened, opened]
    assert [row.ticket for row in bench.fake.broker.positions.values()] == [50_002]
    assert bench.broker.position_ticket(50_002) == bench.broker.position_ticket(opened) == opened
    for order_id, number in (("A-3", opened), ("A-4", 50_002)):
        bench.send(a_buy(order_id, position=number))
        assert bench.fake.requests[-1]["position"] == 50_002
        assert bench.shown(order_id) == "FILLED"
    assert bench.broker.positions() == []


def test_the_revisions_of_a_reversed_position_restart_at_1(bench: Bench) -> None:
    """For a desk the reversed position is a new one, whose first revision is 1."""
    bench.send(a_buy())
    number = the_position(bench).ticket
    bench.link.modify(Modify(symbol="EURUSD", position=number, stop_loss=LOW, revision=5), bench.now)
    assert the_position(bench).revision == 5
    bench.send(a_sell("A-2", volume="0.30"))
    assert the_position(bench).revision == 0
    change = Modify(symbol="EURUSD", position=number, stop_loss=Decimal("1.15"), revision=1)
    assert bench.link.previous_modification(change, bench.now) is None
    assert bench.link.modify(change, bench.now) == TradeResult(10009, 0, 0)
    assert bench.fake.requests[-1]["position"] == 50_002
    assert (the_position(bench).stop_loss, the_position(bench).revision) == (Decimal("1.15"), 1)
