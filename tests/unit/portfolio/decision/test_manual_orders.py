"""Manual orders on a live desk: risk rules, repeated commands, cancels, modifications and closes."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from proto.control import CancelCommand, CloseCommand, FlattenCommand, OrderCommand, TradingState
from proto.gateway import Buy, Cancel, Fence, Modify, OrderStatusQuery, Sell
from proto.trading.enums import AccountMode, OrderType, Side, TimeInForce
from services.portfolio.core.account.events import OrderDenied
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Cause
from tests.support.builders import TICK_NS, a_gateway, a_signal, a_stream
from tests.support.desk_harness import DeskHarness
from tests.unit.portfolio.decision.manual_desk import (
    QUOTES,
    D,
    a_modification,
    a_quoted_desk,
    a_resting_order,
    an_order,
    receive_tick,
    refused,
    reply_to,
)


def test_a_manual_order_is_filled_and_recorded_with_its_key_and_reason() -> None:
    driven = a_quoted_desk()
    reply = reply_to(driven, an_order())
    [order] = driven.state.account.book.orders.values()
    assert reply.order_ids == [order.order_id]
    assert (order.status, order.tag, order.key) == (OrderStatus.FILLED, "manual", "k1")
    assert (order.decision.cause, order.decision.reason) == (Cause.MANUAL, "[MANUAL] by hand")
    assert driven.state.account.book.position("EURUSD").net_volume == D("0.02")


def test_a_repeated_command_gets_the_same_reply_and_makes_no_second_order() -> None:
    driven = a_quoted_desk()
    first, second = reply_to(driven, an_order()), reply_to(driven, an_order())
    assert first == second
    assert len(driven.state.account.book.orders) == len(driven.requests_of(Buy)) == 1


def test_after_a_restart_a_repeated_command_makes_no_second_order() -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order())
    again = DeskHarness(driven.gateway, book=driven.state.account.book, persisted=driven.state.stream.persisted)
    again.answer_all(again.start())
    receive_tick(again, 2)
    assert reply_to(again, an_order()).order_ids == list(driven.state.account.book.orders)
    assert len(again.state.account.book.orders) == 1


def test_a_risk_rule_denies_a_manual_order() -> None:
    driven = a_quoted_desk()
    reply = reply_to(driven, an_order(volume=D(2)))
    assert (reply.denied, reply.code, reply.limit, reply.observed) == (True, "ORDER_VOLUME", "1 lots", "2 lots")
    [denial] = [event for event in driven.state.account.take_events() if isinstance(event, OrderDenied)]
    assert (denial.code, denial.tag, denial.denial_id) == ("ORDER_VOLUME", "manual", "live-mk1")
    assert driven.state.account.book.orders == {}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (an_order(symbol="XXXYYY"), "symbol is XXXYYY, expected one that the desk trades: EURUSD"),
        (an_order(type=OrderType.STOP), "price is missing, expected one for a STOP order"),
        (
            CloseCommand(key="k", reason="r", symbol="EURUSD", position=0, volume=None),
            "there is no position in EURUSD to close",
        ),
        (
            CloseCommand(key="k", reason="r", symbol="EURUSD", position=7, volume=None),
            "there is no position 7 of EURUSD to close",
        ),
        (
            CancelCommand(key="k", reason="r", order_id="none"),
            "order none is unknown, expected an open one",
        ),
        (
            a_modification(order_id="none"),
            "order none is unknown, expected an open LIMIT or STOP order",
        ),
        (a_modification(), "there is no position in EURUSD to change"),
    ],
)
def test_an_impossible_command_is_refused_with_the_reason(command: OrderCommand, message: str) -> None:
    assert refused(a_quoted_desk(), command) == message


def test_a_lock_step_stream_accepts_no_manual_orders() -> None:
    driven = DeskHarness(a_gateway(a_stream(*QUOTES)))
    driven.run_up()
    assert "a lock-step stream trades only at its ticks" in refused(driven, an_order())


def test_a_resting_order_is_queried_and_not_fenced_after_the_deadline_for_sending() -> None:
    driven = a_quoted_desk()
    reply_to(driven, a_resting_order())
    for _ in range(10):
        driven.answer_all(driven.wait(2_000))
    [order] = driven.state.account.book.orders.values()
    assert order.status is OrderStatus.ACCEPTED
    assert driven.requests_of(Fence) == []
    assert driven.requests_of(OrderStatusQuery)
    assert len(driven.requests_of(Buy)) == 1


def test_an_unanswered_query_does_not_put_a_resting_order_in_doubt() -> None:
    driven = a_quoted_desk()
    reply_to(driven, a_resting_order())
    for call in driven.wait(2_000):
        driven.drop_reply(call)
    [order] = driven.state.account.book.orders.values()
    assert order.status is OrderStatus.ACCEPTED


def test_a_persons_cancel_ends_a_resting_order() -> None:
    driven = a_quoted_desk()
    [order_id] = reply_to(driven, a_resting_order()).order_ids
    reply_to(driven, CancelCommand(key="k2", reason="no more", order_id=order_id))
    order = driven.state.account.book.orders[order_id]
    assert (order.status, order.cancel_asked) == (OrderStatus.CANCELED, "no more")
    assert len(driven.requests_of(Cancel)) == 1
    assert driven.gateway.venue.quiet


def test_a_resting_order_can_be_modified() -> None:
    driven = a_quoted_desk()
    [order_id] = reply_to(driven, a_resting_order()).order_ids
    reply_to(driven, a_modification(order_id=order_id, price=D("1.0985"), stop_loss=D("1.09")))
    order = driven.state.account.book.orders[order_id]
    assert (order.terms.limit_price, order.terms.stop_loss) == (D("1.0985"), D("1.09"))
    assert (order.limit_price, order.revision, order.revision_answered) == (D("1.099"), 1, 1)
    [modify] = driven.requests_of(Modify)
    assert isinstance(modify, Modify)
    assert (modify.order_id, modify.price, modify.revision) == (order_id, D("1.0985"), 1)


def test_a_person_can_set_stops_of_a_position() -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order())
    reply_to(driven, a_modification(stop_loss=D("1.09"), take_profit=D("1.12")))
    [protection] = driven.state.account.book.protections.values()
    assert (protection.stop_loss, protection.take_profit, protection.answered, protection.error) == (
        D("1.09"),
        D("1.12"),
        1,
        "",
    )
    [position] = driven.gateway.venue.positions()
    assert (position.stop_loss, position.take_profit) == (D("1.09"), D("1.12"))


def trailing_desk() -> DeskHarness:
    """A desk with a long position; at a bid of 1.1 its stop has moved from 1.099 to 50 points below the bid."""
    driven = a_quoted_desk()
    reply_to(driven, an_order(stop_loss=D("1.099"), trailing_stop_points=50))
    driven.answer_all(driven.deliver(a_signal(2, time_ns=driven.state.stream.domain_ns(driven.mono_ns))))
    assert protected(driven) == (D("1.0995"), None, 50)
    return driven


def protected(driven: DeskHarness) -> tuple[object, object, int]:
    """Stop loss and take profit at the venue, and the points of the trailing stop."""
    [protection] = driven.state.account.book.protections.values()
    [position] = driven.gateway.venue.positions()
    assert (protection.stop_loss, protection.take_profit) == (position.stop_loss, position.take_profit)
    return position.stop_loss, position.take_profit, protection.trailing_stop_points


def test_a_new_target_keeps_a_stop_that_has_moved_and_its_trailing() -> None:
    driven = trailing_desk()
    reply_to(driven, a_modification(stop_loss=UNSET, take_profit=D("1.12")))
    assert protected(driven) == (D("1.0995"), D("1.12"), 50)
    reply_to(driven, a_modification(key="k10", stop_loss=UNSET, take_profit=None))
    assert protected(driven) == (D("1.0995"), None, 50)


@pytest.mark.parametrize("stop_loss", [D("1.09"), None])
def test_a_new_stop_keeps_the_target_and_ends_the_trailing(stop_loss: object) -> None:
    driven = trailing_desk()
    reply_to(driven, a_modification(key="k8", stop_loss=UNSET, take_profit=D("1.12")))
    reply_to(driven, a_modification(stop_loss=stop_loss, take_profit=UNSET))
    assert protected(driven) == (stop_loss, D("1.12"), 0)


def test_a_modification_of_an_order_keeps_the_terms_that_it_leaves_out() -> None:
    driven = a_quoted_desk()
    placed = a_resting_order(stop_loss=D("1.09"), take_profit=D("1.12"))
    [order_id] = reply_to(driven, placed).order_ids
    reply_to(driven, a_modification(order_id=order_id, price=D("1.0985"), stop_loss=UNSET, take_profit=UNSET))
    reply_to(driven, a_modification(key="k10", order_id=order_id, stop_loss=UNSET, take_profit=None))
    terms = driven.state.account.book.orders[order_id].terms
    assert (terms.limit_price, terms.stop_loss, terms.take_profit) == (D("1.0985"), D("1.09"), None)


def test_a_modification_of_an_order_that_names_another_symbol_or_a_position_is_refused() -> None:
    driven = a_quoted_desk()
    [order_id] = reply_to(driven, a_resting_order()).order_ids
    for other in ({"symbol": "GBPUSD"}, {"position": 5}):
        assert refused(driven, a_modification(order_id=order_id, price=D("1.0985"), **other)) == (
            f"order {order_id} is in EURUSD, expected symbol EURUSD and position 0"
        )


def test_a_modification_without_a_new_value_is_refused() -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order(key="k0"))
    [order_id] = reply_to(driven, a_resting_order()).order_ids
    nothing = {"stop_loss": UNSET, "take_profit": UNSET}
    assert refused(driven, a_modification(**nothing)) == (
        "the command changes nothing, expected a new stop_loss or take_profit"
    )
    for terms in ({"price": D("1.09")}, {"expires_ns": 5}):
        assert refused(driven, a_modification(stop_loss=D("1.09"), **terms)) == (
            "price and expires_ns are terms of an order, expected only stops for a position"
        )
    assert refused(driven, a_modification(order_id=order_id, **nothing)) == (
        "the command changes nothing, expected a new price, stop_loss, take_profit or expires_ns"
    )


def test_stops_on_the_wrong_side_are_denied_and_change_nothing() -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order())
    reply = reply_to(driven, a_modification(stop_loss=D("1.12")))
    assert (reply.denied, reply.code) == (True, "INVALID_STOPS")
    assert driven.state.account.book.protections == {}


def test_a_person_can_close_a_part_of_a_position() -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order())
    reply_to(driven, CloseCommand(key="k2", reason="half", symbol="EURUSD", position=0, volume=D("0.01")))
    assert driven.state.account.book.position("EURUSD").net_volume == D("0.01")
    error = refused(driven, CloseCommand(key="k3", reason="r", symbol="EURUSD", position=0, volume=D("0.05")))
    assert error == "volume is 0.05 lots, expected above 0 and at most the position's 0.01"


def test_on_a_hedging_account_each_order_opens_a_ticket_and_a_close_names_its_ticket() -> None:
    driven = a_quoted_desk(AccountMode.HEDGING)
    reply_to(driven, an_order(key="a"))
    driven.mono_ns += TICK_NS
    reply_to(driven, an_order(key="b", side=Side.SELL, volume=D("0.01")))
    assert [(leg.ticket, leg.direction) for leg in driven.state.account.book.position("EURUSD").legs] == [
        (1, 1),
        (2, -1),
    ]
    reply_to(driven, CloseCommand(key="c", reason="r", symbol="EURUSD", position=2, volume=None))
    assert [leg.ticket for leg in driven.state.account.book.position("EURUSD").legs] == [1]
    closing = [request for request in driven.requests_of(Buy) if isinstance(request, Buy) and request.position]
    assert [(request.position, request.volume) for request in closing] == [(2, D("0.01"))]


def test_flatten_closes_every_ticket_of_a_hedging_account() -> None:
    driven = a_quoted_desk(AccountMode.HEDGING)
    reply_to(driven, an_order(key="a"))
    driven.mono_ns += TICK_NS
    reply_to(driven, an_order(key="b", side=Side.SELL, volume=D("0.01")))
    driven.command(FlattenCommand("the end"))
    driven.answer_all(driven.pause())
    for _ in range(4):
        driven.answer_all(driven.wait(2_000))
    assert driven.state.account.book.position("EURUSD").is_flat
    assert driven.state.account.book.trading_state is TradingState.HALTED
    closing = [order for order in driven.state.account.book.orders.values() if order.decision.cause is Cause.FLATTEN]
    assert sorted(order.position for order in closing) == [1, 2]
    assert all(order.decision.reason == "[FLATTEN] the end" for order in closing)


def test_a_halted_desk_cancels_resting_orders() -> None:
    driven = a_quoted_desk()
    [order_id] = reply_to(driven, a_resting_order()).order_ids
    driven.state.account.set_trading_state(TradingState.HALTED, "PERSON", "news", by="person")
    driven.answer_all(driven.wait(2_000))
    assert driven.state.account.book.orders[order_id].status is OrderStatus.CANCELED
    assert driven.requests_of(Fence)


def test_a_resting_order_blocks_signals_that_would_open() -> None:
    driven = a_quoted_desk()
    reply_to(driven, a_resting_order())
    driven.answer_all(driven.deliver(a_signal(2, -1)))
    assert driven.requests_of(Sell) == []
    assert driven.state.stream.cursor.blocked == {"ORDER_OPEN": 1}


def test_a_resting_order_does_not_block_a_signal_that_closes() -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order())
    [resting] = reply_to(driven, a_resting_order(key="k2")).order_ids
    driven.answer_all(driven.deliver(a_signal(2, -1)))
    assert driven.state.account.book.position("EURUSD").is_flat
    assert driven.state.account.book.orders[resting].status is OrderStatus.ACCEPTED, (
        "a signal does not cancel a person's resting order"
    )


def test_a_market_order_with_gtc_may_rest_with_its_unfilled_volume() -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order(time_in_force=TimeInForce.GTC))
    [order] = driven.state.account.book.orders.values()
    assert (order.can_rest, order.status) == (True, OrderStatus.FILLED)
