"""The portfolio as a library: allowed orders, texts, volumes, and refused arguments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from services.portfolio import Order, OrderStatus, PortfolioManager, Position
from tests.unit.portfolio.library import BUY, HOLD, INVALID_NUMBERS, NOW_NS, PRICE, SELL, a_manager, filled, trade

# -------------------------------------------------------------------------------------------------- the position rule


def test_a_flat_manager_allows_both_directions_with_the_documented_texts() -> None:
    manager = a_manager()
    assert manager.check_risk(BUY)
    assert manager.last_reason == "[RISK] PASS: Signal=BUY(1), Position=FLAT"
    assert manager.check_risk(SELL)
    assert manager.last_reason == "[RISK] PASS: Signal=SELL(-1), Position=FLAT"


def test_a_long_position_blocks_buys_and_allows_sells() -> None:
    manager = a_manager()
    trade(manager, BUY)
    assert not manager.check_risk(BUY)
    assert manager.last_reason == "[RISK] BLOCKED: Signal=BUY(1) but position is LONG(0.01)"
    assert manager.create_order(BUY, PRICE) is None
    assert manager.check_risk(SELL)
    assert manager.last_reason == "[RISK] PASS: Signal=SELL(-1), Position=LONG(0.01)"


def test_a_short_position_blocks_sells_and_allows_buys() -> None:
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
def test_a_signal_other_than_buy_sell_and_hold_is_refused_with_a_reason(signal: Any) -> None:
    manager = a_manager()
    assert not manager.check_risk(signal)
    assert manager.last_reason.startswith("[RISK] INVALID signal ")
    assert manager.last_reason.endswith("expected -1, 0 or 1")
    assert manager.create_order(signal, PRICE) is None
    assert manager.get_order_history() == []


@pytest.mark.parametrize("one", [1, 1.0, np.int8(1), np.int64(1), np.float64(1)])
def test_a_number_of_another_type_counts_as_the_signal_that_it_equals(one: Any) -> None:
    manager = a_manager()
    assert manager.check_risk(one)
    trade(manager, one)
    assert not manager.check_risk(one)
    assert manager.last_reason == "[RISK] BLOCKED: Signal=BUY(1) but position is LONG(0.01)"


def test_a_second_buy_while_the_first_is_open_makes_no_order() -> None:
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


def test_reverse_opens_the_opposite_direction_with_the_excess_volume() -> None:
    manager = a_manager(on_opposite="reverse")
    trade(manager, BUY, 0.02)
    trade(manager, SELL, 0.05, 1.2)
    summary = manager.get_position_summary()
    assert (summary["direction"], summary["net_volume"], summary["avg_entry_price"]) == ("SHORT", -0.03, 1.2)


def test_decimals_are_exact() -> None:
    """0.03 - 0.01 - 0.01 - 0.01 is 0, which it would not be with floats."""
    manager = a_manager()
    trade(manager, BUY, 0.03)
    for _ in range(3):
        trade(manager, SELL, 0.01)
    assert manager.get_position_summary() == {"status": "FLAT", "symbol": "EURUSD", "realized_pnl": 0.0}


@pytest.mark.parametrize("price", [1, 1.1, "1.1", Decimal("1.1"), np.float64(1.1), np.float32(1.1), 1.1 + 0.0001])
@pytest.mark.parametrize("volume", [1, 0.1, "0.1", Decimal("0.1"), np.float64(0.1), 0.1 + 0.2])
def test_numbers_of_any_type_are_accepted(price: Any, volume: Any) -> None:
    """This includes computed floats: 0.1 + 0.2 lots are 0.3 lots."""
    order = trade(a_manager(), BUY, volume, price)
    assert order.volume in (Decimal(1), Decimal("0.1"), Decimal("0.3"))
    assert order.price in (Decimal(1), Decimal("1.1"), Decimal("1.1001"))


@pytest.mark.parametrize("text", ["0_1", "\uff11", "0.0000000000001"])
def test_text_is_exact_and_in_ascii_digits(text: str) -> None:
    manager = a_manager()
    assert manager.create_order(BUY, PRICE, text) is None
    assert manager.last_reason == f"[ORDER] volume is '{text}', expected a finite number above 0"


@pytest.mark.parametrize("value", INVALID_NUMBERS, ids=lambda value: type(value).__name__)
def test_an_invalid_price_or_volume_makes_no_order(value: Any) -> None:
    manager = a_manager()
    assert manager.create_order(BUY, value) is None
    assert manager.last_reason.startswith("[ORDER] price is ")
    assert manager.create_order(BUY, PRICE, value) is None
    assert manager.last_reason.startswith("[ORDER] volume is ")
    assert manager.get_order_history() == []
    assert not manager.update_price(value)


# ---------------------------------------------------------------------------------------------- ids, summary, history


def test_order_ids_contain_a_number_and_the_time_in_milliseconds() -> None:
    manager = a_manager()
    assert trade(manager, BUY).order_id == "ORD_1_1767600000000"
    assert trade(manager, SELL).order_id == "ORD_2_1767600000000"


def test_the_summary_of_an_open_position_has_the_documented_fields() -> None:
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


def test_the_history_has_the_documented_fields_before_and_after_the_fill() -> None:
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


# -------------------------------------------------------------------------------------------------------- construction


@pytest.mark.parametrize("mode", ["", "flip", None, 1, [], "CLOSE"])
def test_an_unknown_mode_is_refused(mode: Any) -> None:
    with pytest.raises(ValueError, match="expected close or reverse"):
        PortfolioManager(on_opposite=mode)


@pytest.mark.parametrize("symbol", ["", None, 5])
def test_an_empty_symbol_is_refused(symbol: Any) -> None:
    with pytest.raises(ValueError, match="expected a name such as EURUSD"):
        PortfolioManager(symbol)


def test_the_library_is_imported_from_the_service() -> None:
    manager = PortfolioManager(symbol="EURUSD")
    assert isinstance(manager.position, Position)
    order = manager.create_order(BUY, PRICE)
    assert isinstance(order, Order)
    assert order.status is OrderStatus.PENDING
    assert order.volume == Decimal("0.01")
