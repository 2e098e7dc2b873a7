"""Reports of the venue to the library: fills, rejections, orders in doubt, cancels, and invalid reports."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.portfolio import OrderStatus
from tests.unit.portfolio.library import BUY, INVALID_NUMBERS, PRICE, SELL, a_manager, filled, trade

# ------------------------------------------------------------------------------------------------------------- fills


def test_reported_volumes_of_partial_fills_are_cumulative_and_the_fill_price_is_the_average() -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE, 0.03)
    assert manager.on_fill(filled(order, status="PARTIALLY_FILLED", filled_volume=0.01, filled_price=1.1))
    assert manager.get_order_history()[0]["status"] == "PARTIALLY_FILLED"
    assert manager.create_order(BUY, PRICE) is None
    assert manager.on_fill(filled(order, filled_volume=0.03, filled_price=1.4))
    row = manager.get_order_history()[0]
    assert (row["status"], row["filled_volume"]) == ("FILLED", 0.03)
    assert row["fill_price"] == pytest.approx(1.3)
    assert manager.get_position_summary()["net_volume"] == 0.03


def test_a_fill_without_a_volume_fills_the_rest_of_the_order() -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE, 0.03)
    assert manager.on_fill(filled(order, status="PARTIALLY_FILLED", filled_volume=0.01))
    assert manager.on_fill(filled(order))
    assert manager.get_position_summary()["net_volume"] == 0.03


def test_the_oldest_lots_are_closed_first() -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE, 0.02)
    manager.on_fill(filled(order, status="PARTIALLY_FILLED", filled_volume=0.01, filled_price="1.10000"))
    manager.on_fill(filled(order, filled_volume=0.02, filled_price="1.20000"))
    trade(manager, SELL, 0.01, "1.20000")
    summary = manager.get_position_summary()
    assert summary["realized_pnl"] == 100.0
    assert summary["avg_entry_price"] == 1.2
    assert manager.position.lots[0].price == Decimal("1.2")


def test_a_repeated_report_changes_nothing() -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE, 0.02)
    part = filled(order, status="PARTIALLY_FILLED", filled_volume=0.01)
    assert manager.on_fill(part)
    before = manager.get_position_summary(), manager.get_order_history()
    assert not manager.on_fill(part)
    assert not manager.on_fill({**part, "filled_volume": 0.005})
    assert (manager.get_position_summary(), manager.get_order_history()) == before
    whole = filled(order)
    assert manager.on_fill(whole)
    before = manager.get_position_summary(), manager.get_order_history()
    assert not manager.on_fill(whole)
    assert not manager.on_fill(part)
    assert not manager.on_fill(filled(order, status="REJECTED"))
    assert not manager.on_fill(filled(order, status="CANCELED"))
    assert not manager.on_fill(filled(order, status="IN_DOUBT"))
    assert (manager.get_position_summary(), manager.get_order_history()) == before


@pytest.mark.parametrize("end", ["REJECTED", "CANCELED"])
def test_after_a_rejection_or_cancel_another_order_of_the_symbol_is_allowed(end: str) -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE)
    assert not manager.on_fill(filled(order, status=end, error="no money"))
    assert manager.get_order_history()[0]["status"] == end
    assert manager.get_order_history()[0]["error"] == "no money"
    assert manager.get_position_summary()["status"] == "FLAT"
    assert manager.check_risk(BUY)


@pytest.mark.parametrize("end", ["REJECTED", "CANCELED"])
def test_a_rejection_or_cancel_of_the_rest_keeps_the_filled_part(end: str) -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE, 0.02)
    assert manager.on_fill(filled(order, status="PARTIALLY_FILLED", filled_volume=0.01))
    assert not manager.on_fill(filled(order, status=end))
    assert manager.get_order_history()[0]["status"] == "CANCELED"
    assert manager.get_position_summary()["net_volume"] == 0.01
    assert manager.check_risk(SELL)


def test_an_order_in_doubt_is_no_fill_and_stays_open() -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE)
    assert not manager.on_fill(filled(order, status="IN_DOUBT"))
    assert manager.get_order_history()[0]["status"] == OrderStatus.IN_DOUBT
    assert manager.get_position_summary()["status"] == "FLAT"
    assert not manager.check_risk(BUY)
    assert manager.on_fill(filled(order))
    assert manager.get_position_summary()["net_volume"] == 0.01


@pytest.mark.parametrize(
    "status",
    ["ACCEPTED", "UNKNOWN", "filled", "", None, 5, 10**6_000, ["FILLED"], True],
    ids=lambda value: type(value).__name__,
)
def test_a_status_that_neither_fills_nor_ends_an_order_is_no_fill_and_the_order_stays_open(status: Any) -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE)
    assert not manager.on_fill(filled(order, status=status))
    assert manager.get_position_summary()["status"] == "FLAT"
    assert not manager.check_risk(BUY)


@pytest.mark.parametrize("status", ["FILLED", OrderStatus.FILLED])
def test_a_status_may_be_an_enumeration_member(status: Any) -> None:
    manager = a_manager()
    assert manager.on_fill(filled(manager.create_order(BUY, PRICE), status=status))


@pytest.mark.parametrize("response", [None, "FILLED", 5, [], [("order_id", 1)], b"{}", object()], ids=repr)
def test_a_report_that_is_no_dict_is_no_fill(response: Any) -> None:
    manager = a_manager()
    manager.create_order(BUY, PRICE)
    assert not manager.on_fill(response)
    assert manager.last_reason.startswith("[FILL] response is ")


@pytest.mark.parametrize("order_id", [None, "", "ORD_9_1", 1, 10**6_000, [], {}, b"x"], ids=lambda v: type(v).__name__)
def test_reports_and_cancels_of_unknown_orders_change_nothing(order_id: Any) -> None:
    manager = a_manager()
    manager.create_order(BUY, PRICE)
    before = manager.get_order_history()
    assert not manager.on_fill({"order_id": order_id, "status": "FILLED", "filled_price": 1.1})
    assert not manager.cancel_order(order_id)
    assert manager.get_order_history() == before
    assert not manager.on_fill({})


@pytest.mark.parametrize("value", INVALID_NUMBERS, ids=lambda value: type(value).__name__)
def test_a_report_with_an_invalid_price_or_volume_is_no_fill(value: Any) -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE)
    assert not manager.on_fill(filled(order, filled_price=value))
    assert "filled_price" in manager.last_reason
    if value is not None:  # None means the volume of the whole order
        assert not manager.on_fill(filled(order, filled_volume=value))
        assert "filled_volume" in manager.last_reason
    assert manager.get_position_summary()["status"] == "FLAT"
    assert not manager.check_risk(BUY)


def test_a_partial_fill_needs_a_volume_and_no_fill_exceeds_the_order() -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE)
    assert not manager.on_fill(filled(order, status="PARTIALLY_FILLED"))
    assert not manager.on_fill(filled(order, status="PARTIALLY_FILLED", filled_volume=None))
    assert not manager.on_fill(filled(order, filled_volume=0.02))
    assert manager.get_position_summary()["status"] == "FLAT"


def test_every_field_of_a_report_except_id_status_and_price_may_be_null() -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE)
    empty = {"ticket": None, "filled_volume": None, "error": None, "symbol": None, "deal": None, "retcode": None}
    assert manager.on_fill(filled(order, **empty))
    assert manager.get_order_history()[0]["ticket"] is None


# ------------------------------------------------------------------------------------------------------------ canceling


def test_after_a_cancel_another_order_is_allowed_and_a_second_cancel_is_refused() -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE)
    assert order is not None
    assert manager.cancel_order(order.order_id)
    assert not manager.cancel_order(order.order_id)
    assert manager.get_order_history()[0]["status"] == "CANCELED"
    assert manager.check_risk(BUY)


def test_a_fill_after_the_cancel_is_booked() -> None:
    """The venue executed the deal although the cancel had been requested."""
    manager = a_manager()
    order = manager.create_order(BUY, PRICE)
    assert order is not None
    manager.cancel_order(order.order_id)
    assert manager.on_fill(filled(order))
    assert manager.get_order_history()[0]["status"] == "FILLED"
    assert manager.get_position_summary()["net_volume"] == 0.01


def test_a_partial_fill_after_the_cancel_is_booked_and_does_not_reopen_the_order() -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE, 0.02)
    assert order is not None
    manager.cancel_order(order.order_id)
    assert manager.on_fill(filled(order, status="PARTIALLY_FILLED", filled_volume=0.01))
    assert manager.get_order_history()[0]["status"] == "CANCELED"
    assert manager.get_position_summary()["net_volume"] == 0.01
    assert manager.check_risk(SELL)


def test_a_partly_filled_order_can_be_canceled_and_keeps_its_fill() -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE, 0.02)
    assert order is not None
    manager.on_fill(filled(order, status="PARTIALLY_FILLED", filled_volume=0.01))
    assert manager.cancel_order(order.order_id)
    assert manager.get_position_summary()["net_volume"] == 0.01
