"""The simulated broker: fills, cash, conversion, rejections in the book, and restarts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.tick_stream import TickStream, build_stream
from proto.gateway import DealEntry, DealKind, ErrorCode, OrderReplyStatus
from proto.trading.enums import Side
from services.mt5.core.ports.order_request import VenueOrderRequest
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.core.simulated.book_store import BookStore, MemoryBookStore
from services.mt5.core.simulated.venue import SimulatedVenue, VenueSetupError
from tests.unit.mt5.builders import SECOND_NS, START_NS, a_stream, some_rows


def a_venue(
    stream: TickStream | None = None,
    *,
    store: BookStore | None = None,
    stream_id: str = "stream-1",
    currency: str = "USD",
    symbols: dict[str, str] | None = None,
    ordinal: int = 1,
) -> SimulatedVenue:
    venue = SimulatedVenue(
        stream=stream or a_stream(1.1000, 1.1010, 1.1020),
        stream_id=stream_id,
        store=store or MemoryBookStore(),
        symbols=SymbolMap(symbols),
        terms=AccountTerms(Decimal(10_000), currency),
    )
    venue.step_to(ordinal)
    return venue


def two_pairs(*, first: str, second: str) -> TickStream:
    """A stream with quotes 100/101 and 110/111 of the first symbol, and 2.0/2.5 of the second between them."""
    return build_stream(
        [
            some_rows(first, [(START_NS, 100.0, 101.0), (START_NS + 2, 110.0, 111.0)]),
            some_rows(second, [(START_NS + 1, 2.0, 2.5)]),
        ],
        accept_crossed=False,
    )


def trade(venue: SimulatedVenue, side: Side, volume: str, symbol: str = "EURUSD", order_id: str = "A-1") -> Decimal:
    """Execute a market order; returns the profit of its deal."""
    placed = venue.place(VenueOrderRequest(magic=1, comment=order_id, symbol=symbol, side=side, volume=Decimal(volume)))
    assert placed.order.status is OrderReplyStatus.FILLED, placed
    return venue.deals_after(placed.order.deal - 1, 1)[0].profit


def test_the_first_deal_is_the_deposit() -> None:
    venue = a_venue()
    [deal] = venue.deals_after(0, 10)
    assert (deal.deal, deal.kind) == (1, DealKind.BALANCE)
    assert deal.cash == venue.balance == 10_000


def test_a_buy_fills_at_the_ask_and_a_sell_at_the_bid_of_the_books_tick() -> None:
    venue = a_venue()
    buy = venue.place(
        VenueOrderRequest(magic=1, comment="A-1", symbol="EURUSD", side=Side.BUY, volume=Decimal("0.10"))
    ).order
    venue.step_to(2)
    sell = venue.place(
        VenueOrderRequest(magic=2, comment="A-2", symbol="EURUSD", side=Side.SELL, volume=Decimal("0.10"))
    ).order
    assert (buy.filled_price, buy.time_ns, buy.ordinal) == (Decimal("1.1002"), START_NS, 1)
    assert (sell.filled_price, sell.time_ns, sell.ordinal) == (Decimal("1.101"), START_NS + SECOND_NS, 2)
    assert venue.balance == Decimal("10008.00")  # 0.0008 x 0.1 x 100,000
    assert venue.positions() == []


def test_tickets_deals_and_positions_are_numbered_separately() -> None:
    venue = a_venue()
    trade(venue, Side.BUY, "0.02")
    trade(venue, Side.SELL, "0.05")
    orders, deals = venue.orders_after(0, 10), venue.deals_after(0, 10)
    assert [row.order.ticket for row in orders] == [1, 2]
    assert [(deal.deal, deal.ticket) for deal in deals] == [(1, 0), (2, 1), (3, 2)]
    assert [deal.entry for deal in deals[1:]] == [DealEntry.IN, DealEntry.INOUT]
    assert [position.ticket for position in venue.positions()] == [2]


def test_equity_values_a_position_at_its_closing_side_of_the_quote() -> None:
    venue = a_venue()
    trade(venue, Side.BUY, "0.10")
    assert venue.equity == Decimal("9998.00")  # bought at 1.1002, the bid is 1.1000
    [position] = venue.positions()
    assert position.profit == Decimal("-2.00")
    venue.step_to(3)
    assert venue.equity == Decimal("10018.00")


@pytest.mark.parametrize("volume", ["0", "-0.01", "0.001", "0.015", "100.01", "1e12"])
def test_a_volume_outside_the_terms_is_rejected_and_stays_in_the_book(volume: str) -> None:
    venue = a_venue()
    placed = venue.place(
        VenueOrderRequest(magic=1, comment="A-1", symbol="EURUSD", side=Side.BUY, volume=Decimal(volume))
    )
    assert (placed.order.status, placed.order.retcode) == (OrderReplyStatus.REJECTED, 10014)
    assert placed.error_code is ErrorCode.INVALID_VOLUME
    assert placed.deal_cursor == 1
    assert list(venue.orders_after(0, 10)) == [placed]
    assert venue.deal_count == 1


def test_a_symbol_that_is_not_quoted_yet_is_rejected() -> None:
    venue = a_venue(two_pairs(first="USDJPY", second="EURUSD"))
    placed = venue.place(VenueOrderRequest(magic=1, comment="A-1", symbol="EURUSD", side=Side.BUY, volume=Decimal(1)))
    assert (placed.order.retcode, placed.error_code) == (10021, ErrorCode.NO_QUOTE)


def test_an_order_without_a_conversion_rate_for_its_profit_is_rejected() -> None:
    """The profit of EURGBP is in GBP, and the stream has no pair of GBP and USD."""
    venue = a_venue(a_stream(0.85, symbol="EURGBP"))
    placed = venue.place(VenueOrderRequest(magic=1, comment="A-1", symbol="EURGBP", side=Side.BUY, volume=Decimal(1)))
    assert placed.error_code is ErrorCode.NO_CONVERSION_RATE
    assert "GBP" in placed.order.reason


def test_profit_in_another_currency_is_converted_at_the_tick_of_the_deal() -> None:
    """A gain in JPY is converted at the ask of USDJPY: 900,000 / 111."""
    venue = a_venue(two_pairs(first="USDJPY", second="EURUSD"))
    assert trade(venue, Side.BUY, "1", "USDJPY") == 0  # at 101
    venue.step_to(3)  # bid 110
    assert trade(venue, Side.SELL, "1", "USDJPY") == Decimal("8108.11")  # 900,000 / 111


def test_a_loss_in_another_currency_is_converted_at_the_bid() -> None:
    """The loss in USD is converted to EUR at the bid of EURUSD."""
    venue = a_venue(a_stream(1.2500, 1.2400, spread=0.01), currency="EUR")
    trade(venue, Side.BUY, "1")  # at 1.26
    venue.step_to(2)
    assert trade(venue, Side.SELL, "1") == Decimal("-1612.90")  # -2000 / 1.24


def test_profits_of_an_account_in_jpy_have_no_decimals() -> None:
    venue = a_venue(a_stream(100.001, 100.3456, symbol="USDJPY", spread=0.01), currency="JPY")
    trade(venue, Side.BUY, "0.01", "USDJPY")
    venue.step_to(2)
    assert trade(venue, Side.SELL, "0.01", "USDJPY") == Decimal("335")  # 0.3346 x 1,000 = 334.6


def test_a_fill_price_has_no_float_error() -> None:
    venue = a_venue(a_stream(0.1 + 0.2))
    placed = venue.place(
        VenueOrderRequest(magic=1, comment="A-1", symbol="EURUSD", side=Side.SELL, volume=Decimal("0.01"))
    )
    assert placed.order.filled_price == Decimal("0.3")


def test_the_book_has_the_brokers_symbol_names() -> None:
    venue = a_venue(symbols={"EURUSD": "EURUSD.m"})
    trade(venue, Side.BUY, "0.01", "EURUSD.m")
    assert [position.symbol for position in venue.positions()] == ["EURUSD.m"]


def test_a_step_back_has_no_effect_and_a_step_past_the_end_stops_at_the_last_tick() -> None:
    venue = a_venue(ordinal=2)
    venue.step_to(1)
    assert venue.ordinal == 2
    venue.step_to(99)
    assert (venue.ordinal, venue.time_ns) == (3, START_NS + 2 * SECOND_NS)


def test_the_deal_cursor_at_a_tick_does_not_count_deals_of_commands_at_that_tick() -> None:
    venue = a_venue()
    trade(venue, Side.BUY, "0.01")
    venue.step_to(3)
    trade(venue, Side.BUY, "0.01")
    assert [venue.deal_cursor_at(n) for n in (1, 2, 3, 4)] == [1, 2, 2, 3]


def test_an_account_keeps_cash_and_positions_in_a_later_stream() -> None:
    store = MemoryBookStore()
    first = a_venue(store=store, ordinal=3)
    trade(first, Side.BUY, "0.10")
    later = a_stream(1.2000, 1.2010, start_ns=START_NS + 60 * SECOND_NS)
    second = a_venue(later, store=store, stream_id="stream-2", ordinal=0)
    assert (second.ordinal, second.deal_count) == (0, 2)
    second.step_to(1)
    assert second.deal_cursor_at(1) == 2  # the deals of the earlier stream
    trade(second, Side.SELL, "0.10")
    assert second.balance == Decimal("10978.00")  # 1.2000 - 1.1022
    assert [second.deal_cursor_at(n) for n in (1, 2)] == [2, 3]


def test_a_stream_that_begins_before_the_end_of_the_book_is_refused_with_both_times() -> None:
    store = MemoryBookStore()
    first = a_venue(store=store, ordinal=3)
    first.checkpoint()
    with pytest.raises(VenueSetupError, match=r"begin at 2014-05-13T16:53:22\.0.*later than 2014-05-13T16:53:22\.0"):
        a_venue(a_stream(1.2, start_ns=START_NS + 2 * SECOND_NS), store=store, stream_id="stream-2")


def test_an_account_in_another_currency_is_refused() -> None:
    store = MemoryBookStore()
    a_venue(store=store)
    with pytest.raises(VenueSetupError, match=r"currency is USD, but EUR"):
        a_venue(store=store, currency="EUR")


def test_a_symbol_that_the_broker_does_not_trade_is_refused() -> None:
    with pytest.raises(VenueSetupError, match="does not trade AAPL"):
        a_venue(a_stream(100.0, symbol="AAPL"))


def test_a_stream_shorter_than_the_book_is_refused() -> None:
    store = MemoryBookStore()
    a_venue(store=store, ordinal=3).checkpoint()
    with pytest.raises(VenueSetupError, match="is at tick 3"):
        a_venue(a_stream(1.1), store=store)


moves = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(Side), st.sampled_from(["0.01", "0.03", "0.07", "0.015"])), max_size=25
)


@given(moves=moves)
def test_a_venue_restarted_before_each_order_has_the_book_of_one_never_restarted(
    moves: list[tuple[int, Side, str]],
) -> None:
    stream = a_stream(*(1.1 + n / 1000 for n in range(60)))
    kept, restarted = a_venue(stream), a_venue(stream)
    store = MemoryBookStore()
    restarted = a_venue(stream, store=store)
    for number, (steps, side, volume) in enumerate(moves):
        kept.step_to(kept.ordinal + steps)
        restarted = a_venue(stream, store=store, ordinal=kept.ordinal)
        for venue in (kept, restarted):
            venue.place(
                VenueOrderRequest(
                    magic=number, comment=f"A-{number}", symbol="EURUSD", side=side, volume=Decimal(volume)
                )
            )
    assert restarted.state_hash() == kept.state_hash()
    assert a_venue(stream, store=store).state_hash() == kept.state_hash()
    assert restarted.equity == kept.equity


@given(moves=moves)
def test_the_balance_is_the_sum_of_deals_and_the_position_the_sum_of_signed_volumes(
    moves: list[tuple[int, Side, str]],
) -> None:
    venue = a_venue(a_stream(*(1.1 + n / 1000 for n in range(60))))
    for number, (steps, side, volume) in enumerate(moves):
        venue.step_to(venue.ordinal + steps)
        venue.place(
            VenueOrderRequest(magic=number, comment=f"A-{number}", symbol="EURUSD", side=side, volume=Decimal(volume))
        )
    deals = venue.deals_after(0, 100)
    assert venue.balance == sum(deal.cash for deal in deals)
    net = sum(deal.volume * Side(deal.kind.value).sign for deal in deals[1:])
    assert net == sum(position.volume * position.side.sign for position in venue.positions())
    assert [deal.deal for deal in deals] == list(range(1, len(deals) + 1))
