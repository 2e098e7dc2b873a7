"""MODIFY changes prices once for each revision, and refuses changes within the freeze level."""

from __future__ import annotations

from decimal import Decimal

from proto.gateway import Modify
from proto.trading.enums import AccountMode
from tests.unit.mt5.builders import SECOND_NS, START_NS
from tests.unit.mt5.simulated.broker_by_hand import GTD, Dealing


def test_modify_changes_price_stops_and_expiry_of_an_order() -> None:
    desk = Dealing(1.1, 1.0840)
    desk.buy_limit("1.0900", stop_loss="1.08", time_in_force=GTD, expires_ns=START_NS + 9 * SECOND_NS)
    done = desk.modify(
        order_id="A-1", price="1.0850", take_profit="1.2", expires_ns=START_NS + 8 * SECOND_NS, revision=1
    )
    assert (done.retcode, done.error_code) == (10009, None)
    assert done.order is not None
    assert (done.order.price, done.order.stop_loss, done.order.take_profit) == (
        Decimal("1.0850"),
        None,
        Decimal("1.2"),
    )
    assert (done.order.expires_ns, done.order.revision) == (START_NS + 8 * SECOND_NS, 1)
    desk.to(2)
    assert desk.deals[0].price == Decimal("1.0842")


def test_modify_changes_the_stops_of_a_position_and_without_prices_removes_them() -> None:
    desk = Dealing(1.1)
    desk.buy(stop_loss="1.09")
    assert not desk.venue.quiet
    moved = desk.modify(position=1, stop_loss="1.0950", take_profit="1.2")
    assert moved.position is not None
    assert (moved.position.stop_loss, moved.position.take_profit, moved.quiet) == (
        Decimal("1.0950"),
        Decimal("1.2"),
        False,
    )
    assert desk.modify().quiet
    assert (desk.position.stop_loss, desk.position.take_profit) == (None, None)


def test_a_repeated_modification_gets_its_stored_outcome_and_a_lower_revision_is_refused() -> None:
    desk = Dealing(1.1, 1.1, 1.0899)
    desk.buy()
    second = desk.modify(position=1, stop_loss="1.0950", revision=2)
    assert desk.modify(position=1, stop_loss="1.0900", revision=1).error_code == "STALE_REVISION"
    desk.venue = desk.opened()
    desk.to(3)
    assert desk.venue.positions() == []
    assert desk.modify(position=1, stop_loss="1.0950", revision=2) == second
    assert desk.venue.previous_modification(Modify(symbol="EURUSD", position=1, revision=2)) == second
    assert desk.venue.previous_modification(Modify(symbol="EURUSD", revision=2, ordinal=1)) == second
    assert desk.venue.previous_modification(Modify(symbol="EURUSD", revision=2, ordinal=3)) is None


def test_a_repeat_of_a_refused_modification_gets_the_same_refusal() -> None:
    desk = Dealing(1.1, 1.2)
    desk.buy()
    refused = desk.modify(position=1, stop_loss="1.1500", revision=1)
    assert (refused.retcode, refused.error_code) == (10016, "INVALID_STOPS")
    desk.to(2)
    assert desk.modify(position=1, stop_loss="1.1500", revision=1) == refused
    assert desk.modify(position=1, stop_loss="1.1500", revision=2).error_code is None


def test_a_modification_without_a_change_or_without_a_target_is_refused() -> None:
    desk = Dealing(1.1)
    desk.buy(stop_loss="1.09")
    assert desk.modify(position=1, stop_loss="1.09").retcode == 10025
    assert desk.modify(position=2, stop_loss="1.09").error_code == "UNKNOWN_POSITION"
    assert desk.modify(order_id="B-1", price="1.09").error_code == "UNKNOWN_ORDER"
    assert desk.modify(order_id="A-1", price="1.09").error_code == "ORDER_ENDED"
    limit = desk.buy_limit("1.08")
    assert desk.modify(order_id="A-2", price="1.08").error_code == "NO_CHANGES"
    assert desk.modify(order_id="A-2", price="1.2").error_code == "INVALID_PRICE"
    assert desk.modify(order_id="A-2", expires_ns=START_NS + SECOND_NS).error_code == "INVALID_EXPIRATION"
    assert desk.now(limit) == limit


def test_a_position_of_a_hedging_account_is_modified_by_its_ticket() -> None:
    desk = Dealing(1.1, mode=AccountMode.HEDGING)
    desk.buy()
    desk.buy()
    assert desk.modify(stop_loss="1.09").error_code == "UNKNOWN_POSITION"
    assert desk.modify(position=2, stop_loss="1.09").error_code is None
    assert [position.stop_loss for position in desk.venue.positions()] == [None, Decimal("1.09")]


def test_orders_and_positions_within_the_freeze_level_cannot_be_modified() -> None:
    """The freeze level is 5 points, and the stop loss at 1.0950 is 4 points from the bid of 1.09504."""
    desk = Dealing(1.1, 1.09504)
    desk.buy(stop_loss="1.0950")
    placed = desk.buy_limit("1.0950")
    desk.to(2)
    assert (desk.modify(position=1).retcode, desk.modify(position=1).error_code) == (10029, "FROZEN")
    assert not desk.venue.is_frozen(desk.now(placed))  # the ask is 24 points away
    near = Dealing(1.1, 1.0948)
    placed = near.buy_limit("1.09495")
    near.to(2)
    assert near.venue.is_frozen(near.now(placed))
    assert near.modify(order_id="A-1", price="1.09").error_code == "FROZEN"
