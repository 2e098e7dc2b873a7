"""Order checks with symbol terms that no symbol of the built-in catalogue has."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from marketdata.instruments import find_instrument
from proto.trading.enums import OrderType, Side, TimeInForce, TradeMode
from services.mt5.core.ports.order_request import VenueOrderRequest
from services.mt5.core.simulated import order_validation
from tests.unit.mt5.builders import START_NS

FOUND = find_instrument("EURUSD")
assert FOUND is not None
EURUSD = FOUND


@pytest.mark.parametrize(
    ("mode", "opens", "verdict"),
    [
        (TradeMode.FULL, True, None),
        (TradeMode.CLOSE_ONLY, False, None),
        (TradeMode.CLOSE_ONLY, True, (10044, "CLOSE_ONLY")),
        (TradeMode.DISABLED, False, (10017, "TRADE_DISABLED")),
    ],
)
def test_the_trade_mode_decides_which_orders_are_allowed(
    mode: TradeMode, opens: bool, verdict: tuple[int, str] | None
) -> None:
    wrong = order_validation.check_trading_allowed(
        structs.replace(EURUSD, trade_mode=mode), opens=lambda: opens, time_ns=START_NS
    )
    assert (None if wrong is None else wrong[:2]) == verdict


@pytest.mark.parametrize(
    ("time_in_force", "taken"),
    [(TimeInForce.FOK, True), (TimeInForce.IOC, False), (TimeInForce.GTC, False), (TimeInForce.DAY, False)],
)
def test_a_market_order_with_a_fill_policy_that_the_symbol_forbids_is_refused(
    time_in_force: TimeInForce, taken: bool
) -> None:
    terms = structs.replace(EURUSD, filling=("FOK",))
    asked = VenueOrderRequest(1, "A-1", "EURUSD", Side.BUY, Decimal("0.1"), time_in_force=time_in_force)
    wrong = order_validation.check_order_type(asked, terms, START_NS)
    assert (wrong is None) is taken
    if wrong is not None:
        assert wrong[:2] == (10030, "INVALID_FILLING")


def test_a_pending_order_may_rest_whatever_fill_policies_the_symbol_allows() -> None:
    terms = structs.replace(EURUSD, filling=("FOK",))
    asked = VenueOrderRequest(
        1, "A-1", "EURUSD", Side.BUY, Decimal("0.1"), OrderType.LIMIT, TimeInForce.GTC, price=Decimal("1.0")
    )
    assert order_validation.check_order_type(asked, terms, START_NS) is None


@pytest.mark.parametrize(
    ("time_in_force", "expires_ns", "message"),
    [
        (
            TimeInForce.GTD,
            1_262_304_000_000_000_000,
            "GTD until 2010-01-01 00:00:00.000Z, expected an expiry after the venue time",
        ),
        (TimeInForce.GTD, 0, "GTD without an expiry, expected an expiry after the venue time"),
        (TimeInForce.GTC, START_NS, "GTC with the expiry 2014-05-13 16:53:20.000Z, expected GTD for an expiry"),
    ],
)
def test_a_wrong_expiry_is_reported_in_readable_times(
    time_in_force: TimeInForce, expires_ns: int, message: str
) -> None:
    wrong = order_validation.check_expiration(time_in_force, expires_ns, START_NS)
    assert wrong is not None
    assert wrong.message.startswith(message)
