"""The value of legs in floats is the exact value, or unknown where the rounding error of floats could change it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, NamedTuple

import numba
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from proto.trading.enums import AccountMode, Side
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, InstrumentLearned
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.accounting.leg_units import (
    DIRECTION,
    IS_INVERSE,
    NO_PAIR,
    PAIR,
    SYMBOL,
    leg_table,
    leg_units,
)
from services.portfolio.core.accounting.valuation import AccountValuation
from tests.support.builders import a_book, a_deal, a_deposit, an_instrument

PRICES = {"EURUSD": 1.1, "GBPUSD": 1.25, "USDJPY": 150.0, "XAUUSD": 2_000.0, "EURGBP": 0.88, "EURJPY": 165.0}
DIGITS = {"USD": 2, "JPY": 0, "EUR": 2}

compiled_leg_units: Any = numba.njit(leg_units)


class Fill(NamedTuple):
    """A deal of `hundredths` / 100 lots at `steps` price steps from the symbol's price."""

    symbol: str
    side: Side
    hundredths: int
    steps: int
    ticket: int


SYMBOLS = st.lists(st.sampled_from(list(PRICES)), min_size=1, max_size=4, unique=True)
FILLS = st.lists(
    st.builds(
        Fill,
        st.sampled_from(list(PRICES)),
        st.sampled_from(Side),
        st.integers(1, 3_000),
        st.integers(-900, 900),
        st.integers(1, 3),
    ),
    max_size=6,
)


def price_at(symbol: str, steps: float) -> float:
    """The symbol's price moved by a number of price steps; a whole number gives a price on the grid."""
    digits = an_instrument(symbol).digits
    moved = PRICES[symbol] + steps * 10.0**-digits
    return round(moved, digits) if steps == int(steps) else moved


def book_of(fills: list[Fill], currency: str, mode: AccountMode) -> Book:
    """A book with a deposit and the fills, in which every symbol is known."""
    book = a_book(symbols=list(PRICES), currency=currency, currency_digits=DIGITS[currency], account_mode=mode)
    book.apply(DealBooked(deal=a_deposit(1), order_id="", closings=[]))
    for fill in fills:
        price = str(price_at(fill.symbol, fill.steps))
        volume = str(Decimal(fill.hundredths) / 100)
        deal = a_deal(book.deal_cursor + 1, fill.side, volume, price, symbol=fill.symbol, position=fill.ticket)
        book.apply(DealBooked(deal=deal, order_id="", closings=[]))
    return book


def units_of(book: Book, marks: dict[str, Mark]) -> float | None:
    """Unrealized profit in units by `leg_units`, plain and compiled; NaN if unknown, None if it cannot be valued."""
    places = {symbol: place for place, symbol in enumerate(marks)}
    quotes = list(marks.values())
    table = leg_table(AccountValuation(book), marks, places)
    if table is None:
        return None
    total = 0.0
    for row, terms in zip(table.places.tolist(), table.terms.tolist(), strict=True):
        quote, pair = quotes[row[SYMBOL]], row[PAIR]
        pair_bid, pair_ask = (math.nan, math.nan) if pair == NO_PAIR else (quotes[pair].bid, quotes[pair].ask)
        price = quote.bid if row[DIRECTION] > 0 else quote.ask
        plain = leg_units(price, pair_bid, pair_ask, bool(row[IS_INVERSE]), *terms)
        compiled = compiled_leg_units(price, pair_bid, pair_ask, bool(row[IS_INVERSE]), *terms)
        assert repr(plain + 0.0) == repr(compiled + 0.0)
        total += plain
    return total


@given(
    fills=FILLS,
    currency=st.sampled_from(list(DIGITS)),
    mode=st.sampled_from(AccountMode),
    quoted=SYMBOLS,
    moves=st.lists(
        st.tuples(st.integers(-900, 900) | st.floats(-900, 900), st.integers(-2, 30)), min_size=6, max_size=6
    ),
)
def test_the_value_in_units_is_the_exact_value(
    fills: list[Fill], currency: str, mode: AccountMode, quoted: list[str], moves: list[tuple[float, int]]
) -> None:
    """Crossed quotes and prices between two steps are valued as well; positions of symbols without a mark are not."""
    book = book_of(fills, currency, mode)
    marks = {
        symbol: Mark(price_at(symbol, steps), price_at(symbol, steps + spread), 1)
        for symbol, (steps, spread) in zip(quoted, moves, strict=False)
    }
    exact = AccountValuation(book).unrealized_pnl(marks)
    units = units_of(book, marks)
    assert (units is None) == (exact is None)
    if units is not None and exact is not None and not math.isnan(units):
        assert Decimal(int(units)).scaleb(-DIGITS[currency]) == exact


def a_leg(volume: str, price: str, **terms: object) -> Book:
    """A long position in EURUSD with changed terms, on an account in USD."""
    book = a_book()
    book.apply(InstrumentLearned(instrument=structs.replace(an_instrument(), **terms)))
    book.apply(DealBooked(deal=a_deal(1, Side.BUY, volume, price), order_id="", closings=[]))
    return book


@pytest.mark.parametrize(
    ("volume", "opened", "bid", "units"),
    [
        ("0.01", "1.1000000", 1.1000005, 0.0),  # 0.005 of a cent
        ("0.01", "1.1000000", 1.1000045, 0.0),
        ("0.01", "1.1000000", 1.100005, 1.0),  # half a cent: away from zero
        ("0.01", "1.1000050", 1.1, -1.0),
        ("0.01", "1.1000049", 1.1, 0.0),
        ("0.03", "1.1000000", 1.100005, 2.0),  # one and a half cents
        ("5.01", "1.1000000", 1.100005, 251.0),  # 250.5 cents
        ("5.01", "1.1000050", 1.1, -251.0),
    ],
)
def test_ties_at_prices_on_the_grid_are_decided_exactly(volume: str, opened: str, bid: float, units: float) -> None:
    book, marks = a_leg(volume, opened, digits=7), {"EURUSD": Mark(bid, bid, 1)}
    assert units_of(book, marks) == units
    assert AccountValuation(book).unrealized_pnl(marks) == Decimal(int(units)).scaleb(-2)


@given(st.integers(1, 50_000), st.integers(-400, 400))
@example(1, 5)
@example(3, -5)
def test_every_value_at_prices_on_the_grid_is_known(hundredths: int, steps: int) -> None:
    book = a_leg(str(Decimal(hundredths) / 100), "1.1000000", digits=7)
    bid = round(1.1 + steps * 1e-7, 7)
    units, exact = (
        units_of(book, {"EURUSD": Mark(bid, bid, 1)}),
        AccountValuation(book).unrealized_pnl({"EURUSD": Mark(bid, bid, 1)}),
    )
    assert units is not None
    assert Decimal(int(units)).scaleb(-2) == exact


def test_a_tie_between_two_steps_is_unknown() -> None:
    book = a_leg("0.01", "1.10000")
    assert math.isnan(units_of(book, {"EURUSD": Mark(1.100005, 1.1001, 1)}) or 0.0)
    assert units_of(book, {"EURUSD": Mark(1.1000051, 1.1001, 1)}) == 1.0


def test_a_value_too_large_for_floats_is_unknown() -> None:
    book = a_leg("9000000000", "1.10000")
    assert math.isnan(units_of(book, {"EURUSD": Mark(1.2, 1.2, 1)}) or 0.0)


def test_a_flat_book_has_no_legs_and_a_position_without_a_rate_no_table() -> None:
    assert units_of(a_book(), {}) == 0.0
    book = book_of([Fill("EURGBP", Side.BUY, 10, 0, 1)], "USD", AccountMode.NETTING)
    quoted = {"EURGBP": Mark(0.879, 0.88, 1)}
    assert units_of(book, quoted) is None
    assert units_of(book, quoted | {"GBPUSD": Mark(1.25, 1.2502, 1)}) == -1250.0
