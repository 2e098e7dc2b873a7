"""Views of an account: consecutive pages, page sizes, and amounts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.codec import MalformedMessageError, decode_control_reply, decode_control_request, encode
from proto.control import (
    AccountQuery,
    FillsQuery,
    LatencyQuery,
    OrdersQuery,
    PositionsQuery,
    RiskQuery,
    TradesQuery,
    WhyQuery,
)
from proto.control.views import PAGE_ROWS_MAX, AccountView, LatencyReply, OrdersReply, RiskReply
from proto.gateway import DealEntry, DealKind
from proto.latency_buckets import bucket_of
from proto.trading.enums import OrderType, Side
from proto.trading.units import MAX_FRAME_BYTES
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import (
    DealBooked,
    OrderCreated,
    OrderModifyRequested,
    OrderUpdated,
    ProtectionSet,
)
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import OrderTerms
from services.portfolio.core.account.protection import Protection
from services.portfolio.core.account.tick_cursor import Mark, TickCursor
from services.portfolio.core.accounting.round_trips import track_round_trips
from services.portfolio.core.plan.plan import Plan, Strategy
from services.portfolio.core.queries.status import status_of
from services.portfolio.core.queries.views import (
    DEALS_PER_QUERY_MAX,
    RoundTripsNotReadyError,
    account_cash,
    account_view,
    fills_page,
    orders_page,
    positions_page,
    risk_page,
    trades_page,
    view_reply,
)
from services.portfolio.core.risk.limits import DEFAULT_LIMITS
from services.portfolio.core.risk.state import Peaks, RiskState
from services.portfolio.core.risk.types import RiskContext
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.portfolio_state import compose_state
from tests.support.builders import START_NS, a_book, a_deal, a_deposit, an_order, booked_deals, some_rules

D = Decimal
CURSOR = TickCursor(stream_id="s", ordinal=9, time_ns=START_NS, marks={"EURUSD": Mark(1.2, 1.2002, START_NS)})


def with_orders(count: int, *, error: str = "") -> Book:
    """An account with orders 1 to `count`; the venue has rejected each odd one with this error."""
    book = a_book(*booked_deals(a_deposit()))
    for number in range(1, count + 1):
        order = an_order(number)
        book.apply(OrderCreated(order=order))
        if number % 2:
            book.apply(
                OrderUpdated(
                    order_id=order.order_id,
                    status=OrderStatus.REJECTED,
                    ticket=None,
                    retcode=10006,
                    code="VENUE_REFUSED",
                    error=error,
                    time_ns=START_NS,
                )
            )
    return book


def with_fills(count: int) -> Book:
    """An account with fills 2 to `count` + 1 that buy and sell in turn.

    Each SELL realizes 1 USD and costs a commission of 0.07 USD.
    """
    book = a_book(*booked_deals(a_deposit()))
    for number in range(2, count + 2):
        is_buy = number % 2 == 0
        book.apply(
            DealBooked(
                deal=a_deal(
                    number,
                    Side.BUY if is_buy else Side.SELL,
                    profit=D(0) if is_buy else D(1),
                    commission=D(0) if is_buy else D("-0.07"),
                    entry=DealEntry.IN if is_buy else DealEntry.OUT,
                ),
                order_id="",
                closings=[],
            )
        )
    return book


def order_numbers_of_all_pages(book: Book, *, limit: int = PAGE_ROWS_MAX, open_only: bool = False) -> list[int]:
    """Query all pages of orders; return the numbers of their orders."""
    found: list[int] = []
    after = 0
    while True:
        page = orders_page(book, OrdersQuery(after=after, limit=limit, open_only=open_only, newest=False))
        assert len(page.rows) <= limit
        found += [row.number for row in page.rows]
        after = page.next
        if not after:
            return found


@given(count=st.integers(0, 30), limit=st.integers(1, 12), open_only=st.booleans())
def test_consecutive_pages_contain_every_order_exactly_once(count: int, limit: int, open_only: bool) -> None:
    book = with_orders(count)
    expected = [number for number in range(1, count + 1) if number % 2 == 0 or not open_only]
    assert order_numbers_of_all_pages(book, limit=limit, open_only=open_only) == expected


@given(count=st.integers(0, 30), limit=st.integers(1, 12), after=st.integers(0, 35))
def test_a_query_for_the_newest_orders_returns_the_last_ones(count: int, limit: int, after: int) -> None:
    page = orders_page(with_orders(count), OrdersQuery(after=after, limit=limit, open_only=False, newest=True))
    assert [row.number for row in page.rows] == list(range(after + 1, count + 1))[-limit:]
    assert (page.total, page.next) == (count, 0)


def test_the_row_of_a_modified_order_has_its_current_prices() -> None:
    book = a_book(*booked_deals(a_deposit()))
    order = an_order(1, type=OrderType.LIMIT, limit_price=D("1.05"), stop_loss=D("1.04"))
    book.apply(OrderCreated(order=order))
    terms = OrderTerms(limit_price=D("1.06"), stop_loss=D("1.04"), take_profit=D("1.2"), expires_ns=0)
    book.apply(OrderModifyRequested(order_id=order.order_id, terms=terms, revision=1, time_ns=START_NS))
    (row,) = orders_page(book, OrdersQuery(after=0, limit=1, open_only=True, newest=False)).rows
    assert (row.limit_price, row.stop_loss, row.take_profit) == (D("1.06"), D("1.04"), D("1.2"))


def test_a_page_with_long_texts_has_fewer_rows_and_fits_into_a_frame() -> None:
    book = with_orders(2 * PAGE_ROWS_MAX, error="ü" * 512)
    page = orders_page(book, OrdersQuery(after=0, limit=PAGE_ROWS_MAX, open_only=False, newest=False))
    assert len(encode(page)) <= MAX_FRAME_BYTES
    assert 0 < len(page.rows) < PAGE_ROWS_MAX
    assert page.next == page.rows[-1].number
    assert order_numbers_of_all_pages(book) == list(range(1, 2 * PAGE_ROWS_MAX + 1))


def test_a_query_with_trades_only_excludes_deals_of_cash() -> None:
    book = with_fills(3)
    trades = fills_page(book, FillsQuery(after=0, limit=10, trades_only=True, newest=False))
    every = fills_page(book, FillsQuery(after=0, limit=10, trades_only=False, newest=False))
    assert [row.deal for row in trades.rows] == [2, 3, 4]
    assert [row.deal for row in every.rows] == [1, 2, 3, 4]
    assert (trades.total, every.total) == (3, 4)


@pytest.mark.parametrize("newest", [True, False])
def test_a_page_of_fills_continues_after_a_given_deal(newest: bool) -> None:
    page = fills_page(with_fills(6), FillsQuery(after=3, limit=2, trades_only=True, newest=newest))
    assert [row.deal for row in page.rows] == ([6, 7] if newest else [4, 5])
    assert page.next == (0 if newest else 5)


def test_the_slippage_of_buys_and_sells_is_positive_if_the_price_is_worse_than_the_quote() -> None:
    book = a_book(*booked_deals(a_deposit()))
    for number, side, price in ((1, Side.BUY, "1.1003"), (2, Side.SELL, "1.1003")):
        order = an_order(number, side)
        book.apply(OrderCreated(order=order))
        deal = a_deal(number + 1, side, price=price, order_id=order.order_id)
        book.apply(DealBooked(deal=deal, order_id=order.order_id, closings=[]))
    page = fills_page(book, FillsQuery(after=0, limit=10, trades_only=True, newest=False))
    assert [row.slippage for row in page.rows] == [D("0.0002"), D("-0.0002")]


def test_pages_contain_every_round_trip_once_with_charges_as_negative_cash() -> None:
    round_trips = track_round_trips(with_fills(7))
    first = trades_page(round_trips, TradesQuery(after=0, limit=2))
    rest = trades_page(round_trips, TradesQuery(after=first.next, limit=2))
    assert [(row.trade, row.open_deal, row.close_deal) for row in first.rows + rest.rows] == [
        (1, 2, 3), (2, 4, 5), (3, 6, 7),
    ]  # fmt: skip
    assert (first.total, first.next, rest.next) == (3, 2, 0)
    row = first.rows[0]
    assert (row.direction, row.profit, row.commission, row.swap, row.net) == ("LONG", D(1), D("-0.07"), D(0), D("0.93"))


def test_a_query_before_all_deals_are_processed_reports_the_progress() -> None:
    """Each query processes a part of the deals; round trips and profit by tag need all of them."""
    book = with_fills(DEALS_PER_QUERY_MAX)
    state = compose_state(
        config=some_rules(limits=DEFAULT_LIMITS), book=book, persisted=PersistedState(CURSOR), incarnation="live"
    )
    with pytest.raises(RoundTripsNotReadyError, match="5,000 of 5,001 deals"):
        view_reply(state, TradesQuery(after=0, limit=1), 0)
    complete = view_reply(state, TradesQuery(after=0, limit=1), 0)
    assert complete.total == DEALS_PER_QUERY_MAX / 2  # type: ignore[union-attr]
    restored = compose_state(config=state.config, book=book, persisted=PersistedState(CURSOR), incarnation="live")
    tags = [view_reply(restored, AccountQuery(), 0).pnl_by_tag for _ in range(2)]  # type: ignore[union-attr]
    assert tags == [None, {"": D("2325.00")}]


def test_the_row_of_a_position_has_lots_closing_price_and_stops() -> None:
    book = a_book(*booked_deals(a_deposit()))
    book.apply(DealBooked(deal=a_deal(2, Side.SELL, "0.30", "1.1"), order_id="", closings=[]))
    guard = Protection(symbol="EURUSD", position=0, tag="desk", stop_loss=D("1.3"), trailing_stop_points=50)
    book.apply(ProtectionSet(protection=guard, why="x", ordinal=1, time_ns=START_NS, bid=D("1.1"), ask=D("1.1001")))
    (row,) = positions_page(book, CURSOR, PositionsQuery(after=0, limit=1)).rows
    assert (row.direction, row.net_volume, row.close_price) == ("SHORT", D("-0.30"), D("1.2002"))
    # (1.1 - 1.2002) x 0.30 x 100,000 = -3,006.00
    assert row.unrealized_pnl == D("-3006.00")
    assert [(lot.volume, lot.price, lot.deal) for lot in row.lots] == [(D("0.30"), D("1.1"), 2)]
    assert (row.guards[0].stop_loss, row.guards[0].take_profit, row.guards[0].trailing_stop_points) == (
        D("1.3"),
        None,
        50,
    )


def test_the_money_of_an_account_equals_figures_computed_by_hand() -> None:
    book = with_fills(2)
    book.apply(DealBooked(deal=a_deal(4, Side.BUY, "0.50", "1.19"), order_id="", closings=[]))
    swap = a_deal(5, kind=DealKind.SWAP, entry=DealEntry.NONE, volume="0", price="0", swap=D("-1.20"))
    book.apply(DealBooked(deal=swap, order_id="", closings=[]))
    view = account_view(book, CURSOR, track_round_trips(book))
    # 10,000 + 1 - 0.07 - 1.20; (1.2 - 1.19) x 50,000 = 500; 50,000 EUR / 100 are 500 EUR, bought at 1.2002
    assert view.balance == D("9999.73")
    assert view.equity == D("10499.73")
    assert (view.margin, view.leverage) == (D("600.10"), 100)
    assert view.free_margin == D("9899.63")
    assert view.margin_level_pct == D("1749.66")
    # 1 - 0.07 - 1.20, under an empty tag, because the deals have no order of the desk
    assert view.pnl_by_tag == {"": D("-0.27")}
    assert view.cash == {
        "realised_profit": 1,
        "commission": D("-0.07"),
        "swap": D("-1.20"),
        "deposits": 10000,
        "corrections": 0,
    }


@given(st.lists(st.sampled_from(list(DealKind)), max_size=8), st.integers(-500, 500))
def test_the_categories_of_cash_add_up_to_the_balance(kinds: list[DealKind], cents: int) -> None:
    book = a_book(*booked_deals(a_deposit()))
    for number, kind in enumerate(kinds, 2):
        deal = a_deal(number, profit=D(cents) / 100, commission=D("-0.03"), swap=D("0.01"), kind=kind)
        book.apply(DealBooked(deal=deal, order_id="", closings=[]))
    assert sum(account_cash(book).values()) == book.balance


def test_without_a_mark_equity_and_margin_are_unknown() -> None:
    book = with_fills(1)
    view = account_view(book, TickCursor(stream_id="s"), track_round_trips(book))
    assert (view.unrealized_pnl, view.equity, view.margin, view.free_margin) == (None, None, None, None)
    assert view.balance == D(10000)


def test_each_limit_is_shown_with_its_utilization_and_headroom() -> None:
    cursor = TickCursor(stream_id="s", time_ns=START_NS, marks={"EURUSD": Mark(1.2, 1.2002, START_NS)})
    peaks = Peaks(equity=D(9900), day_high=D(9900), day_start=D(9900), high=D(10000))
    risk = RiskState(peaks=peaks, order_times_ns=[START_NS])
    found = risk_page(RiskContext(with_fills(1), cursor, DEFAULT_LIMITS, risk), RiskQuery(after=0, limit=100), START_NS)
    rows = {(row.code, row.subject, row.limit): (row.now, row.headroom) for row in found.rows}
    # The equity is 1 % below its peak, and the warning level is 3 %. One of 30 orders is used. 0.01 lots are 1,200.10
    # USD; the limit is 20 % of 990,000 USD.
    assert rows["DRAWDOWN", "", "warn / reduce only / halt at 3 % / 5 % / 7 %"] == ("1 %", "2.00 % to the next level")
    assert rows["ORDER_RATE", "", "30 a minute"] == ("1", "29 orders")
    assert rows["SYMBOL_EXPOSURE", "EURUSD", "198000 USD"] == ("1200 USD", "196800 USD")
    assert rows["ORDER_VOLUME", "", "1 lots an order opens"] == ("", "")
    assert (found.limits, found.trading_state) == ("default", "ACTIVE")


def test_every_query_except_why_is_answered_and_its_reply_survives_encoding() -> None:
    state = compose_state(
        config=some_rules(limits=DEFAULT_LIMITS),
        book=with_fills(4),
        persisted=PersistedState(CURSOR),
        incarnation="live",
    )
    queries = (
        OrdersQuery(after=0, limit=5, open_only=False, newest=False),
        FillsQuery(after=0, limit=5, trades_only=True, newest=True),
        PositionsQuery(after=0, limit=5),
        AccountQuery(),
        RiskQuery(after=3, limit=2),
        TradesQuery(after=0, limit=1),
        LatencyQuery(),
    )
    for query in queries:
        assert decode_control_request(encode(query)) == query
        reply = view_reply(state, query, 0)
        assert decode_control_reply(encode(reply)) == reply
    assert isinstance(view_reply(state, queries[0], 0), OrdersReply)
    assert isinstance(view_reply(state, queries[3], 0), AccountView)
    risk = view_reply(state, queries[4], 0)
    assert isinstance(risk, RiskReply)
    assert (len(risk.rows), risk.next) == (2, 5)
    with pytest.raises(AssertionError):
        view_reply(state, WhyQuery("1"), 0)


def test_the_latencies_are_counted_since_the_start() -> None:
    state = compose_state(
        config=some_rules(limits=DEFAULT_LIMITS),
        book=with_fills(1),
        persisted=PersistedState(CURSOR),
        incarnation="live",
    )
    state.latencies.start(7)
    for latency_ns in (1_000, 1_000, 2_000_000):
        state.latencies.tick_to_order.observe(latency_ns)
    reply = view_reply(state, LatencyQuery(), 0)
    assert isinstance(reply, LatencyReply)
    assert reply.since_mono_ns == 7
    assert reply.hops["tick_to_order"] == [(bucket_of(1_000), 2), (bucket_of(2_000_000), 1)]
    assert set(reply.hops) == set(status_of(state, 0).latency_us)
    assert [counts for name, counts in reply.hops.items() if name != "tick_to_order"] == [[], [], [], []]


def test_the_risk_page_of_a_running_desk_has_the_budgets_of_its_strategies() -> None:
    plan = Plan(strategies={"trend": Strategy(symbols=("EURUSD",), volume_max=D("0.5"))})
    state = compose_state(
        config=some_rules(plan=plan), book=with_fills(1), persisted=PersistedState(CURSOR), incarnation="live"
    )
    found = view_reply(state, RiskQuery(after=0, limit=100), 0)
    assert isinstance(found, RiskReply)
    assert [(row.subject, row.limit, row.now) for row in found.rows if row.code == "STRATEGY_VOLUME"] == [
        ("trend", "0.5 lots", "0.01 lots")
    ]


@pytest.mark.parametrize("limit", [0, PAGE_ROWS_MAX + 1])
def test_a_page_size_out_of_range_is_refused(limit: int) -> None:
    with pytest.raises(MalformedMessageError):
        decode_control_request(encode(PositionsQuery(after=0, limit=limit)))
