"""Base rules: an invalid order is denied with the code of its fault, and no order makes a check raise an exception."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.time import DAY_NS, HOUR_NS
from proto.trading.enums import OrderType, TimeInForce, TradeMode
from services.portfolio.core.risk import checks
from services.portfolio.core.risk.limits import NO_LIMITS
from services.portfolio.core.risk.types import Denial, OrderProposal
from tests.support.builders import START_NS
from tests.unit.portfolio.risk.scenes import SERVER_MIDNIGHT_NS, D, Scene, an_account, an_order_for, code, terms_of

KINDS: dict[str, dict[str, Any]] = {
    "buy at the market": {},
    "sale at the market": {"direction": -1},
    "close": {"opening_volume": D(0)},
    "buy limit": {"type": OrderType.LIMIT, "limit_price": D("1.09")},
    "sell limit": {"direction": -1, "type": OrderType.LIMIT, "limit_price": D("1.11")},
    "buy stop": {"type": OrderType.STOP, "limit_price": D("1.11")},
    "sell stop": {"direction": -1, "type": OrderType.STOP, "limit_price": D("1.09")},
}

NONSENSE: list[tuple[str, dict[str, Any]]] = [
    *(
        ("INVALID_VOLUME", {"volume": D(value)})
        for value in ("NaN", "Infinity", "-Infinity", "0", "-0.01", "0.015", "1E+999999")
    ),
    *(("INVALID_PRICE", {"price": D(value)}) for value in ("NaN", "Infinity", "0", "-1.1", "1E+999999")),
    *(("INVALID_PRICE", {"stop_loss": D(value)}) for value in ("NaN", "sNaN", "0", "-1", "1.000001")),
    *(
        ("INVALID_PRICE", {"take_profit": D(value)})
        for value in ("Infinity", "0", "1.200001", "1E+999999", "1E-999999")
    ),
    ("UNKNOWN_SYMBOL", {"instrument": terms_of("AUDUSD")}),
]

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@each_kind
def test_a_valid_order_of_each_kind_is_allowed(kind: dict[str, Any]) -> None:
    assert code(an_order_for(**kind), an_account(NO_LIMITS)) is None


@each_kind
@pytest.mark.parametrize(("expected", "wrong"), NONSENSE)
def test_invalid_values_are_denied_for_every_kind_of_order(
    kind: dict[str, Any], expected: str, wrong: dict[str, Any]
) -> None:
    assert code(an_order_for(**{**kind, **wrong}), an_account(NO_LIMITS)) == expected


@each_kind
def test_a_missing_rate_is_denied_for_every_kind_of_order(kind: dict[str, Any]) -> None:
    account = an_account(NO_LIMITS)
    del account.cursor.marks["GBPUSD"]
    del account.cursor.marks["EURUSD"]
    account = account._replace(latest_bid_ask=(0.88, 0.88002))
    limit = {"limit_price": D("0.87") if kind["limit_price"] < D("1.1") else D("0.89")} if "limit_price" in kind else {}
    order = an_order_for(symbol="EURGBP", **{**kind, **limit})
    assert code(order, account) == "NO_CONVERSION_RATE"


@pytest.mark.parametrize("confidence", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_confidence_that_is_no_probability_opens_nothing(confidence: float) -> None:
    account = an_account(NO_LIMITS)
    assert code(an_order_for(confidence=confidence), account) == "CONFIDENCE"
    assert code(an_order_for(confidence=confidence, opening_volume=D(0)), account) is None


any_number = st.decimals(allow_nan=True, allow_infinity=True) | st.sampled_from([D("1.1"), D("1.09"), D("1.11")])


@given(
    volume=any_number,
    price=any_number,
    confidence=st.floats(),
    direction=st.sampled_from([1, -1]),
    order_type=st.sampled_from(OrderType),
    limit_price=st.none() | any_number,
    stop_loss=st.none() | any_number,
    take_profit=st.none() | any_number,
    time_in_force=st.sampled_from(TimeInForce),
    expires_ns=st.integers(0, 2**62),
)
def test_no_order_makes_a_check_raise(
    volume: D,
    price: D,
    confidence: float,
    direction: int,
    order_type: OrderType,
    limit_price: D | None,
    stop_loss: D | None,
    take_profit: D | None,
    time_in_force: TimeInForce,
    expires_ns: int,
) -> None:
    """An allowed order has only finite values."""
    opens = volume if volume.is_finite() and volume > 0 else D(0)
    order = OrderProposal(terms_of("EURUSD"), direction, volume, opens, price, confidence,
                     order_type, limit_price, stop_loss, take_profit, time_in_force, expires_ns)  # fmt: skip
    denial = checks.check_order(order, an_account(), SERVER_MIDNIGHT_NS - 12 * HOUR_NS)
    if denial is None:
        assert all(value is None or value.is_finite() for value in (volume, price, limit_price, stop_loss, take_profit))


# ----------------------------------------------------------------------------- prices: EURUSD is quoted 1.10000/1.10002


@pytest.mark.parametrize(("direction", "order_type", "fine", "wrong"), [
    (1, OrderType.LIMIT, "1.10001", "1.10002"),
    (-1, OrderType.LIMIT, "1.10001", "1.1"),
    (1, OrderType.STOP, "1.10003", "1.10002"),
    (-1, OrderType.STOP, "1.09999", "1.1"),
])  # fmt: skip
def test_a_pending_price_that_would_be_executed_at_once_is_denied(
    direction: int, order_type: OrderType, fine: str, wrong: str
) -> None:
    account = an_account(NO_LIMITS)
    order = an_order_for(direction=direction, type=order_type, limit_price=D(fine))
    assert code(order, account) is None
    assert code(order._replace(limit_price=D(wrong)), account) == "INVALID_PRICE"


def test_a_pending_price_inside_the_stops_level_is_denied() -> None:
    scene = Scene().term(stops_level_points=30).propose(type=OrderType.LIMIT, limit_price=D("1.09972"))
    scene.term(stops_level_points=30)
    assert scene.denial() is None
    scene.order = scene.order._replace(limit_price=D("1.09973"))
    assert scene.denial() == Denial(
        "INVALID_PRICE", "30 points better than 1.1/1.10002", "BUY LIMIT at 1.09973, 29 points"
    )


def test_a_price_between_two_ticks_of_the_venue_is_denied() -> None:
    scene = Scene().term(tick_size=D("0.00005"))
    scene.order = scene.order._replace(type=OrderType.LIMIT, limit_price=D("1.09995"))
    assert scene.denial() is None
    scene.order = scene.order._replace(limit_price=D("1.09993"))
    assert scene.denial() == Denial("INVALID_PRICE", "a multiple of 0.00005", "price 1.09993 of EURUSD")


def test_a_pending_order_needs_a_price_and_a_market_order_has_none() -> None:
    account = an_account(NO_LIMITS)
    assert code(an_order_for(type=OrderType.STOP), account) == "INVALID_PRICE"
    assert code(an_order_for(limit_price=D("1.1")), account) == "INVALID_PRICE"


@pytest.mark.parametrize(("direction", "stop", "take"), [(1, "1.0999", "1.1001"), (-1, "1.10012", "1.09992")])
def test_stops_are_measured_from_the_touch_that_closes(direction: int, stop: str, take: str) -> None:
    """The stops level is ten points, measured from the bid for a buy and from the ask for a sell."""
    scene = Scene().term(stops_level_points=10)
    order = scene.order._replace(direction=direction, stop_loss=D(stop), take_profit=D(take))
    nearer = D("0.00001") * direction
    for requested, expected in (
        (order, None),
        (order._replace(stop_loss=D(stop) + nearer), "INVALID_STOPS"),
        (order._replace(take_profit=D(take) - nearer), "INVALID_STOPS"),
        (order._replace(stop_loss=D(take)), "INVALID_STOPS"),
        (order._replace(take_profit=D(stop)), "INVALID_STOPS"),
    ):
        scene.order = requested
        denial = scene.denial()
        assert (None if denial is None else denial.code) == expected, requested


@pytest.mark.parametrize("direction", [1, -1])
def test_a_trailing_stop_that_would_follow_nearer_than_the_stops_level_is_denied(direction: int) -> None:
    scene = Scene().term(stops_level_points=10)
    scene.order = scene.order._replace(direction=direction, trailing_stop_points=10)
    assert scene.denial() is None
    scene.order = scene.order._replace(trailing_stop_points=9)
    assert scene.denial() == Denial("INVALID_STOPS", "10 points", "trailing stop 9 points")


def test_stops_of_a_pending_order_are_measured_from_its_price() -> None:
    scene = Scene().term(stops_level_points=10)
    order = scene.order._replace(type=OrderType.STOP, limit_price=D("1.2"), stop_loss=D("1.1999"))
    scene.order = order
    assert scene.denial() is None, "above the market, but below the price of the resting order"
    scene.order = order._replace(stop_loss=D("1.19991"))
    assert scene.denial() == Denial("INVALID_STOPS", "10 points below 1.2", "stop loss 1.19991, 9 points")


def test_without_a_stops_level_a_stop_may_be_a_point_away_but_not_at_the_touch() -> None:
    account = an_account(NO_LIMITS)
    assert code(an_order_for(stop_loss=D("1.09999")), account) is None
    assert code(an_order_for(stop_loss=D("1.1")), account) == "INVALID_STOPS"


def test_stops_are_measured_from_the_latest_quote() -> None:
    account = an_account(NO_LIMITS, latest_bid_ask=(1.09, 1.0902))
    assert code(an_order_for(stop_loss=D("1.095")), account) == "INVALID_STOPS"
    assert code(an_order_for(stop_loss=D("1.085")), account) is None


@pytest.mark.parametrize("time_in_force", TimeInForce)
def test_an_immediate_limit_order_may_cross_the_market(time_in_force: TimeInForce) -> None:
    """An IOC or FOK order that crosses is filled at the market, so its stops are measured from the market."""
    account, is_at_once = an_account(NO_LIMITS), time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    order = an_order_for(type=OrderType.LIMIT, limit_price=D("1.2"), time_in_force=time_in_force)
    order = order._replace(expires_ns=START_NS + 1 if time_in_force is TimeInForce.GTD else 0)
    assert (code(order, account) is None) is is_at_once
    order = order._replace(limit_price=D("1.1"), stop_loss=D("1.09999"))
    assert code(order, account) is None
    crossing = order._replace(limit_price=D("1.2"), stop_loss=D("1.15"))
    assert code(crossing, account) == ("INVALID_STOPS" if is_at_once else "INVALID_PRICE")


@pytest.mark.parametrize("wrong", [
    {"stop_loss": D("1.2")}, {"take_profit": D("1")}, {"type": OrderType.LIMIT, "limit_price": D("1.2")},
])  # fmt: skip
def test_a_reversal_with_an_invalid_opening_part_still_closes(
    wrong: dict[str, Any],
) -> None:
    account = an_account(NO_LIMITS)
    order = an_order_for("0.02", opening_volume=D("0.01"), **wrong)
    assert code(order, account) is not None
    assert code(an_order_for("0.01", opening_volume=D(0)), account) is None


# -------------------------------------------------------------------------------------------- what the venue allows


def test_in_a_close_only_symbol_closes_are_allowed_and_openings_denied() -> None:
    scene = Scene().term(trade_mode=TradeMode.CLOSE_ONLY)
    assert scene.denial() == Denial("CLOSE_ONLY", "opening in EURUSD", "CLOSE_ONLY")
    scene.order = scene.order._replace(opening_volume=D(0))
    assert scene.denial() is None


def test_a_symbol_is_opened_only_in_its_sessions() -> None:
    """The sessions are from Monday 01:05 to Friday 23:55 on the server's clock, with a pause on Wednesday."""
    day = 24 * 60
    sessions = ((65, 2 * day + 600), (2 * day + 660, 4 * day + 23 * 60 + 55))
    scene = Scene().term(sessions=sessions)
    monday_ns = SERVER_MIDNIGHT_NS
    while (monday_ns // DAY_NS + 4) % 7 != 1:
        monday_ns += DAY_NS
    monday_ns -= DAY_NS  # the server's Monday begins on UTC's Sunday evening
    minutes = {64: False, 65: True, 2 * day + 599: True, 2 * day + 600: False, 2 * day + 660: True,
               4 * day + 23 * 60 + 54: True, 4 * day + 23 * 60 + 55: False, 5 * day: False}  # fmt: skip
    seen = {minute: scene.at(monday_ns + minute * 60_000_000_000).denial() is None for minute in minutes}
    assert seen == minutes
    denial = scene.at(monday_ns + 64 * 60_000_000_000).denial()
    assert denial == Denial("MARKET_CLOSED", "a session of EURUSD", "Monday 01:04 server time")


def test_on_a_holiday_and_after_a_contracts_expiry_positions_may_be_closed_and_not_opened() -> None:
    for terms in ({"holidays": ((START_NS, START_NS + 1),)}, {"expires_ns": START_NS}):
        scene = Scene().term(**terms)
        assert scene.denial() is not None, terms
        scene.order = scene.order._replace(opening_volume=D(0))
        assert scene.denial() is None, terms
    assert Scene().term(holidays=((START_NS - 1, START_NS),), expires_ns=START_NS + 1).denial() is None


# ----------------------------------------------------------------------------------------------------- expiry of orders


@pytest.mark.parametrize(("time_in_force", "expires_ns", "observed"), [
    (TimeInForce.GTD, 0, "no expiry"),
    (TimeInForce.GTD, 1_577_836_800_000_000_000, "2020-01-01 00:00:00.000Z"),
    (TimeInForce.GTC, 1_577_836_800_000_000_000, "GTC until 2020-01-01 00:00:00.000Z"),
    (TimeInForce.IOC, START_NS + 1_000, "IOC until 2026-01-05 08:00:00.000001Z"),
])  # fmt: skip
def test_a_missing_past_or_unsupported_expiry_is_denied_with_readable_times(
    time_in_force: TimeInForce, expires_ns: int, observed: str
) -> None:
    order = an_order_for(type=OrderType.LIMIT, limit_price=D("1.1"), time_in_force=time_in_force, expires_ns=expires_ns)
    denial = checks.check_order(order, an_account(NO_LIMITS), START_NS)
    assert denial is not None
    assert (denial.code, denial.observed) == ("INVALID_EXPIRATION", observed)
