"""A refused order gets MetaTrader's retcode, and stays in the book as REJECTED."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from proto.trading.enums import AccountMode, OrderType, Side, TimeInForce
from services.mt5.core.simulated.fill_model import FillProfile
from tests.unit.mt5.builders import SECOND_NS, START_NS, a_stream
from tests.unit.mt5.simulated.broker_by_hand import Dealing, refusal

LIMIT, STOP = {"type": OrderType.LIMIT}, {"type": OrderType.STOP}
LIMIT_109 = {**LIMIT, "price": "1.09"}
GTD = {"time_in_force": TimeInForce.GTD}
FOK = {"time_in_force": TimeInForce.FOK}
BUY, SELL = Side.BUY, Side.SELL
WEEKEND_NS = START_NS + 4 * 86_400 * SECOND_NS  # a Saturday

# The quote is 1.1000 to 1.1002; the stops level is 10 points, 0.00010.
WRONG: list[tuple[str, Side, dict[str, Any], int, str]] = [
    ("a limit without a price", BUY, {**LIMIT}, 10015, "INVALID_PRICE"),
    ("a stop without a price", SELL, {**STOP}, 10015, "INVALID_PRICE"),
    ("a price off the tick", BUY, {**LIMIT, "price": "1.090005"}, 10015, "INVALID_PRICE"),
    ("a negative price", BUY, {**LIMIT, "price": "-1.09"}, 10015, "INVALID_PRICE"),
    ("a buy limit at the ask", BUY, {**LIMIT, "price": "1.1002"}, 10015, "INVALID_PRICE"),
    ("a buy limit nearer than the stops level", BUY, {**LIMIT, "price": "1.10011"}, 10015, "INVALID_PRICE"),
    ("a sell limit below the bid", SELL, {**LIMIT, "price": "1.0990"}, 10015, "INVALID_PRICE"),
    ("a buy stop below the ask", BUY, {**STOP, "price": "1.1000"}, 10015, "INVALID_PRICE"),
    ("a sell stop above the bid", SELL, {**STOP, "price": "1.1010"}, 10015, "INVALID_PRICE"),
    ("a buy's stop loss above the bid", BUY, {"stop_loss": "1.1010"}, 10016, "INVALID_STOPS"),
    ("a buy's stop loss too near", BUY, {"stop_loss": "1.09991"}, 10016, "INVALID_STOPS"),
    ("a buy's take profit below the bid", BUY, {"take_profit": "1.0990"}, 10016, "INVALID_STOPS"),
    ("a sell's stop loss below the ask", SELL, {"stop_loss": "1.0990"}, 10016, "INVALID_STOPS"),
    ("a sell's take profit above the ask", SELL, {"take_profit": "1.1010"}, 10016, "INVALID_STOPS"),
    ("a limit's stop loss above its price", BUY, {**LIMIT_109, "stop_loss": "1.095"}, 10016, "INVALID_STOPS"),
    ("a stop loss off the tick", BUY, {"stop_loss": "1.090005"}, 10016, "INVALID_STOPS"),
    ("a stop order with FOK", BUY, {**STOP, "price": "1.11", **FOK}, 10030, "INVALID_FILLING"),
    ("GTD without an expiry", BUY, {**LIMIT_109, **GTD}, 10022, "INVALID_EXPIRATION"),
    ("GTD in the past", BUY, {**LIMIT_109, **GTD, "expires_ns": START_NS}, 10022, "INVALID_EXPIRATION"),
    ("an expiry of a GTC order", BUY, {**LIMIT_109, "expires_ns": START_NS + SECOND_NS}, 10022, "INVALID_EXPIRATION"),
    ("a position that does not exist", SELL, {"position": 7}, 10036, "UNKNOWN_POSITION"),
    ("a limit with a position", SELL, {**LIMIT, "price": "1.2", "position": 1}, 10035, "INVALID_ORDER"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("side", "terms", "retcode", "code"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_a_wrong_order_is_rejected_and_stays_in_the_book(
    side: Side, terms: dict[str, Any], retcode: int, code: str
) -> None:
    desk = Dealing(1.1, 1.1)
    placed = desk.order(side, "0.10", **terms)
    assert (placed.order.status, refusal(placed)) == ("REJECTED", (retcode, code))
    assert list(desk.venue.orders_after(0, 9)) == [placed]
    assert desk.deals == []
    assert desk.venue.quiet


@pytest.mark.parametrize(
    ("side", "terms"),
    [
        (BUY, {**LIMIT, "price": "1.1001"}),
        (SELL, {**LIMIT, "price": "1.1001"}),
        (BUY, {**STOP, "price": "1.1003"}),
        (SELL, {**STOP, "price": "1.0999"}),
        (BUY, {"stop_loss": "1.0999", "take_profit": "1.1001"}),
        (SELL, {"stop_loss": "1.1003", "take_profit": "1.1001"}),
    ],
)
def test_a_price_exactly_at_the_stops_level_is_accepted(side: Side, terms: dict[str, Any]) -> None:
    assert Dealing(1.1).order(side, "0.10", **terms).error_code is None


def test_closing_more_than_the_position_is_refused() -> None:
    desk = Dealing(1.1)
    desk.buy("0.10")
    assert refusal(desk.sell("0.11", position=1)) == (10038, "INVALID_VOLUME")
    assert refusal(desk.buy("0.05", position=1)) == (10035, "INVALID_ORDER")
    assert refusal(desk.sell("0.05", position=1, stop_loss="1.2")) == (10016, "INVALID_STOPS")


def test_an_order_whose_margin_exceeds_the_equity_is_refused_with_no_money() -> None:
    """10 lots at 1.1002 with leverage 100 need 11,002 USD, and the account has 10,000."""
    desk = Dealing(1.1)
    assert refusal(desk.buy("10")) == (10019, "NO_MONEY")
    assert desk.buy("9").order.status == "FILLED"
    assert desk.venue.margin == Decimal("9901.80")  # 9 x 100,000 x 1.1002 / 100, at the ask


def test_a_closing_order_is_never_refused_with_no_money() -> None:
    desk = Dealing(1.1, 1.09)
    desk.buy("9")
    desk.to(2)
    assert desk.sell("9").order.status == "FILLED"


def test_an_account_with_leverage_0_needs_no_margin() -> None:
    desk = Dealing(1.1, leverage=0)
    assert desk.buy("100").order.status == "FILLED"
    assert desk.venue.margin == 0


def test_the_profile_decides_whether_orders_outside_sessions_are_refused() -> None:
    stream = a_stream(1.1, start_ns=WEEKEND_NS)
    assert Dealing(stream=stream).buy().order.status == "FILLED"
    strict = Dealing(stream=stream, profile=FillProfile(name="strict", keeps_sessions=True))
    assert refusal(strict.buy()) == (10018, "MARKET_CLOSED")


def test_a_market_order_is_requoted_beyond_its_deviation() -> None:
    desk = Dealing(1.1)
    assert refusal(desk.buy(price="1.1000", deviation_points=19)) == (10004, "REQUOTE")
    assert desk.buy(price="1.1000", deviation_points=20).order.status == "FILLED"
    assert desk.buy(price="1.2000", deviation_points=0).order.status == "FILLED"


def test_an_account_with_another_mode_is_refused() -> None:
    desk = Dealing(1.1)
    with pytest.raises(ValueError, match="the account is netting, but hedging is requested"):
        Dealing(stream=desk.stream, store=desk.store, mode=AccountMode.HEDGING)
