"""The costs of fills and round trips, compared with numbers computed by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from proto.gateway import DealEntry, DealKind, DealReason
from proto.trading.enums import AccountMode, Side
from services.portfolio.core.account.book import Book, closed_lots
from services.portfolio.core.account.events import DealBooked, OrderCreated
from services.portfolio.core.accounting.costs import allocate, cost_totals, fill_costs
from services.portfolio.core.accounting.round_trips import TagPnl, compute_round_trips, list_round_trips, pnl_by_tag
from tests.support.builders import a_book, a_deal, a_deposit, an_order

D = Decimal
SYMBOLS = ("EURUSD", "USDJPY", "EURGBP")


def fill(
    book: Book,
    side: Side,
    volume: str,
    price: str,
    *,
    quote: tuple[str, str] = ("1.1000", "1.1002"),
    rate: str | None = None,
    tag: str = "desk",
    symbol: str = "EURUSD",
    **deal: Any,
) -> None:
    """Book an order that was decided on a quote, and the single deal that fills it."""
    order = an_order(len(book.orders) + 1, side, volume, symbol=symbol, tag=tag)
    bid, ask = quote
    known = None if rate is None else D(rate)
    decision = structs.replace(order.decision, bid=D(bid), ask=D(ask), rate=known)
    book.apply(OrderCreated(order=structs.replace(order, decision=decision)))
    made = a_deal(book.deal_cursor + 1, side, volume, price, symbol=symbol, order_id=order.order_id, **deal)
    book.apply(DealBooked(deal=made, order_id=order.order_id, closings=closed_lots(book, made)))


def a_foreign_deal(book: Book, side: Side, volume: str, price: str, **deal: Any) -> None:
    """Book a deal without an order of the desk."""
    made = a_deal(book.deal_cursor + 1, side, volume, price, **deal)
    book.apply(DealBooked(deal=made, order_id="", closings=closed_lots(book, made)))


def a_cash_deal(book: Book, kind: DealKind, amount: str, symbol: str = "", position: int = 0) -> None:
    """Book a deal that changes no position."""
    made = a_deal(
        book.deal_cursor + 1,
        kind=kind,
        entry=DealEntry.NONE,
        volume="0",
        price="0",
        symbol=symbol,
        position=position,
        profit=D(amount),
    )
    book.apply(DealBooked(deal=made, order_id="", closings=[]))


def test_spread_and_slippage_of_a_fill_are_measured_at_the_quote_of_the_decision() -> None:
    book = a_book(symbols=SYMBOLS)
    # Half of 0.0002 on 100,000 is 10; 1.1005 is 0.0003 worse than the ask: 30.
    fill(book, Side.BUY, "1", "1.1005", commission=D("-3.50"))
    costs = fill_costs(book, book.deals[-1])
    assert (costs.spread, costs.slippage, costs.commission, costs.swap) == (D("10.00"), D("30.00"), D("3.50"), D(0))
    assert (costs.profit, costs.net, costs.tag, costs.order_id) == (D(0), D("-3.50"), "desk", an_order(1).order_id)


@pytest.mark.parametrize(
    ("side", "price", "slippage"),
    [
        (Side.BUY, "1.1002", "0.00"),
        (Side.BUY, "1.1000", "-20.00"),
        (Side.SELL, "1.1000", "0.00"),
        (Side.SELL, "1.0999", "10.00"),
        (Side.SELL, "1.1001", "-10.00"),
    ],
)
def test_slippage_is_positive_if_the_price_is_worse_than_the_quote(side: Side, price: str, slippage: str) -> None:
    book = a_book(symbols=SYMBOLS)
    fill(book, side, "1", price)
    assert fill_costs(book, book.deals[-1]).slippage == D(slippage)


@pytest.mark.parametrize(
    ("symbol", "quote", "rate", "spread"),
    [
        # 0.01 * 100,000 = 1,000 JPY for half the spread; bought with dollars at the bid: 1,000 / 150.00 = 6.67
        ("USDJPY", ("150.00", "150.02"), None, "6.67"),
        # 0.0001 * 100,000 = 10 GBP at the rate stored with the decision
        ("EURGBP", ("0.8500", "0.8502"), "1.2904", "12.90"),
        ("EURGBP", ("0.8500", "0.8502"), None, None),
        ("EURUSD", ("0", "0"), "1", None),
    ],
)
def test_costs_are_in_account_currency_or_unknown_without_a_rate(
    symbol: str, quote: tuple[str, str], rate: str | None, spread: str | None
) -> None:
    book = a_book(symbols=SYMBOLS)
    fill(book, Side.BUY, "1", quote[1] if quote[1] != "0" else "1.1", quote=quote, rate=rate, symbol=symbol)
    found = fill_costs(book, book.deals[-1])
    assert found.spread == (None if spread is None else D(spread))
    assert (found.slippage is None) is (spread is None)


def test_totals_count_fills_without_an_order_as_unquoted() -> None:
    book = a_book(symbols=SYMBOLS)
    fill(book, Side.BUY, "1", "1.1002", commission=D("-3.50"))
    a_foreign_deal(book, Side.SELL, "1", "1.0990", profit=D("-120"), swap=D("-1.25"), reason=DealReason.STOP_LOSS)
    a_cash_deal(book, DealKind.COMMISSION, "-2.00")
    a_cash_deal(book, DealKind.BALANCE, "500")
    found = cost_totals(book, book.deals)
    assert (found.spread, found.slippage, found.commission, found.swap) == (D(10), D(0), D("5.50"), D("1.25"))
    assert (found.profit, found.net, found.fills, found.unquoted) == (D(-120), D("-126.75"), 2, 1)


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        ("1.00", "1 1 1", "0.34 0.33 0.33"),
        ("-1.00", "1 1 1", "-0.34 -0.33 -0.33"),
        ("0.05", "3 1", "0.04 0.01"),
        ("0.01", "1 1", "0.01 0.00"),
        ("0.00", "1 2", "0.00 0.00"),
        ("0.005", "1 1", "0.003 0.002"),
        ("7", "1", "7"),
    ],
)
def test_an_amount_is_split_by_the_largest_remainder(amount: str, weights: str, parts: str) -> None:
    found = allocate(D(amount), [D(one) for one in weights.split()], digits=2)
    assert found == [D(one) for one in parts.split()]
    assert sum(found) == D(amount)


def test_a_round_trip_has_its_part_of_the_costs_of_both_fills() -> None:
    book = a_book(symbols=SYMBOLS)
    fill(book, Side.BUY, "0.30", "1.1003", commission=D("-1.00"), tag="trend")
    fill(book, Side.SELL, "0.10", "1.1098", quote=("1.1100", "1.1102"), commission=D("-0.35"), profit=D("95.00"))
    [trade] = list_round_trips(book)
    # Spread: a third of 3.00, and 1.00; slippage: a third of 3.00, and 2.00; commission: 0.33 of 1.00, and 0.35.
    assert (trade.spread, trade.slippage, trade.commission, trade.swap) == (D("2.00"), D("3.00"), D("0.68"), D(0))
    assert (trade.gross, trade.profit, trade.net, trade.tag) == (D("95.00"), D("95.00"), D("94.32"), "trend")
    assert (trade.opened_by, trade.closed_by, trade.direction, trade.volume) == (1, 2, 1, D("0.10"))
    [left] = compute_round_trips(book).open
    assert (left.lot.volume, left.charges.commission, left.tag) == (D("0.20"), D("0.67"), "trend")


def test_a_close_of_two_lots_makes_two_round_trips_with_profit_in_proportion_to_volume() -> None:
    book = a_book(symbols=SYMBOLS)
    fill(book, Side.BUY, "0.10", "1.0900")
    fill(book, Side.BUY, "0.20", "1.1000", tag="other")
    # The average is 1.09666...: (1.11 - 1.0966...) * 30,000 = 400.
    fill(book, Side.SELL, "0.40", "1.1100", profit=D("400.00"), commission=D("-0.04"))
    first, second = list_round_trips(book)
    assert (first.profit, second.profit) == (D("133.33"), D("266.67"))
    assert (first.gross, second.gross) == (D(200), D(200))
    assert (first.commission, second.commission) == (D("0.01"), D("0.02"))
    [opened] = compute_round_trips(book).open
    assert (opened.lot.sign, opened.lot.volume, opened.charges.commission) == (-1, D("0.10"), D("0.01"))


def test_a_swap_is_charged_to_the_lots_of_its_ticket() -> None:
    book = a_book(account_mode=AccountMode.HEDGING)
    fill(book, Side.BUY, "0.10", "1.1", position=1, tag="a")
    fill(book, Side.SELL, "0.10", "1.1", position=2, tag="b")
    a_cash_deal(book, DealKind.SWAP, "-0.65", "EURUSD", 1)
    a_cash_deal(book, DealKind.SWAP, "0.21", "EURUSD", 2)
    a_cash_deal(book, DealKind.SWAP, "-0.02", "EURUSD", 9)
    assert pnl_by_tag(book) == {"": TagPnl(swap=D("0.02")), "a": TagPnl(swap=D("0.65")), "b": TagPnl(swap=D("-0.21"))}
    fill(book, Side.SELL, "0.10", "1.12", position=1, tag="manual", profit=D(200))
    [trade] = list_round_trips(book)
    assert (trade.position, trade.tag, trade.swap, trade.net) == (1, "a", D("0.65"), D("199.35"))


def test_profit_by_tag_is_the_balance_without_deposits() -> None:
    book = a_book(symbols=SYMBOLS)
    book.apply(DealBooked(deal=a_deposit(1), order_id="", closings=[]))
    fill(book, Side.BUY, "0.10", "1.09", tag="trend", commission=D("-0.35"))
    a_foreign_deal(book, Side.SELL, "0.10", "1.10", profit=D(100), commission=D("-0.35"), reason=DealReason.TAKE_PROFIT)
    a_foreign_deal(book, Side.SELL, "0.10", "1.10")
    fill(book, Side.BUY, "0.10", "1.1002", tag="mean", profit=D("-2.00"))
    a_cash_deal(book, DealKind.COMMISSION, "-1.00")
    found = pnl_by_tag(book)
    assert found == {"": TagPnl(D("-2.00"), D("1.00")), "trend": TagPnl(D(100), D("0.70"))}
    assert sum(one.net for one in found.values()) == book.balance - D(10_000)
