"""Nothing is executed outside a symbol's sessions; an order whose price the open has passed gets the opening quote."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, NamedTuple

import pytest
from msgspec import structs

from marketdata.tick_stream import build_stream
from proto.gateway import DealReason
from proto.trading.enums import AccountMode, OrderType
from services.mt5.core.simulated.fill_model import IDEAL, Depth, LimitFills
from services.mt5.core.simulated.latency_model import ConstantLatency
from tests.support.market import utc_ns
from tests.unit.mt5.builders import SECOND_NS, some_rows
from tests.unit.mt5.simulated.broker_by_hand import GTC, GTD, Dealing, refusal

D = Decimal
KEPT: Final = structs.replace(IDEAL, name="kept", keeps_sessions=True)
MODES = pytest.mark.parametrize("mode", AccountMode)


class Edge(NamedTuple):
    """A break of a symbol's trading: the last second before it, a second within it, and the first after it, in UTC."""

    symbol: str
    last: str
    closed: str
    first: str


EDGES: Final = {
    "daily break of gold, winter": Edge("XAUUSD", "2024-01-09 21:59:59", "2024-01-09 22:00:00", "2024-01-09 23:00:00"),
    "daily break of gold, end": Edge("XAUUSD", "2024-01-09 21:59:59", "2024-01-09 22:59:59", "2024-01-09 23:00:00"),
    "daily break, only New York in summer": Edge(
        "XAUUSD", "2024-03-12 20:59:59", "2024-03-12 21:30:00", "2024-03-12 22:00:00"
    ),
    "daily break, only Europe in winter": Edge(
        "XAUUSD", "2024-10-29 20:59:59", "2024-10-29 21:30:00", "2024-10-29 22:00:00"
    ),
    "weekend": Edge("EURUSD", "2024-01-12 21:59:59", "2024-01-12 22:00:00", "2024-01-14 22:00:00"),
    "Saturday": Edge("EURUSD", "2024-01-12 21:59:59", "2024-01-13 10:00:00", "2024-01-14 22:00:00"),
    "Sunday before the open": Edge("EURUSD", "2024-01-12 21:59:59", "2024-01-14 21:59:59", "2024-01-14 22:00:00"),
    "weekend on which New York's summer begins": Edge(
        "EURUSD", "2024-03-08 21:59:59", "2024-03-10 20:59:59", "2024-03-10 21:00:00"
    ),
    "weekend, only New York in summer": Edge(
        "EURUSD", "2024-03-15 20:59:59", "2024-03-17 20:59:59", "2024-03-17 21:00:00"
    ),
    "weekend on which Europe's summer ends": Edge(
        "EURUSD", "2024-10-25 20:59:59", "2024-10-27 20:59:59", "2024-10-27 21:00:00"
    ),
    "weekend on which New York's summer ends": Edge(
        "EURUSD", "2024-11-01 20:59:59", "2024-11-03 21:59:59", "2024-11-03 22:00:00"
    ),
}
EVERY_EDGE = pytest.mark.parametrize("edge", EDGES.values(), ids=EDGES.keys())
BASE: Final = {"XAUUSD": D(2000), "EURUSD": D("1.1")}
STEP: Final = {"XAUUSD": D(1), "EURUSD": D("0.001")}


def at(edge: Edge, steps: int) -> Decimal:
    """The price `steps` above the base; a step is 1 USD for gold and ten pips for EURUSD."""
    return BASE[edge.symbol] + steps * STEP[edge.symbol]


def a_desk(edge: Edge, *rows: tuple[str | int, int], mode: AccountMode, **settings: Any) -> Dealing:
    """A desk at the last tick before the break, at the base price; each row is a time and a price in steps."""
    moments: list[tuple[str | int, int]] = [(utc_ns(edge.last) - SECOND_NS, 0), (edge.last, 0), *rows]
    ticks = []
    for moment, steps in moments:
        price = float(at(edge, steps))
        ticks.append((utc_ns(moment) if isinstance(moment, str) else moment, price, price))
    stream = build_stream([some_rows(edge.symbol, ticks)], accept_crossed=False)
    settings = {"profile": KEPT, "deposit": 1_000_000, **settings}
    return Dealing(stream=stream, mode=mode, ordinal=2, **settings)


def traded(desk: Dealing) -> list[tuple[str, Decimal, int]]:
    """Reason, price and ordinal of every deal."""
    return [(deal.reason.value, deal.price, deal.ordinal) for deal in desk.deals]


CASES: Final = {
    "stop loss of a long": ("BUY", {"stop_loss": -5}, -10, DealReason.STOP_LOSS, -8),
    "take profit of a long": ("BUY", {"take_profit": 5}, 10, DealReason.TAKE_PROFIT, 8),
    "stop loss of a short": ("SELL", {"stop_loss": 5}, 10, DealReason.STOP_LOSS, 8),
    "take profit of a short": ("SELL", {"take_profit": -5}, -10, DealReason.TAKE_PROFIT, -8),
    "buy limit": ("BUY", {"type": "LIMIT", "price": -5}, -10, DealReason.CLIENT, -8),
    "sell limit": ("SELL", {"type": "LIMIT", "price": 5}, 10, DealReason.CLIENT, 8),
    "buy stop": ("BUY", {"type": "STOP", "price": 5}, 10, DealReason.CLIENT, 8),
    "sell stop": ("SELL", {"type": "STOP", "price": -5}, -10, DealReason.CLIENT, -8),
}
"""By case: side and terms of an order, quote within the break, reason of the deal, opening quote; prices in steps."""

EVERY_CASE = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
Case = tuple[str, dict[str, Any], int, DealReason, int]


def placed(desk: Dealing, edge: Edge, case: Case) -> int:
    """Place the order of a case; returns the number of deals."""
    side, terms, *_ = case
    prices = {name: at(edge, value) for name, value in terms.items() if name != "type"}
    order = desk.buy if side == "BUY" else desk.sell
    made = order("0.10", symbol=edge.symbol, type=OrderType(terms.get("type", "MARKET")), **prices)
    assert made.error_code is None, made
    return len(desk.deals)


@MODES
@EVERY_EDGE
@EVERY_CASE
def test_a_price_passed_only_by_a_quote_within_the_break_is_not_executed(
    case: Case, edge: Edge, mode: AccountMode
) -> None:
    desk = a_desk(edge, (edge.closed, case[2]), (edge.first, 0), mode=mode)
    before = placed(desk, edge, case)
    desk.to(4)
    assert len(desk.deals) == before


@MODES
@EVERY_EDGE
@EVERY_CASE
def test_a_price_passed_at_the_open_is_executed_at_the_opening_quote(case: Case, edge: Edge, mode: AccountMode) -> None:
    desk = a_desk(edge, (edge.closed, case[2]), (edge.first, case[4]), mode=mode)
    before = placed(desk, edge, case)
    desk.to(4)
    assert traded(desk)[before:] == [(case[3].value, at(edge, case[4]), 4)]
    assert desk.deals[-1].time_ns == utc_ns(edge.first)


@MODES
@EVERY_EDGE
@EVERY_CASE
def test_the_last_tick_of_a_session_executes_orders_and_stops(case: Case, edge: Edge, mode: AccountMode) -> None:
    last_ns = utc_ns(edge.last)
    desk = a_desk(edge, (last_ns + SECOND_NS - 1, case[2]), (edge.first, 0), mode=mode)
    before = placed(desk, edge, case)
    desk.to(3)
    assert traded(desk)[before:] == [(case[3].value, at(edge, case[2]), 3)]


@pytest.mark.parametrize("case", [CASES["buy limit"], CASES["take profit of a short"]])
def test_a_limit_passed_at_the_open_is_filled_at_its_price_under_limit_fills_limit(case: Case) -> None:
    """The quote is three steps (0.003) better, which is a `limit_gap` of 30 USD for 0.1 lots of EURUSD."""
    edge = EDGES["weekend"]
    profile = structs.replace(KEPT, limit_fills=LimitFills.LIMIT)
    desk = a_desk(edge, (edge.first, -8), mode=AccountMode.NETTING, profile=profile)
    placed(desk, edge, case)
    desk.to(3)
    assert (desk.deals[-1].price, desk.deals[-1].limit_gap) == (at(edge, -5), D("30.00"))


@MODES
@EVERY_EDGE
def test_an_order_that_expires_within_the_break_ends_at_the_first_tick_after_it(edge: Edge, mode: AccountMode) -> None:
    """The opening tick passes the order's price, but the order has expired and is not filled."""
    desk = a_desk(edge, (edge.closed, -10), (edge.first, -10), mode=mode)
    limit = desk.buy_limit(
        str(at(edge, -5)), symbol=edge.symbol, time_in_force=GTD, expires_ns=utc_ns(edge.last) + SECOND_NS // 2
    )
    desk.to(3)
    assert desk.status(limit) == "ACCEPTED"
    desk.to(4)
    assert (desk.status(limit), desk.now(limit).order.ordinal, desk.deals) == ("EXPIRED", 4, [])


@MODES
@EVERY_EDGE
def test_a_stop_out_waits_for_the_session(edge: Edge, mode: AccountMode) -> None:
    """The margin level is below the stop-out level within the break; resting orders stay until the stop-out."""
    profile = structs.replace(KEPT, stop_out_level_pct=D(50))
    steps = {"XAUUSD": -12, "EURUSD": -6}[edge.symbol]
    desk = a_desk(edge, (edge.closed, steps), (edge.first, steps), mode=mode, profile=profile, deposit=2_000)
    assert desk.buy("0.98" if edge.symbol == "XAUUSD" else "1.80", symbol=edge.symbol).error_code is None
    far = desk.buy_limit(str(at(edge, -900)), "0.01", symbol=edge.symbol)
    desk.to(3)
    assert (len(desk.deals), desk.status(far)) == (1, "ACCEPTED")
    desk.to(4)
    assert (desk.deals[-1].reason, desk.deals[-1].ordinal) == (DealReason.STOP_OUT, 4)
    assert desk.status(far) == "CANCELED"


def test_a_stop_out_of_one_symbol_waits_while_a_position_in_another_is_closed() -> None:
    """Gold has lost more, but has a break, so EURUSD is closed first. Gold is closed when its session opens."""
    moments = ["2024-01-09 21:59:58", "2024-01-09 21:59:59", "2024-01-09 22:10:00", "2024-01-09 23:00:01"]
    gold = [(utc_ns(when), price, price) for when, price in zip(moments, (2000.0, 2000.0, 1900.0, 1890.0), strict=True)]
    euro_moments = ["2024-01-09 21:59:57", "2024-01-09 22:20:00", "2024-01-09 23:00:00"]
    euro = [(utc_ns(when), price, price) for when, price in zip(euro_moments, (1.1, 1.09, 1.09), strict=True)]
    stream = build_stream([some_rows("EURUSD", euro), some_rows("XAUUSD", gold)], accept_crossed=False)
    profile = structs.replace(KEPT, stop_out_level_pct=D(50))
    desk = Dealing(stream=stream, profile=profile, deposit=5_000, ordinal=3)
    desk.buy("0.50", symbol="XAUUSD")
    desk.buy("0.10", symbol="EURUSD")
    desk.to(4)
    assert [(deal.symbol, deal.reason.value, deal.ordinal) for deal in desk.deals[2:]] == [("EURUSD", "STOP_OUT", 4)]
    desk.to(6)
    assert len(desk.deals) == 3
    desk.to(7)
    assert [(deal.symbol, deal.price, deal.ordinal) for deal in desk.deals[3:]] == [("XAUUSD", D(1890), 7)]


@MODES
def test_the_unfilled_volume_of_a_market_order_waits_for_the_session(mode: AccountMode) -> None:
    edge = EDGES["weekend"]
    shallow = structs.replace(KEPT, depth=Depth(median_lots=0.05, sigma=0))
    desk = a_desk(edge, (edge.closed, 1), (edge.first, 2), mode=mode, profile=shallow)
    desk.buy("0.10", symbol=edge.symbol, time_in_force=GTC)
    desk.to(4)
    assert [(deal.volume, deal.price) for deal in desk.deals] == [(D("0.05"), at(edge, 0)), (D("0.05"), at(edge, 2))]


@MODES
@EVERY_EDGE
def test_requests_within_the_break_are_refused_with_10018(edge: Edge, mode: AccountMode) -> None:
    desk = a_desk(edge, (edge.closed, 0), (edge.first, 0), mode=mode)
    desk.buy(symbol=edge.symbol)
    resting = desk.buy_limit(str(at(edge, -5)), symbol=edge.symbol)
    desk.to(3)
    assert refusal(desk.sell(symbol=edge.symbol)) == (10018, "MARKET_CLOSED")
    assert refusal(desk.buy_limit(str(at(edge, -6)), symbol=edge.symbol)) == (10018, "MARKET_CLOSED")
    held = desk.position.ticket
    stops = desk.modify(symbol=edge.symbol, position=held, revision=1, stop_loss=at(edge, -9))
    moved = desk.modify(symbol=edge.symbol, order_id="A-2", revision=2, price=at(edge, -6))
    assert [(one.retcode, one.error_code) for one in (stops, moved)] == [(10018, "MARKET_CLOSED")] * 2
    assert desk.status(resting) == "ACCEPTED"
    desk.to(4)
    assert desk.modify(symbol=edge.symbol, position=held, revision=3, stop_loss=at(edge, -9)).retcode == 10009


@MODES
@EVERY_EDGE
def test_an_order_that_arrives_within_the_break_is_validated_at_the_next_tick(edge: Edge, mode: AccountMode) -> None:
    """If the next tick is at the open, the order is filled; if the next tick is within the break, it is refused."""
    slow = structs.replace(KEPT, request_latency=ConstantLatency(ms=1_000.0))
    at_open = a_desk(edge, (edge.first, 3), mode=mode, profile=slow)
    at_open.buy(symbol=edge.symbol)
    at_open.to(3)
    assert traded(at_open) == [("CLIENT", at(edge, 3), 3)]
    assert at_open.deals[0].time_ns == utc_ns(edge.first) > at_open.deals[0].arrived_ns
    within = a_desk(edge, (utc_ns(edge.last) + 2 * SECOND_NS, 0), (edge.first, 3), mode=mode, profile=slow)
    sent = within.buy(symbol=edge.symbol)
    within.to(4)
    assert refusal(within.now(sent)) == (10018, "MARKET_CLOSED")
