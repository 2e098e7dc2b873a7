"""Orders by hand on a live desk: the rules of signals, one effect for one key, and what rests is ended or changed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from proto.control import (
    CancelCommand,
    CloseCommand,
    ControlError,
    FlattenCommand,
    ModifyCommand,
    OrderCommand,
    OrderCommandReply,
    PlaceCommand,
    TradingState,
)
from proto.gateway import AccountMode, Buy, Cancel, Fence, Modify, OrderStatusQuery, Sell
from proto.trading import OrderType, TimeInForce
from proto.units import Side
from services.portfolio.core.book import CHANGES_KEPT_MAX
from services.portfolio.core.events import OrderDenied
from services.portfolio.core.lifecycle import OrderStatus
from services.portfolio.core.orders import Cause
from services.portfolio.ledger import FILE_NAME, Ledger, read, verify
from tests.support.builders import START_NS, TICK_NS, a_gateway, a_signal, a_stream, a_tick
from tests.support.desk import HandDrivenDesk, a_live_desk

D = Decimal
QUOTES = [(1.1, 1.1001)] * 400


def a_quoted_desk(mode: AccountMode = AccountMode.NETTING) -> HandDrivenDesk:
    """A live desk on a market that stands still, with its first quote heard."""
    driven = a_live_desk(QUOTES, account_mode=mode)
    hear(driven, 1)
    return driven


def hear(driven: HandDrivenDesk, ordinal: int) -> None:
    """A tick of the live feed."""
    tick = a_tick(ordinal=ordinal, sequence=ordinal, time_ns=START_NS + (ordinal - 1) * TICK_NS)
    driven.portfolio.watch(tick, driven.now)


def an_order(**changed: Any) -> PlaceCommand:
    """Buy 0.02 EURUSD at the market."""
    fields: dict[str, Any] = {
        "key": "k1",
        "reason": "by hand",
        "symbol": "EURUSD",
        "side": Side.BUY,
        "volume": D("0.02"),
        "type": OrderType.MARKET,
        "price": None,
        "time_in_force": None,
        "stop_loss": None,
        "take_profit": None,
        "trailing_stop_points": 0,
        "expires_ns": 0,
    }
    return PlaceCommand(**{**fields, **changed})


def a_resting_order(**changed: Any) -> PlaceCommand:
    """Buy 0.02 EURUSD at 1.099."""
    return an_order(**{"type": OrderType.LIMIT, "price": D("1.099"), **changed})


def a_modification(**changed: Any) -> ModifyCommand:
    """Take the stops of EURUSD away."""
    fields: dict[str, Any] = {
        "key": "k9",
        "reason": "moved",
        "symbol": "EURUSD",
        "order_id": "",
        "position": 0,
        "price": None,
        "stop_loss": None,
        "take_profit": None,
        "expires_ns": 0,
    }
    return ModifyCommand(**{**fields, **changed})


def a_close(**changed: Any) -> CloseCommand:
    """Close all that is held of EURUSD."""
    fields: dict[str, Any] = {"key": "close", "reason": "enough", "symbol": "EURUSD", "position": 0, "volume": None}
    return CloseCommand(**{**fields, **changed})


def told(driven: HandDrivenDesk, asked: OrderCommand) -> OrderCommandReply:
    """Say a command, and let what follows from it happen."""
    reply = driven.portfolio.obey(asked, driven.now)
    assert isinstance(reply, OrderCommandReply), reply
    driven.settle(driven.pause())
    for _ in range(3):
        driven.settle(driven.wait(100))
    return reply


def refused(driven: HandDrivenDesk, asked: OrderCommand) -> str:
    """Say a command that is none."""
    reply = driven.portfolio.obey(asked, driven.now)
    assert isinstance(reply, ControlError), reply
    return reply.error


def test_an_order_by_hand_is_filled_and_keeps_who_wanted_it() -> None:
    driven = a_quoted_desk()
    reply = told(driven, an_order())
    [order] = driven.desk.book.orders.values()
    assert reply.order_ids == [order.order_id]
    assert (order.status, order.tag, order.key) == (OrderStatus.FILLED, "manual", "k1")
    assert (order.decision.cause, order.decision.reason) == (Cause.MANUAL, "[MANUAL] by hand")
    assert driven.desk.book.position("EURUSD").net_volume == D("0.02")


def test_the_same_key_is_answered_again_and_done_once() -> None:
    driven = a_quoted_desk()
    first, second = told(driven, an_order()), told(driven, an_order())
    assert first == second
    assert len(driven.desk.book.orders) == len(driven.asked_of(Buy)) == 1


def test_the_key_is_remembered_by_the_ledgers_fold() -> None:
    driven = a_quoted_desk()
    told(driven, an_order())
    again = HandDrivenDesk(driven.gateway, book=driven.desk.book, cursor=driven.desk.cursor)
    again.settle(again.start())
    hear(again, 2)
    assert told(again, an_order()).order_ids == list(driven.desk.book.orders)
    assert len(again.desk.book.orders) == 1


def test_the_ladder_denies_an_order_by_hand_like_any_other() -> None:
    driven = a_quoted_desk()
    reply = told(driven, an_order(volume=D(2)))
    assert (reply.denied, reply.code, reply.limit, reply.observed) == (True, "ORDER_VOLUME", "1 lots", "2 lots")
    [denial] = [event for event in driven.desk.take_events() if isinstance(event, OrderDenied)]
    assert (denial.code, denial.tag, denial.denial_id) == ("ORDER_VOLUME", "manual", "live-mk1")
    assert driven.desk.book.orders == {}


def test_a_denial_keeps_whose_order_it_was_with_its_reason_and_its_tick() -> None:
    driven = a_quoted_desk()
    driven.settle(driven.tell(a_signal(1, 0, sequence=1)))
    told(driven, an_order(volume=D(2), reason="all in"))
    [denial] = [event for event in driven.desk.take_events() if isinstance(event, OrderDenied)]
    assert (denial.cause, denial.key, denial.reason, denial.sequence) == ("manual", "k1", "all in", 1)


def test_a_denied_key_is_answered_again_and_not_judged_anew() -> None:
    driven = a_quoted_desk()
    driven.desk.set_trading(TradingState.HALTED, "news", by="person")
    first = told(driven, an_order())
    driven.desk.set_trading(TradingState.ACTIVE, "looked", by="person")
    assert told(driven, an_order()) == first
    assert (first.denied, first.code) == (True, "HALTED")
    assert driven.desk.cursor.denied == {"HALTED": 1}
    assert told(driven, an_order(key="k2")).denied is False


def test_a_denied_key_is_remembered_by_the_ledger(tmp_path: Path) -> None:
    driven = a_quoted_desk()
    first = told(driven, an_order(volume=D(2)))
    path = tmp_path / FILE_NAME
    ledger = Ledger(path)
    ledger.commit(driven.desk.take_events(), driven.desk.book, driven.desk.cursor)
    ledger.close()
    assert verify(path) == []
    book, cursor = read(path)
    again = HandDrivenDesk(driven.gateway, book=book, cursor=cursor)
    again.settle(again.start())
    hear(again, 2)
    assert told(again, an_order(volume=D("0.01"))) == first
    assert again.desk.book.orders == {}


def test_only_the_latest_denials_are_remembered() -> None:
    driven = a_quoted_desk()
    for number in range(CHANGES_KEPT_MAX + 1):
        driven.portfolio.obey(an_order(key=f"k{number}", volume=D(2)), driven.now)
    assert list(driven.desk.book.denials_by_key) == [f"k{number}" for number in range(1, CHANGES_KEPT_MAX + 1)]


def test_an_expiry_in_the_past_is_denied_before_the_venue_hears_of_it() -> None:
    driven = a_quoted_desk()
    reply = told(driven, a_resting_order(time_in_force=TimeInForce.GTD, expires_ns=START_NS - 1))
    assert (reply.denied, reply.code) == (True, "INVALID_EXPIRATION")
    assert driven.asked_of(Buy) == []


def test_an_order_that_rests_is_given_no_expiry_in_the_past() -> None:
    driven = a_quoted_desk()
    [order_id] = told(driven, a_resting_order(time_in_force=TimeInForce.GTD, expires_ns=START_NS + 10**15)).order_ids
    reply = told(driven, a_modification(order_id=order_id, expires_ns=START_NS - 1))
    assert (reply.denied, reply.code) == (True, "INVALID_EXPIRATION")
    assert driven.asked_of(Modify) == []


@pytest.mark.parametrize(
    ("asked", "words"),
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
            "order none is not known here, expected one that is open",
        ),
        (
            a_modification(order_id="none"),
            "order none is not known here, expected a LIMIT or STOP order that is open",
        ),
        (a_modification(), "there is no position in EURUSD to change"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(asked: OrderCommand, words: str) -> None:
    assert refused(a_quoted_desk(), asked) == words


def test_a_stepped_stream_takes_no_orders_by_hand() -> None:
    driven = HandDrivenDesk(a_gateway(a_stream(*QUOTES)))
    driven.run_up()
    assert "a stepped stream trades at its own ticks alone" in refused(driven, an_order())


def test_an_order_that_rests_outlives_its_deadline_and_is_asked_after() -> None:
    driven = a_quoted_desk()
    told(driven, a_resting_order())
    for _ in range(10):
        driven.settle(driven.wait(2_000))
    [order] = driven.desk.book.orders.values()
    assert order.status is OrderStatus.ACCEPTED
    assert driven.asked_of(Fence) == []
    assert driven.asked_of(OrderStatusQuery)
    assert len(driven.asked_of(Buy)) == 1


def test_silence_about_an_order_that_rests_is_no_doubt() -> None:
    driven = a_quoted_desk()
    told(driven, a_resting_order())
    for call in driven.wait(2_000):
        driven.silence(call)
    [order] = driven.desk.book.orders.values()
    assert order.status is OrderStatus.ACCEPTED


def test_an_order_that_rests_is_canceled_at_once() -> None:
    driven = a_quoted_desk()
    [order_id] = told(driven, a_resting_order()).order_ids
    told(driven, CancelCommand(key="k2", reason="no more", order_id=order_id))
    order = driven.desk.book.orders[order_id]
    assert (order.status, order.cancel_asked) == (OrderStatus.CANCELED, "no more")
    assert len(driven.asked_of(Cancel)) == 1
    assert driven.gateway.venue.quiet


def test_an_order_that_rests_is_given_other_terms() -> None:
    driven = a_quoted_desk()
    [order_id] = told(driven, a_resting_order()).order_ids
    told(driven, a_modification(order_id=order_id, price=D("1.0985"), stop_loss=D("1.09")))
    order = driven.desk.book.orders[order_id]
    assert (order.terms.limit_price, order.terms.stop_loss) == (D("1.0985"), D("1.09"))
    assert (order.limit_price, order.revision, order.revision_answered) == (D("1.099"), 1, 1)
    [modify] = driven.asked_of(Modify)
    assert isinstance(modify, Modify)
    assert (modify.order_id, modify.price, modify.revision) == (order_id, D("1.0985"), 1)


def test_a_position_is_given_stops_by_hand() -> None:
    driven = a_quoted_desk()
    told(driven, an_order())
    told(driven, a_modification(stop_loss=D("1.09"), take_profit=D("1.12")))
    [guard] = driven.desk.book.protections.values()
    assert (guard.stop_loss, guard.take_profit, guard.answered, guard.error) == (D("1.09"), D("1.12"), 1, "")
    [position] = driven.gateway.venue.positions()
    assert (position.stop_loss, position.take_profit) == (D("1.09"), D("1.12"))


def test_stops_on_the_wrong_side_are_denied_and_nothing_is_changed() -> None:
    driven = a_quoted_desk()
    told(driven, an_order())
    reply = told(driven, a_modification(stop_loss=D("1.12")))
    assert (reply.denied, reply.code) == (True, "INVALID_STOPS")
    assert driven.desk.book.protections == {}


def test_part_of_a_position_is_closed_by_hand() -> None:
    driven = a_quoted_desk()
    told(driven, an_order())
    told(driven, CloseCommand(key="k2", reason="half", symbol="EURUSD", position=0, volume=D("0.01")))
    assert driven.desk.book.position("EURUSD").net_volume == D("0.01")
    words = refused(driven, CloseCommand(key="k3", reason="r", symbol="EURUSD", position=0, volume=D("0.05")))
    assert words == "volume is 0.05, expected above 0 and at most the 0.01 lots that are held"


def test_part_of_one_of_several_tickets_is_closed_only_by_its_number() -> None:
    driven = a_quoted_desk(AccountMode.HEDGING)
    for key in ("a", "b"):
        told(driven, an_order(key=key))
        driven.mono_ns += TICK_NS
    words = refused(driven, CloseCommand(key="c", reason="r", symbol="EURUSD", position=0, volume=D("0.01")))
    assert words == "EURUSD has 2 positions (tickets 1, 2): name one with --position to close a part"
    words = refused(driven, a_modification(stop_loss=D("1.09")))
    assert words == "EURUSD has 2 positions (tickets 1, 2): name one with --position EURUSD:TICKET"


def test_what_is_being_closed_is_not_closed_twice() -> None:
    driven = a_quoted_desk()
    told(driven, an_order())
    first = driven.portfolio.obey(a_close(key="c1"), driven.now)
    assert isinstance(first, OrderCommandReply)
    words = refused(driven, a_close(key="c2"))
    assert words.startswith(f"position in EURUSD is being closed by order {first.order_ids[0]}: ask again when")
    driven.settle(driven.pause())
    driven.settle(driven.wait(100))
    assert driven.desk.book.position("EURUSD").is_flat
    assert refused(driven, a_close(key="c2")) == "there is no position in EURUSD to close"


def test_an_order_that_opens_the_other_side_on_a_hedging_account_keeps_nothing_from_being_closed() -> None:
    driven = a_quoted_desk(AccountMode.HEDGING)
    told(driven, an_order(key="a"))
    driven.mono_ns += TICK_NS
    opens = driven.portfolio.obey(an_order(key="b", side=Side.SELL), driven.now)
    assert isinstance(opens, OrderCommandReply)
    assert isinstance(driven.portfolio.obey(a_close(), driven.now), OrderCommandReply)
    assert refused(driven, a_close(key="c2")).startswith("position in EURUSD is being closed by order live-000003")


def test_two_parts_may_be_closed_at_once_where_there_is_enough_for_both() -> None:
    driven = a_quoted_desk()
    told(driven, an_order())
    for key in ("c1", "c2"):
        reply = driven.portfolio.obey(a_close(key=key, volume=D("0.01")), driven.now)
        assert isinstance(reply, OrderCommandReply)
    driven.settle(driven.pause())
    driven.settle(driven.wait(100))
    assert driven.desk.book.position("EURUSD").is_flat


@pytest.mark.parametrize("state", [TradingState.HALTED, TradingState.REDUCE_ONLY])
def test_a_person_closes_in_any_trading_state(state: TradingState) -> None:
    driven = a_quoted_desk()
    told(driven, an_order())
    driven.desk.set_trading(state, "news", by="person")
    reply = told(driven, a_close(volume=D("0.01")))
    assert reply.denied is False
    assert driven.desk.book.orders[reply.order_ids[0]].status is OrderStatus.FILLED
    assert driven.desk.book.position("EURUSD").net_volume == D("0.01")
    assert told(driven, an_order(key="k3")).denied, "what opens is denied as before"


def test_a_halted_desk_closes_tickets_by_hand_also_after_a_restart() -> None:
    driven = a_quoted_desk(AccountMode.HEDGING)
    told(driven, an_order())
    driven.desk.set_trading(TradingState.HALTED, "news", by="person")
    made = driven.portfolio.obey(a_close(position=1), driven.now)
    assert isinstance(made, OrderCommandReply)
    again = HandDrivenDesk(driven.gateway, book=driven.desk.book, cursor=driven.desk.cursor)
    again.mono_ns = driven.mono_ns
    again.settle(again.start())
    for _ in range(3):
        again.settle(again.wait(100))
    assert again.desk.book.orders[made.order_ids[0]].status is OrderStatus.FILLED
    assert again.desk.book.position("EURUSD").is_flat


def test_a_halted_desk_lets_a_person_guard_what_is_held() -> None:
    driven = a_quoted_desk()
    told(driven, an_order())
    driven.desk.set_trading(TradingState.HALTED, "news", by="person")
    assert told(driven, a_modification(stop_loss=D("1.09"))).denied is False
    [position] = driven.gateway.venue.positions()
    assert position.stop_loss == D("1.09")


def test_nothing_is_closed_while_the_ledger_cannot_be_written() -> None:
    driven = a_quoted_desk()
    told(driven, an_order())
    driven.desk.storage_failed("disk full")
    reply = driven.portfolio.obey(a_close(), driven.now)
    assert isinstance(reply, OrderCommandReply)
    assert (reply.denied, reply.code) == (True, "STORAGE")


def test_on_a_hedging_account_each_order_opens_and_a_ticket_closes() -> None:
    driven = a_quoted_desk(AccountMode.HEDGING)
    told(driven, an_order(key="a"))
    driven.mono_ns += TICK_NS
    told(driven, an_order(key="b", side=Side.SELL, volume=D("0.01")))
    assert [(leg.ticket, leg.direction) for leg in driven.desk.book.position("EURUSD").legs] == [(1, 1), (2, -1)]
    told(driven, CloseCommand(key="c", reason="r", symbol="EURUSD", position=2, volume=None))
    assert [leg.ticket for leg in driven.desk.book.position("EURUSD").legs] == [1]
    closing = [request for request in driven.asked_of(Buy) if isinstance(request, Buy) and request.position]
    assert [(request.position, request.volume) for request in closing] == [(2, D("0.01"))]


def test_flatten_closes_every_ticket_of_a_hedging_account() -> None:
    driven = a_quoted_desk(AccountMode.HEDGING)
    told(driven, an_order(key="a"))
    driven.mono_ns += TICK_NS
    told(driven, an_order(key="b", side=Side.SELL, volume=D("0.01")))
    driven.portfolio.obey(FlattenCommand("the end"), driven.now)
    driven.settle(driven.pause())
    for _ in range(4):
        driven.settle(driven.wait(2_000))
    assert driven.desk.book.position("EURUSD").is_flat
    assert driven.desk.book.trading_state is TradingState.HALTED
    closing = [order for order in driven.desk.book.orders.values() if order.decision.cause is Cause.FLATTEN]
    assert sorted(order.position for order in closing) == [1, 2]
    assert all(order.decision.reason == "[FLATTEN] the end" for order in closing)


def test_a_halted_desk_takes_back_what_rests() -> None:
    driven = a_quoted_desk()
    [order_id] = told(driven, a_resting_order()).order_ids
    driven.desk.set_trading(TradingState.HALTED, "news", by="person")
    driven.settle(driven.wait(2_000))
    assert driven.desk.book.orders[order_id].status is OrderStatus.CANCELED
    assert driven.asked_of(Fence)


def test_an_order_that_rests_counts_as_filled_and_keeps_signals_from_opening() -> None:
    driven = a_quoted_desk()
    told(driven, a_resting_order())
    driven.settle(driven.tell(a_signal(2, -1)))
    assert driven.asked_of(Sell) == []
    assert driven.desk.cursor.blocked == {"ORDER_OPEN": 1}


def test_an_order_that_rests_keeps_no_signal_from_closing() -> None:
    driven = a_quoted_desk()
    told(driven, an_order())
    [resting] = told(driven, a_resting_order(key="k2")).order_ids
    driven.settle(driven.tell(a_signal(2, -1)))
    assert driven.desk.book.position("EURUSD").is_flat
    assert driven.desk.book.orders[resting].status is OrderStatus.ACCEPTED, "a person's order is a person's to cancel"


def test_a_part_that_cannot_be_had_at_once_may_stay_in_the_market() -> None:
    driven = a_quoted_desk()
    told(driven, an_order(time_in_force=TimeInForce.GTC))
    [order] = driven.desk.book.orders.values()
    assert (order.rests, order.status) == (True, OrderStatus.FILLED)
