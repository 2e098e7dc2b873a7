"""The value of open positions, compared to the cent with numbers computed by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from proto.trading.enums import Side
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, LeverageChanged
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.accounting.valuation import (
    AccountValuation,
    can_convert,
    total_unrealized_pnl,
    unrealized_pnl,
)
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.portfolio_state import compose_state
from tests.support.builders import (
    a_book,
    a_deal,
    a_deposit,
    an_instrument,
    an_instrument_learned,
    an_opened_stream,
    some_rules,
)

D = Decimal
MARKS = {
    "EURUSD": Mark(1.1000, 1.1002, 1),
    "USDJPY": Mark(150.00, 150.02, 1),
    "EURGBP": Mark(0.8500, 0.8502, 1),
    "EURJPY": Mark(165.00, 165.03, 1),
    "GBPUSD": Mark(1.2900, 1.2904, 1),
}


def holding(book: Book, symbol: str, side: Side, volume: str, price: str) -> Book:
    """Return the book after one more deal."""
    deal = a_deal(book.deal_cursor + 1, side, volume, price, symbol=symbol)
    book.apply(DealBooked(deal=deal, order_id="", closings=[]))
    return book


@pytest.mark.parametrize(
    ("currency", "digits", "symbols", "symbol", "side", "price", "worth"),
    [
        # 0.1 lots of EURUSD from 1.0990 closed at the bid 1.1000: 10 USD.
        ("USD", 2, ("EURUSD",), "EURUSD", Side.BUY, "1.0990", "10.00"),
        # A short from 1.0990 closes at the ask 1.1002: -12 USD.
        ("USD", 2, ("EURUSD",), "EURUSD", Side.SELL, "1.0990", "-12.00"),
        # The gain of 10 USD is sold for EUR at the ask: 10 / 1.1002 = 9.0892...
        ("EUR", 2, ("EURUSD",), "EURUSD", Side.BUY, "1.0990", "9.09"),
        # The loss of 12 USD is bought with EUR at the bid: 12 / 1.1000 = 10.9090...
        ("EUR", 2, ("EURUSD",), "EURUSD", Side.SELL, "1.0990", "-10.91"),
        # 10 USD at the bid 150.00 and -12 USD at the ask 150.02, in whole yen: 1500, and -1800 for -1800.24.
        ("JPY", 0, ("EURUSD", "USDJPY"), "EURUSD", Side.BUY, "1.0990", "1500"),
        ("JPY", 0, ("EURUSD", "USDJPY"), "EURUSD", Side.SELL, "1.0990", "-1800"),
        # USDJPY from 149.50 to the bid 150.00: 5000 JPY / 150.02 = 33.3288... USD.
        ("USD", 2, ("USDJPY",), "USDJPY", Side.BUY, "149.50", "33.33"),
        # USDJPY short from 149.50 to the ask 150.02: -5200 JPY / 150.00 = -34.6666... USD.
        ("USD", 2, ("USDJPY",), "USDJPY", Side.SELL, "149.50", "-34.67"),
        # -5200 JPY in EUR at 1 / 165.00 = -31.5151...; only the inverse pair, EURJPY, is quoted.
        ("EUR", 2, ("USDJPY", "EURJPY"), "USDJPY", Side.SELL, "149.50", "-31.52"),
        ("JPY", 0, ("USDJPY",), "USDJPY", Side.SELL, "149.50", "-5200"),
        # EURGBP from 0.8400 to the bid 0.8500: 100 GBP * 1.2900 = 129 USD.
        ("USD", 2, ("EURGBP", "GBPUSD"), "EURGBP", Side.BUY, "0.8400", "129.00"),
        # EURGBP short from 0.8400 to the ask 0.8502: -102 GBP * 1.2904 = -131.6208 USD.
        ("USD", 2, ("EURGBP", "GBPUSD"), "EURGBP", Side.SELL, "0.8400", "-131.62"),
        # 100 GBP / 0.8502 = 117.6193... EUR.
        ("EUR", 2, ("EURGBP",), "EURGBP", Side.BUY, "0.8400", "117.62"),
    ],
)
def test_a_position_is_valued_at_the_proceeds_of_its_close(
    currency: str, digits: int, symbols: tuple[str, ...], symbol: str, side: Side, price: str, worth: str
) -> None:
    book = holding(a_book(symbols=symbols, currency=currency, currency_digits=digits), symbol, side, "0.1", price)
    value = unrealized_pnl(symbol, book, MARKS)
    assert str(value) == worth
    assert total_unrealized_pnl(book, MARKS) == D(worth)


def test_the_total_is_the_sum_of_the_rounded_values_of_positions() -> None:
    book = a_book(symbols=["EURUSD", "USDJPY"])
    holding(book, "EURUSD", Side.BUY, "0.1", "1.0990")
    holding(book, "USDJPY", Side.SELL, "0.1", "149.50")
    assert total_unrealized_pnl(book, MARKS) == D("10.00") - D("34.67")


def test_a_flat_book_has_value_zero_without_marks() -> None:
    book = a_book(symbols=["EURUSD"])
    assert unrealized_pnl("EURUSD", book, {}) == 0
    assert total_unrealized_pnl(book, {}) == 0


def test_without_a_mark_or_a_rate_the_value_is_unknown() -> None:
    book = holding(a_book(symbols=["EURUSD", "EURGBP"]), "EURGBP", Side.BUY, "0.1", "0.84")
    assert unrealized_pnl("EURGBP", book, {}) is None
    assert unrealized_pnl("EURGBP", book, MARKS) is None
    assert total_unrealized_pnl(book, MARKS) is None


def test_profit_can_be_converted_as_soon_as_a_pair_is_quoted() -> None:
    book = a_book(symbols=["USDJPY", "EURGBP"])
    assert not can_convert(an_instrument("USDJPY"), book, {})
    assert can_convert(an_instrument("USDJPY"), book, MARKS)
    assert not can_convert(an_instrument("EURGBP"), book, MARKS)
    assert can_convert(an_instrument("EURUSD"), book, {})


def test_a_kept_valuation_follows_the_events_of_the_account() -> None:
    """Equity and margin at the same marks change with each deal, and with the account's leverage."""
    state = compose_state(
        config=some_rules("EURUSD"), book=Book(), persisted=PersistedState(), incarnation="live", boot_id="test"
    )
    account = state.account
    found = []
    for event in (
        an_opened_stream(leverage=100),
        an_instrument_learned(),
        DealBooked(deal=a_deposit(1), order_id="", closings=[]),
        DealBooked(deal=a_deal(2, Side.BUY, "0.1", "1.0990"), order_id="", closings=[]),
        LeverageChanged(leverage=50, time_ns=1),
        DealBooked(deal=a_deal(3, Side.SELL, "0.3", "1.1000", profit=D(10)), order_id="", closings=[]),
    ):
        account.emit(event)
        found.append((str(account.valuation.equity(MARKS)), str(account.valuation.margin(MARKS))))
        assert account.valuation.equity(MARKS) == AccountValuation(account.book).equity(MARKS)
    assert found == [
        ("0", "0"),
        ("0", "0"),
        ("10000", "0"),
        ("10010.00", "110.02"),
        ("10010.00", "220.04"),
        ("10006.00", "440.08"),
    ]
