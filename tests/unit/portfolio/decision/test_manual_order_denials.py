"""Manual orders that are denied or refused, and manual closes, which are allowed in every trading state."""

from __future__ import annotations

from pathlib import Path

import pytest

from proto.control import CloseCommand, OrderCommandReply, TradingState
from proto.gateway import Buy, Modify
from proto.trading.enums import AccountMode, OrderType, Side, TimeInForce
from services.portfolio.core.account.book import CHANGES_KEPT_MAX
from services.portfolio.core.account.events import OrderDenied
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, read_ledger, verify_ledger
from tests.support.builders import START_NS, TICK_NS, a_signal
from tests.support.desk_harness import DeskHarness
from tests.unit.portfolio.decision.manual_desk import (
    D,
    a_close,
    a_modification,
    a_quoted_desk,
    a_resting_order,
    an_order,
    receive_tick,
    refused,
    reply_to,
)


def test_the_event_of_a_denied_manual_order_has_cause_key_reason_and_tick() -> None:
    driven = a_quoted_desk()
    driven.answer_all(driven.deliver(a_signal(1, 0, sequence=1)))
    reply_to(driven, an_order(volume=D(2), reason="all in"))
    [denial] = [event for event in driven.state.account.take_events() if isinstance(event, OrderDenied)]
    assert (denial.cause, denial.key, denial.reason, denial.sequence) == ("manual", "k1", "all in", 1)


def test_a_repeated_denied_command_gets_the_same_reply_although_it_would_pass_now() -> None:
    driven = a_quoted_desk()
    driven.state.account.set_trading_state(TradingState.HALTED, "PERSON", "news", by="person")
    first = reply_to(driven, an_order())
    driven.state.account.resume_trading("looked", by="person")
    assert reply_to(driven, an_order()) == first
    assert (first.denied, first.code) == (True, "HALTED")
    assert driven.state.stream.cursor.denied == {"HALTED": 1}
    assert reply_to(driven, an_order(key="k2")).denied is False


def test_after_a_restart_a_denied_command_gets_the_same_reply(tmp_path: Path) -> None:
    driven = a_quoted_desk()
    first = reply_to(driven, an_order(volume=D(2)))
    path = tmp_path / LEDGER_FILE_NAME
    ledger = Ledger(path)
    ledger.commit(driven.state.account.take_events(), driven.state.account.book, driven.state.stream.persisted)
    ledger.close()
    assert verify_ledger(path) == []
    book, kept = read_ledger(path)
    again = DeskHarness(driven.gateway, book=book, persisted=kept)
    again.answer_all(again.start())
    receive_tick(again, 2)
    assert reply_to(again, an_order(volume=D(2))) == first
    assert first.denial_id == "live-mk1"
    assert "another command" in refused(again, an_order(volume=D("0.01")))
    assert again.state.account.book.orders == {}


def test_only_the_latest_denials_are_remembered_for_repeated_keys() -> None:
    driven = a_quoted_desk()
    for number in range(CHANGES_KEPT_MAX + 1):
        driven.command(an_order(key=f"k{number}", volume=D(2)))
    assert list(driven.state.account.book.denials_by_key) == [f"k{number}" for number in range(1, CHANGES_KEPT_MAX + 1)]


def test_an_expiry_in_the_past_is_denied_and_not_sent_to_the_venue() -> None:
    driven = a_quoted_desk()
    reply = reply_to(driven, a_resting_order(time_in_force=TimeInForce.GTD, expires_ns=START_NS - 1))
    assert (reply.denied, reply.code) == (True, "INVALID_EXPIRATION")
    assert driven.requests_of(Buy) == []


def test_a_modification_of_a_resting_order_to_an_expiry_in_the_past_is_denied() -> None:
    driven = a_quoted_desk()
    [order_id] = reply_to(
        driven, a_resting_order(time_in_force=TimeInForce.GTD, expires_ns=START_NS + 10**15)
    ).order_ids
    reply = reply_to(driven, a_modification(order_id=order_id, expires_ns=START_NS - 1))
    assert (reply.denied, reply.code) == (True, "INVALID_EXPIRATION")
    assert driven.requests_of(Modify) == []


def test_a_partial_close_in_a_symbol_with_several_tickets_needs_a_ticket() -> None:
    driven = a_quoted_desk(AccountMode.HEDGING)
    for key in ("a", "b"):
        reply_to(driven, an_order(key=key))
        driven.mono_ns += TICK_NS
    error = refused(driven, CloseCommand(key="c", reason="r", symbol="EURUSD", position=0, volume=D("0.01")))
    assert error == "EURUSD has 2 positions (tickets 1, 2): name one with --position to close a part"
    error = refused(driven, a_modification(stop_loss=D("1.09")))
    assert error == "EURUSD has 2 positions (tickets 1, 2): name one with --position EURUSD:TICKET"


def test_a_position_with_a_close_in_flight_is_not_closed_twice() -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order())
    first = driven.command(a_close(key="c1"))
    assert isinstance(first, OrderCommandReply)
    error = refused(driven, a_close(key="c2"))
    assert error.startswith(
        f"position in EURUSD is being closed by order {first.order_ids[0]}: repeat the command when"
    )
    driven.answer_all(driven.pause())
    driven.answer_all(driven.wait(100))
    assert driven.state.account.book.position("EURUSD").is_flat
    assert refused(driven, a_close(key="c2")) == "there is no position in EURUSD to close"


def test_an_opening_order_in_the_closing_direction_does_not_block_a_close_on_a_hedging_account() -> None:
    driven = a_quoted_desk(AccountMode.HEDGING)
    reply_to(driven, an_order(key="a"))
    driven.mono_ns += TICK_NS
    opens = driven.command(an_order(key="b", side=Side.SELL))
    assert isinstance(opens, OrderCommandReply)
    assert isinstance(driven.command(a_close()), OrderCommandReply)
    assert refused(driven, a_close(key="c2")).startswith("position in EURUSD is being closed by order live-000003")


def test_two_partial_closes_may_be_in_flight_if_the_volume_covers_both() -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order())
    for key in ("c1", "c2"):
        reply = driven.command(a_close(key=key, volume=D("0.01")))
        assert isinstance(reply, OrderCommandReply)
    driven.answer_all(driven.pause())
    driven.answer_all(driven.wait(100))
    assert driven.state.account.book.position("EURUSD").is_flat


@pytest.mark.parametrize("state", [TradingState.HALTED, TradingState.REDUCE_ONLY])
def test_a_person_closes_in_any_trading_state(state: TradingState) -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order())
    driven.state.account.set_trading_state(state, "PERSON", "news", by="person")
    reply = reply_to(driven, a_close(volume=D("0.01")))
    assert reply.denied is False
    assert driven.state.account.book.orders[reply.order_ids[0]].status is OrderStatus.FILLED
    assert driven.state.account.book.position("EURUSD").net_volume == D("0.01")
    assert reply_to(driven, an_order(key="k3")).denied, "an opening order is still denied"


def test_a_halted_desk_allows_manual_closes_of_tickets_also_after_a_restart() -> None:
    driven = a_quoted_desk(AccountMode.HEDGING)
    reply_to(driven, an_order())
    driven.state.account.set_trading_state(TradingState.HALTED, "PERSON", "news", by="person")
    made = driven.command(a_close(position=1))
    assert isinstance(made, OrderCommandReply)
    again = DeskHarness(driven.gateway, book=driven.state.account.book, persisted=driven.state.stream.persisted)
    again.mono_ns = driven.mono_ns
    again.answer_all(again.start())
    for _ in range(3):
        again.answer_all(again.wait(100))
    assert again.state.account.book.orders[made.order_ids[0]].status is OrderStatus.FILLED
    assert again.state.account.book.position("EURUSD").is_flat


def test_a_person_can_set_stops_on_a_halted_desk() -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order())
    driven.state.account.set_trading_state(TradingState.HALTED, "PERSON", "news", by="person")
    assert reply_to(driven, a_modification(stop_loss=D("1.09"))).denied is False
    [position] = driven.gateway.venue.positions()
    assert position.stop_loss == D("1.09")


def test_nothing_is_closed_while_the_ledger_cannot_be_written() -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order())
    driven.state.warnings.on_storage_failure("disk full")
    reply = driven.command(a_close())
    assert isinstance(reply, OrderCommandReply)
    assert (reply.denied, reply.code) == (True, "STORAGE")


@pytest.mark.parametrize(("type_", "price"), [(OrderType.LIMIT, "1.102"), (OrderType.STOP, "1.098")])
def test_a_reduce_only_desk_accepts_and_keeps_a_resting_order_that_only_reduces(type_: OrderType, price: str) -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order(key="a"))
    driven.state.account.set_trading_state(TradingState.REDUCE_ONLY, "PERSON", "thin market", by="person")
    resting = an_order(key="b", side=Side.SELL, volume=D("0.01"), type=type_, price=D(price))
    [order_id] = reply_to(driven, resting).order_ids
    driven.answer_all(driven.deliver(a_signal(2, 0)))
    assert driven.state.account.book.orders[order_id].status is OrderStatus.ACCEPTED
    assert driven.state.account.book.orders[order_id].cancel_asked == ""


def test_a_second_order_that_would_reverse_the_position_counts_as_opening() -> None:
    """Each of the two resting orders would close the whole position, so that the second would open a short one."""
    driven = a_quoted_desk()
    reply_to(driven, an_order(key="a"))
    driven.state.account.set_trading_state(TradingState.REDUCE_ONLY, "PERSON", "thin market", by="person")
    closing = {"side": Side.SELL, "volume": D("0.02"), "type": OrderType.LIMIT, "price": D("1.102")}
    assert not reply_to(driven, an_order(key="b", **closing)).denied
    reply = reply_to(driven, an_order(key="c", **closing))
    assert (reply.denied, reply.code, reply.observed) == (True, "REDUCE_ONLY", "0.02 lots")
