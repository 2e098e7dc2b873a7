"""The portfolio as a library: what it allows, what it says, what it books, and what no caller can make it do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from services.portfolio import Order, OrderStatus, PortfolioManager, Position

BUY, SELL, HOLD = 1, -1, 0
PRICE = 1.1
NOW_NS = 1_767_600_000_000_000_000


def a_manager(**settings: Any) -> PortfolioManager:
    """A manager whose clock stands still."""
    return PortfolioManager(clock_ns=lambda: NOW_NS, **settings)


def filled(order: Order | None, **said: Any) -> dict[str, Any]:
    """The venue's word that an order is filled at its own price."""
    assert order is not None
    return {"order_id": order.order_id, "status": "FILLED", "ticket": 7, "filled_price": order.price, **said}


def trade(manager: PortfolioManager, signal: int, volume: Any = 0.01, price: Any = PRICE) -> Order:
    """An order that is made and filled at once."""
    order = manager.create_order(signal, price, volume)
    assert order is not None, manager.last_reason
    assert manager.on_fill(filled(order)), manager.last_reason
    return order


# ---------------------------------------------------------------------------------------------------------- the rule


def test_a_flat_manager_allows_both_directions_in_the_agreed_words() -> None:
    manager = a_manager()
    assert manager.check_risk(BUY)
    assert manager.last_reason == "[RISK] PASS: Signal=BUY(1), Position=FLAT"
    assert manager.check_risk(SELL)
    assert manager.last_reason == "[RISK] PASS: Signal=SELL(-1), Position=FLAT"


def test_a_long_position_blocks_more_of_it_and_lets_the_opposite_pass() -> None:
    manager = a_manager()
    trade(manager, BUY)
    assert not manager.check_risk(BUY)
    assert manager.last_reason == "[RISK] BLOCKED: Signal=BUY(1) but position is LONG(0.01)"
    assert manager.create_order(BUY, PRICE) is None
    assert manager.check_risk(SELL)
    assert manager.last_reason == "[RISK] PASS: Signal=SELL(-1), Position=LONG(0.01)"


def test_a_short_position_blocks_more_of_it_and_lets_the_opposite_pass() -> None:
    manager = a_manager()
    trade(manager, SELL, 0.5)
    assert not manager.check_risk(SELL)
    assert manager.last_reason == "[RISK] BLOCKED: Signal=SELL(-1) but position is SHORT(0.5)"
    assert manager.check_risk(BUY)
    assert manager.last_reason == "[RISK] PASS: Signal=BUY(1), Position=SHORT(0.5)"


def test_hold_never_trades() -> None:
    manager = a_manager()
    assert not manager.check_risk(HOLD)
    assert manager.last_reason == "[RISK] HOLD signal (0) - no order sent"
    assert manager.create_order(HOLD, PRICE) is None
    assert manager.last_reason == "[RISK] HOLD signal (0) - no order sent"


@pytest.mark.parametrize(
    "signal",
    [
        2,
        -2,
        0.5,
        "1",
        None,
        True,
        False,
        float("nan"),
        float("inf"),
        [1],
        {},
        b"1",
        10**6_000,
        object(),
        Decimal("sNaN"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_other_signal_is_refused_with_a_reason(signal: Any) -> None:
    manager = a_manager()
    assert not manager.check_risk(signal)
    assert manager.last_reason.startswith("[RISK] INVALID signal ")
    assert manager.last_reason.endswith("expected -1, 0 or 1")
    assert manager.create_order(signal, PRICE) is None
    assert manager.get_order_history() == []


@pytest.mark.parametrize("one", [1, 1.0, np.int8(1), np.int64(1), np.float64(1)])
def test_a_models_number_counts_as_the_signal_it_is_equal_to(one: Any) -> None:
    manager = a_manager()
    assert manager.check_risk(one)
    trade(manager, one)
    assert not manager.check_risk(one)
    assert manager.last_reason == "[RISK] BLOCKED: Signal=BUY(1) but position is LONG(0.01)"


def test_two_quick_buys_give_one_order() -> None:
    manager = a_manager()
    first = manager.create_order(BUY, PRICE)
    assert first is not None
    assert manager.create_order(BUY, PRICE) is None
    assert manager.last_reason == f"[RISK] BLOCKED: Signal=BUY(1) but order {first.order_id} is open"
    assert manager.create_order(SELL, PRICE) is None
    assert len(manager.get_order_history()) == 1


# ---------------------------------------------------------------------------------------------------------- volumes


@pytest.mark.parametrize("mode", ["close", "reverse"])
def test_a_smaller_opposite_volume_reduces_and_keeps_the_average_price(mode: str) -> None:
    manager = a_manager(on_opposite=mode)
    trade(manager, BUY, 0.03, 1.10000)
    trade(manager, SELL, 0.01, 1.10100)
    summary = manager.get_position_summary()
    assert (summary["direction"], summary["net_volume"]) == ("LONG", 0.02)
    assert summary["avg_entry_price"] == 1.1
    assert summary["realized_pnl"] == 1.0


def test_close_cuts_a_larger_opposite_volume_to_the_position() -> None:
    manager = a_manager(on_opposite="close")
    trade(manager, BUY, 0.02)
    order = trade(manager, SELL, 0.05)
    assert order.volume == Decimal("0.02")
    assert manager.get_position_summary()["status"] == "FLAT"


def test_reverse_opens_the_other_side_with_the_excess() -> None:
    manager = a_manager(on_opposite="reverse")
    trade(manager, BUY, 0.02)
    trade(manager, SELL, 0.05, 1.2)
    summary = manager.get_position_summary()
    assert (summary["direction"], summary["net_volume"], summary["avg_entry_price"]) == ("SHORT", -0.03, 1.2)


def test_decimals_are_exact() -> None:
    """0.03 - 0.01 - 0.01 - 0.01 is flat, which it is not in floats."""
    manager = a_manager()
    trade(manager, BUY, 0.03)
    for _ in range(3):
        trade(manager, SELL, 0.01)
    assert manager.get_position_summary() == {"status": "FLAT", "symbol": "EURUSD", "realized_pnl": 0.0}


@pytest.mark.parametrize("price", [1, 1.1, "1.1", Decimal("1.1"), np.float64(1.1), np.float32(1.1), 1.1 + 0.0001])
@pytest.mark.parametrize("volume", [1, 0.1, "0.1", Decimal("0.1"), np.float64(0.1), 0.1 + 0.2])
def test_numbers_of_any_kind_are_taken(price: Any, volume: Any) -> None:
    """Computed floats too: 0.1 + 0.2 lots are 0.3 lots."""
    order = trade(a_manager(), BUY, volume, price)
    assert order.volume in (Decimal(1), Decimal("0.1"), Decimal("0.3"))
    assert order.price in (Decimal(1), Decimal("1.1"), Decimal("1.1001"))


NO_NUMBERS = [
    0,
    -1,
    -0.0,
    float("nan"),
    float("inf"),
    float("-inf"),
    1e300,
    1e-300,
    "",
    "lots",
    None,
    True,
    b"1",
    [1],
    {},
    object(),
    10**6_000,
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("1e400"),
]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: type(value).__name__)
def test_no_order_comes_of_a_price_or_volume_that_is_none(value: Any) -> None:
    manager = a_manager()
    assert manager.create_order(BUY, value) is None
    assert manager.last_reason.startswith("[ORDER] price is ")
    assert manager.create_order(BUY, PRICE, value) is None
    assert manager.last_reason.startswith("[ORDER] volume is ")
    assert manager.get_order_history() == []
    assert not manager.update_price(value)


# ---------------------------------------------------------------------------------------------- ids, summary, history


def test_order_ids_tell_their_number_and_the_milliseconds() -> None:
    manager = a_manager()
    assert trade(manager, BUY).order_id == "ORD_1_1767600000000"
    assert trade(manager, SELL).order_id == "ORD_2_1767600000000"


def test_the_summary_of_an_open_position_has_the_agreed_fields() -> None:
    manager = a_manager()
    trade(manager, SELL, 0.1, 1.10000)
    assert manager.update_price(1.09900)
    assert manager.get_position_summary() == {
        "status": "OPEN",
        "symbol": "EURUSD",
        "direction": "SHORT",
        "net_volume": -0.1,
        "avg_entry_price": 1.1,
        "current_price": 1.099,
        "unrealized_pnl": 10.0,
        "realized_pnl": 0.0,
        "orders_count": 1,
    }


def test_the_history_has_the_agreed_fields_before_and_after_the_fill() -> None:
    manager = a_manager(symbol="GBPUSD")
    order = manager.create_order(BUY, 1.25, 0.02)
    expected: dict[str, Any] = {
        "order_id": "ORD_1_1767600000000",
        "symbol": "GBPUSD",
        "action": "BUY",
        "volume": 0.02,
        "entry_price": 1.25,
        "entry_time": NOW_NS,
        "status": "PENDING",
        "ticket": None,
        "fill_price": None,
        "fill_time": None,
        "filled_volume": 0.0,
        "error": None,
    }
    assert manager.get_order_history() == [expected]
    assert manager.on_fill(filled(order, filled_price=1.26, filled_volume=0.02))
    after = {"status": "FILLED", "ticket": 7, "fill_price": 1.26, "fill_time": NOW_NS, "filled_volume": 0.02}
    assert manager.get_order_history() == [{**expected, **after}]


# ------------------------------------------------------------------------------------------------------------- fills


def test_partial_fills_are_cumulative_and_their_prices_average() -> None:
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


def test_filled_without_a_volume_books_what_was_left() -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE, 0.03)
    assert manager.on_fill(filled(order, status="PARTIALLY_FILLED", filled_volume=0.01))
    assert manager.on_fill(filled(order))
    assert manager.get_position_summary()["net_volume"] == 0.03


def test_first_lots_in_are_the_first_out() -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE, 0.02)
    manager.on_fill(filled(order, status="PARTIALLY_FILLED", filled_volume=0.01, filled_price="1.10000"))
    manager.on_fill(filled(order, filled_volume=0.02, filled_price="1.20000"))
    trade(manager, SELL, 0.01, "1.20000")
    summary = manager.get_position_summary()
    assert summary["realized_pnl"] == 100.0
    assert summary["avg_entry_price"] == 1.2
    assert manager.position.lots[0].price == Decimal("1.2")


def test_a_duplicate_changes_nothing() -> None:
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
def test_a_refusal_ends_the_order_and_frees_the_symbol(end: str) -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE)
    assert not manager.on_fill(filled(order, status=end, error="no money"))
    assert manager.get_order_history()[0]["status"] == end
    assert manager.get_order_history()[0]["error"] == "no money"
    assert manager.get_position_summary()["status"] == "FLAT"
    assert manager.check_risk(BUY)


@pytest.mark.parametrize("end", ["REJECTED", "CANCELED"])
def test_a_refusal_of_the_rest_keeps_what_is_filled(end: str) -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE, 0.02)
    assert manager.on_fill(filled(order, status="PARTIALLY_FILLED", filled_volume=0.01))
    assert not manager.on_fill(filled(order, status=end))
    assert manager.get_order_history()[0]["status"] == "CANCELED"
    assert manager.get_position_summary()["net_volume"] == 0.01
    assert manager.check_risk(SELL)


def test_an_order_in_doubt_is_no_fill_and_still_counts() -> None:
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
def test_any_other_status_is_no_fill_and_the_order_stays_open(status: Any) -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE)
    assert not manager.on_fill(filled(order, status=status))
    assert manager.get_position_summary()["status"] == "FLAT"
    assert not manager.check_risk(BUY)


@pytest.mark.parametrize("status", ["FILLED", OrderStatus.FILLED])
def test_a_status_may_be_the_enumeration(status: Any) -> None:
    manager = a_manager()
    assert manager.on_fill(filled(manager.create_order(BUY, PRICE), status=status))


@pytest.mark.parametrize("response", [None, "FILLED", 5, [], [("order_id", 1)], b"{}", object()], ids=repr)
def test_what_is_no_dict_is_no_fill(response: Any) -> None:
    manager = a_manager()
    manager.create_order(BUY, PRICE)
    assert not manager.on_fill(response)
    assert manager.last_reason.startswith("[FILL] response is ")


@pytest.mark.parametrize("order_id", [None, "", "ORD_9_1", 1, 10**6_000, [], {}, b"x"], ids=lambda v: type(v).__name__)
def test_unknown_orders_change_nothing(order_id: Any) -> None:
    manager = a_manager()
    manager.create_order(BUY, PRICE)
    before = manager.get_order_history()
    assert not manager.on_fill({"order_id": order_id, "status": "FILLED", "filled_price": 1.1})
    assert not manager.cancel_order(order_id)
    assert manager.get_order_history() == before
    assert not manager.on_fill({})


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: type(value).__name__)
def test_a_fill_without_a_price_or_with_no_number_for_a_volume_is_none(value: Any) -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE)
    assert not manager.on_fill(filled(order, filled_price=value))
    assert "filled_price" in manager.last_reason
    if value is not None:  # which stands for all of it
        assert not manager.on_fill(filled(order, filled_volume=value))
        assert "filled_volume" in manager.last_reason
    assert manager.get_position_summary()["status"] == "FLAT"
    assert not manager.check_risk(BUY)


def test_a_partial_fill_must_tell_its_volume_and_no_fill_exceeds_the_order() -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE)
    assert not manager.on_fill(filled(order, status="PARTIALLY_FILLED"))
    assert not manager.on_fill(filled(order, status="PARTIALLY_FILLED", filled_volume=None))
    assert not manager.on_fill(filled(order, filled_volume=0.02))
    assert manager.get_position_summary()["status"] == "FLAT"


def test_every_other_field_may_be_null() -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE)
    said = {"ticket": None, "filled_volume": None, "error": None, "symbol": None, "deal": None, "retcode": None}
    assert manager.on_fill(filled(order, **said))
    assert manager.get_order_history()[0]["ticket"] is None


# ----------------------------------------------------------------------------------------------------------- cancelling


def test_a_canceled_order_frees_the_symbol_and_is_canceled_once() -> None:
    manager = a_manager()
    order = manager.create_order(BUY, PRICE)
    assert order is not None
    assert manager.cancel_order(order.order_id)
    assert not manager.cancel_order(order.order_id)
    assert manager.get_order_history()[0]["status"] == "CANCELED"
    assert manager.check_risk(BUY)


def test_a_fill_after_the_cancel_is_booked() -> None:
    """The deal happened at the venue, whatever we had wished."""
    manager = a_manager()
    order = manager.create_order(BUY, PRICE)
    assert order is not None
    manager.cancel_order(order.order_id)
    assert manager.on_fill(filled(order))
    assert manager.get_order_history()[0]["status"] == "FILLED"
    assert manager.get_position_summary()["net_volume"] == 0.01


def test_a_partial_fill_after_the_cancel_is_booked_and_does_not_open_the_order_again() -> None:
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


# -------------------------------------------------------------------------------------------------------- construction


@pytest.mark.parametrize("mode", ["", "flip", None, 1, [], "CLOSE"])
def test_an_unknown_mode_is_refused(mode: Any) -> None:
    with pytest.raises(ValueError, match="expected close or reverse"):
        PortfolioManager(on_opposite=mode)


@pytest.mark.parametrize("symbol", ["", None, 5])
def test_a_symbol_has_a_name(symbol: Any) -> None:
    with pytest.raises(ValueError, match="expected a name such as EURUSD"):
        PortfolioManager(symbol)


def test_the_library_is_imported_from_the_service() -> None:
    manager = PortfolioManager(symbol="EURUSD")
    assert isinstance(manager.position, Position)
    order = manager.create_order(BUY, PRICE)
    assert isinstance(order, Order)
    assert order.status is OrderStatus.PENDING
    assert order.volume == Decimal("0.01")
