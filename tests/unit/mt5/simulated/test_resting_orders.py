"""Resting orders: trigger, fill price and end, partial fills, and latency."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from marketdata.tick_stream import build_stream
from proto.gateway import DealEntry
from services.mt5.core.simulated.fill_model import Depth, FillProfile
from services.mt5.core.simulated.latency_model import ConstantLatency, LognormalLatency
from tests.unit.mt5.builders import SECOND_NS, START_NS, a_stream, some_rows
from tests.unit.mt5.simulated.broker_by_hand import DAY, FOK, GTC, GTD, IOC, Dealing, refusal


def test_a_limit_rests_and_is_filled_at_the_touch_that_reaches_its_price() -> None:
    """The fill price is 1.0985, because the touch is better than the limit price of 1.0990."""
    desk = Dealing(1.1, 1.0992, 1.0983, 1.1)
    placed = desk.buy_limit("1.0990")
    assert (placed.order.status, placed.order.retcode, placed.quiet) == ("ACCEPTED", 10008, False)
    desk.to(2)
    assert desk.status(placed) == "ACCEPTED"
    desk.to(4)
    filled = desk.now(placed).order
    assert (filled.status, filled.filled_price, filled.ordinal) == ("FILLED", Decimal("1.0985"), 3)
    [deal] = desk.deals
    assert (deal.stepped, deal.ordinal, deal.ticket, deal.entry) == (True, 3, 1, DealEntry.IN)
    assert desk.venue.quiet


def test_a_sell_limit_is_filled_when_the_bid_reaches_its_price() -> None:
    desk = Dealing(1.1, 1.1009, 1.1010)
    placed = desk.sell_limit("1.1010")
    desk.to(3)
    assert desk.now(placed).order.filled_price == Decimal("1.101")


def test_a_stop_order_is_filled_at_the_touch_if_the_market_gaps_through_its_price() -> None:
    desk = Dealing(1.1, 1.1009, 1.1050)
    up = desk.buy_stop("1.1020")
    desk.to(3)
    assert desk.now(up).order.filled_price == Decimal("1.1052")
    down = Dealing(1.1, 1.0900)
    placed = down.sell_stop("1.0950")
    down.to(2)
    assert down.now(placed).order.filled_price == Decimal("1.09")


def test_a_stop_order_is_triggered_by_a_touch_exactly_at_its_price() -> None:
    """The ask is two pips above the bid: 1.1020 at the second tick."""
    up = Dealing(1.1, 1.1018)
    bought = up.buy_stop("1.1020")
    up.to(2)
    assert up.now(bought).order.filled_price == Decimal("1.102")
    down = Dealing(1.1, 1.0950)
    sold = down.sell_stop("1.0950")
    down.to(2)
    assert down.now(sold).order.filled_price == Decimal("1.095")


def test_only_a_tick_of_its_symbol_triggers_an_order() -> None:
    rows = [(START_NS, 1.1, 1.1002), (START_NS + 3, 1.09, 1.0902)]
    stream = build_stream(
        [some_rows("EURUSD", rows), some_rows("GBPUSD", [(START_NS + 1, 1.3, 1.3001)])], accept_crossed=False
    )
    desk = Dealing(stream=stream)
    placed = desk.buy_limit("1.0950")
    desk.to(2)
    assert desk.status(placed) == "ACCEPTED"
    desk.to(3)
    assert desk.now(placed).order.ordinal == 3


def test_an_immediate_limit_is_filled_at_once_or_canceled() -> None:
    desk = Dealing(1.1)
    assert desk.buy_limit("1.1005", time_in_force=IOC).order.filled_price == Decimal("1.1002")
    missed = desk.buy_limit("1.0990", time_in_force=FOK)
    assert (missed.order.status, missed.error_code) == ("CANCELED", "NO_LIQUIDITY")
    assert desk.venue.quiet


def test_a_gtd_order_expires_at_the_first_tick_at_its_expiry() -> None:
    desk = Dealing(1.1, 1.1, 1.1, 1.08)
    placed = desk.buy_limit("1.0900", time_in_force=GTD, expires_ns=START_NS + 2 * SECOND_NS)
    desk.to(2)
    assert desk.status(placed) == "ACCEPTED"
    desk.to(4)
    ended = desk.now(placed)
    assert (ended.order.status, ended.error_code, ended.order.ordinal) == ("EXPIRED", "EXPIRED", 3)
    assert desk.deals == []
    assert [desk.venue.order_cursor_at(n) for n in (2, 3, 4)] == [0, 1, 1]


def test_a_day_order_expires_at_the_end_of_the_servers_day() -> None:
    """In May 17:00 in New York is 21:00 UTC; the second tick is a second before that time, and the third at it."""
    midnight_ns = (START_NS // (86_400 * SECOND_NS)) * 86_400 * SECOND_NS + 21 * 3_600 * SECOND_NS
    desk = Dealing(stream=a_stream(1.1, 1.1, 1.1, start_ns=midnight_ns - 2 * SECOND_NS))
    placed, standing = desk.buy_limit("1.09", time_in_force=DAY), desk.buy_limit("1.09", time_in_force=GTC)
    desk.to(2)
    assert desk.status(placed) == "ACCEPTED"
    desk.to(3)
    assert (desk.status(placed), desk.status(standing)) == ("EXPIRED", "ACCEPTED")


def test_a_canceled_order_is_never_filled() -> None:
    desk = Dealing(1.1, 1.08)
    placed = desk.buy_limit("1.09")
    ended = desk.venue.cancel(placed, "canceled by the client")
    assert (ended.order.status, ended.order.retcode, ended.quiet) == ("CANCELED", 10007, True)
    desk.to(2)
    assert desk.deals == []
    assert desk.venue.order_cursor_at(2) == 0


def test_a_triggered_order_without_enough_margin_is_rejected() -> None:
    desk = Dealing(1.1, 1.0898)
    placed = desk.buy_limit("1.09", "50")
    desk.to(2)
    ended = desk.now(placed)
    assert (ended.order.status, *refusal(ended)) == ("REJECTED", 10019, "NO_MONEY")
    assert desk.venue.order_cursor_at(2) == 1


# ------------------------------------------------------------------------------------------------------- partial fills

SHALLOW = FillProfile(name="shallow", depth=Depth(median_lots=0.05, sigma=0.0))


def test_an_ioc_order_is_filled_up_to_the_depth_and_a_fok_order_beyond_it_is_rejected() -> None:
    desk = Dealing(1.1, profile=SHALLOW)
    some = desk.buy("0.12", time_in_force=IOC).order
    assert (some.status, some.retcode, some.filled_volume) == ("CANCELED", 10010, Decimal("0.05"))
    none = desk.buy("0.12", time_in_force=FOK)
    assert (none.order.status, *refusal(none)) == ("REJECTED", 10006, "NO_LIQUIDITY")


def test_the_unfilled_volume_of_a_market_order_is_filled_at_later_ticks() -> None:
    desk = Dealing(1.1, 1.2, 1.3, 1.4, profile=SHALLOW)
    placed = desk.buy("0.12", time_in_force=GTC)
    assert (placed.order.status, placed.order.filled_volume) == ("PARTIALLY_FILLED", Decimal("0.05"))
    desk.to(2)
    assert desk.status(placed) == "PARTIALLY_FILLED"
    desk.to(4)
    done = desk.now(placed).order
    assert (done.status, done.filled_volume, done.ordinal) == ("FILLED", Decimal("0.12"), 3)
    assert [deal.volume for deal in desk.deals] == [Decimal("0.05"), Decimal("0.05"), Decimal("0.02")]
    assert done.filled_price == Decimal("1.175200000000")  # (1.1002 x 5 + 1.2002 x 5 + 1.3002 x 2) / 12
    assert desk.position.volume == Decimal("0.12")


def test_a_limit_is_filled_in_parts_while_the_touch_is_at_its_price_or_better() -> None:
    desk = Dealing(1.1, 1.0890, 1.1, 1.0880, profile=SHALLOW)
    placed = desk.buy_limit("1.0900", "0.08")
    desk.to(3)
    assert (desk.status(placed), desk.now(placed).order.filled_volume) == ("PARTIALLY_FILLED", Decimal("0.05"))
    desk.to(4)
    assert desk.status(placed) == "FILLED"


def test_a_canceled_order_keeps_its_filled_volume() -> None:
    desk = Dealing(1.1, 1.2, profile=SHALLOW)
    placed = desk.buy("0.12", time_in_force=GTC)
    ended = desk.venue.cancel(placed, "canceled by the client").order
    assert (ended.status, ended.filled_volume) == ("CANCELED", Decimal("0.05"))


# -------------------------------------------------------------------------------------------------------------- latency

SLOW = FillProfile(name="slow", request_latency=ConstantLatency(ms=1_500.0))
SLOW_REPLY = FillProfile(name="slow reply", reply_latency=ConstantLatency(ms=1_500.0))


ARRIVAL_NS = START_NS + 1_500_000_000


def test_a_delayed_order_is_matched_with_the_quote_at_its_arrival() -> None:
    """The order arrives at second 1.5 and gets the quote of second 1; it is processed at the tick of second 2."""
    desk = Dealing(1.1, 1.2, 1.3, profile=SLOW)
    placed = desk.buy(stop_loss="1.0")
    assert (placed.order.status, placed.order.retcode, placed.due_ns) == ("ACCEPTED", 10008, ARRIVAL_NS)
    desk.to(2)
    assert desk.status(placed) == "ACCEPTED"
    desk.to(3)
    filled = desk.now(placed).order
    assert (filled.status, filled.retcode, filled.filled_price) == ("FILLED", 10009, Decimal("1.2002"))
    assert (filled.ordinal, filled.time_ns) == (3, ARRIVAL_NS)
    [deal] = desk.deals
    assert (deal.stepped, deal.ordinal, deal.time_ns, deal.arrived_ns) == (True, 3, ARRIVAL_NS, ARRIVAL_NS)
    assert desk.position.time_ns == ARRIVAL_NS


def test_a_stop_loss_is_effective_from_the_arrival_of_its_order() -> None:
    """One tick books two deals: the buy at 1.2002 at second 1.5, and the stop loss at second 2."""
    desk = Dealing(1.1, 1.2, 1.05, profile=SLOW)
    desk.buy(stop_loss="1.06")
    desk.to(3)
    assert [(deal.price, deal.time_ns) for deal in desk.deals] == [
        (Decimal("1.2002"), ARRIVAL_NS),
        (Decimal("1.05"), START_NS + 2 * SECOND_NS),
    ]


def test_an_order_that_arrives_at_the_time_of_a_tick_is_matched_with_it() -> None:
    desk = Dealing(1.1, 1.2, profile=FillProfile(name="a second", request_latency=ConstantLatency(ms=1_000.0)))
    desk.buy()
    desk.to(2)
    assert [(deal.price, deal.time_ns) for deal in desk.deals] == [(Decimal("1.2002"), START_NS + SECOND_NS)]


def test_orders_that_arrive_between_two_ticks_are_processed_by_their_time_of_arrival() -> None:
    """Because of random latencies, the five orders do not arrive in the sequence in which they were sent."""
    rows = [(START_NS + second * SECOND_NS, 1.1, 1.1002) for second in (0, 50)]
    stream = build_stream([some_rows("EURUSD", rows)], accept_crossed=False)
    scattered = FillProfile(name="scattered", request_latency=LognormalLatency(median_ms=1_000.0, sigma=1.0))
    desk = Dealing(stream=stream, profile=scattered)
    sent = [desk.buy("0.01") for _ in range(5)]
    desk.to(2)
    assert [deal.ticket for deal in desk.deals] == sorted(range(1, 6), key=lambda ticket: sent[ticket - 1].due_ns)
    assert [deal.time_ns for deal in desk.deals] == sorted(order.due_ns for order in sent)
    assert [deal.ticket for deal in desk.deals] != [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("age_ms_max", "is_late"), [(1_499, True), (1_500, False)])
def test_an_order_that_arrives_when_the_quote_is_too_old_is_matched_with_the_next_quote(
    age_ms_max: int, is_late: bool
) -> None:
    """At the arrival the quote of second 0 is 1.5 s old; the next quote is that of second 2."""
    rows = [(START_NS + second * SECOND_NS, 1.1 + second / 10, 1.1002 + second / 10) for second in (0, 2)]
    other = [(START_NS + second * SECOND_NS, 1.3, 1.3002) for second in (0, 1)]
    late = [(START_NS + 1_600_000_000, 1.3, 1.3002)]
    stream = build_stream([some_rows("EURUSD", rows), some_rows("GBPUSD", [*other, *late])], accept_crossed=False)
    profile = structs.replace(SLOW, quote_age_ms_max=age_ms_max)
    desk = Dealing(stream=stream, profile=profile)
    desk.buy()
    desk.to(stream.last_ordinal)
    [deal] = desk.deals
    assert deal.arrived_ns == ARRIVAL_NS
    if is_late:
        assert (deal.price, deal.time_ns) == (Decimal("1.3002"), START_NS + 2 * SECOND_NS)
    else:
        assert (deal.price, deal.time_ns) == (Decimal("1.1002"), ARRIVAL_NS)


def test_the_conversion_rate_of_a_delayed_order_is_that_at_its_arrival() -> None:
    """The loss of 100,000 JPY at second 3.5 is converted at 100 JPY per USD; the rate is 200 only from second 4."""
    rows = [(START_NS + second * SECOND_NS, bid, bid) for second, bid in ((0, 150.0), (1, 150.0), (3, 149.0))]
    yen = [(START_NS + second * SECOND_NS, bid, bid) for second, bid in ((0, 100.0), (2, 100.0), (4, 200.0))]
    stream = build_stream([some_rows("EURJPY", rows), some_rows("USDJPY", yen)], accept_crossed=False)
    desk = Dealing(stream=stream, profile=SLOW, ordinal=2, leverage=0)
    desk.buy("1.00", symbol="EURJPY")
    desk.to(4)
    desk.sell("1.00", symbol="EURJPY")
    desk.to(6)
    assert [(deal.price, deal.profit) for deal in desk.deals] == [
        (Decimal(150), 0),
        (Decimal(149), Decimal("-1000.00")),
    ]


def test_a_delayed_order_is_validated_again_at_its_arrival() -> None:
    desk = Dealing(1.1, 1.2, 1.2, profile=SLOW)
    limit, deviating = desk.sell_limit("1.15"), desk.buy(price="1.1002", deviation_points=50)
    desk.to(3)
    assert refusal(desk.now(limit)) == (10015, "INVALID_PRICE")
    assert refusal(desk.now(deviating)) == (10004, "REQUOTE")
    assert desk.venue.order_cursor_at(3) == 2


def test_a_deal_reported_late_has_the_price_of_its_execution() -> None:
    desk = Dealing(1.1, 1.2, 1.3, profile=SLOW_REPLY)
    placed = desk.buy()
    assert placed.order.status == "ACCEPTED"
    desk.to(3)
    filled = desk.now(placed).order
    assert (filled.filled_price, filled.ordinal, desk.position.time_ns) == (Decimal("1.1002"), 2, START_NS)
    assert [desk.venue.deal_cursor_at(ordinal) for ordinal in (1, 2, 3)] == [1, 1, 2]
    assert [desk.venue.quiet_from(ordinal) for ordinal in (1, 2, 3)] == [False, False, True]


def test_a_deal_reported_after_the_last_tick_counts_only_at_the_end_of_the_data() -> None:
    desk = Dealing(1.1, 1.2, profile=SLOW_REPLY)
    desk.buy()
    desk.to(2)
    assert [desk.venue.deal_cursor_at(ordinal) for ordinal in (2, 3)] == [1, 2]
    assert desk.opened().deal_cursor_at(2) == 1


def test_a_delayed_close_is_refused_if_its_position_was_closed_before_its_arrival() -> None:
    desk = Dealing(1.1, 1.1, 1.1, 1.1, 1.1, 1.1, profile=SLOW)
    desk.buy("0.10")
    desk.to(3)
    first, second = desk.sell("0.10"), desk.sell("0.10", position=1)
    desk.to(6)
    assert desk.status(first) == "FILLED"
    assert refusal(desk.now(second)) == (10036, "UNKNOWN_POSITION")


def test_a_close_beyond_the_volume_left_by_delayed_closing_orders_is_refused() -> None:
    desk = Dealing(1.1, 1.1, 1.1, 1.1, 1.1, 1.1, profile=SLOW)
    desk.buy("0.10")
    desk.to(3)
    first = desk.sell("0.06", position=1)
    assert refusal(desk.sell("0.05", position=1)) == (10039, "CLOSE_ORDER_EXISTS")
    second = desk.sell("0.04", position=1)
    assert refusal(desk.sell("0.01", position=1)) == (10039, "CLOSE_ORDER_EXISTS")
    desk.to(6)
    assert [desk.status(first), desk.status(second)] == ["FILLED", "FILLED"]
    assert desk.venue.positions() == []


@pytest.mark.parametrize("profile", [SLOW, SLOW_REPLY, SHALLOW], ids=lambda profile: str(profile.name))
def test_a_book_with_an_open_order_is_not_quiet(profile: FillProfile) -> None:
    desk = Dealing(1.1, profile=profile)
    assert not desk.buy("0.12", time_in_force=GTC).quiet
    assert not desk.venue.quiet
