"""The invariants of the book are checked after each deal, and a violation halts trading."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from msgspec import structs

from proto.control import TradingState
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.cash import CashAccount
from services.portfolio.core.account.position import Leg, Lot, Position
from services.portfolio.core.accounting.invariants import find_any_violation, find_violation
from tests.support.builders import a_gateway, a_signal, a_stream, an_order
from tests.support.desk_harness import DeskHarness

D = Decimal
ORDER = an_order(1).order_id


def a_desk() -> DeskHarness:
    """Return a desk that has bought 0.01 lots of EURUSD and can sell them at the next signal."""
    driven = DeskHarness(a_gateway(a_stream((1.1, 1.1001), (1.101, 1.1011))))
    driven.run_up()
    driven.gateway.on_timer(driven.now)
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    assert driven.state.account.book.position("EURUSD").net_volume == D("0.01")
    return driven


def _balance(book: Book) -> None:
    book.balance += D("0.01")


def _entry(book: Book) -> None:
    book.cash[CashAccount.SWAP] = D("-0.01")


def _fills(book: Book) -> None:
    book.filled_of_symbol["EURUSD"] += D("0.02")


def _lot(book: Book) -> None:
    lots = [Lot(D("0.03"), D("1.1"), "2", 1, 1)]
    book.positions["EURUSD"] = Position("EURUSD", D(100_000), lots, [Leg(0, 1, D("0.03"), D("0.033"), 1)])


def _forgotten(book: Book) -> None:
    del book.positions["EURUSD"]


def _leg(book: Book) -> None:
    lots = [Lot(D("0.01"), D("1.1001"), "2", 1, 1, position=4)]
    book.positions["EURUSD"] = Position("EURUSD", D(100_000), lots, [Leg(5, 1, D("0.01"), D("0.011001"), 1)])


def _order(book: Book) -> None:
    book.orders[ORDER] = structs.replace(book.orders[ORDER], filled_volume=D("0.02"))


def _overfilled(book: Book) -> None:
    book.orders[ORDER] = structs.replace(book.orders[ORDER], volume=D("0.005"))


def _missing_order(book: Book) -> None:
    del book.orders[ORDER]


TAMPERED = pytest.mark.parametrize(
    ("alter", "message"),
    [
        (_balance, "cash: the balance is 10000.01, expected 10000, the sum of the postings to CASH"),
        (_entry, "cash: the sum of all postings is -0.01, expected 0, because postings sum to zero"),
        (_fills, "position of EURUSD: the volume of its lots is 0.01, expected 0.03, the sum of its fills"),
        (_lot, "position of EURUSD: the volume of its lots is 0.03, expected 0.01, the sum of its fills"),
        (_forgotten, "position of EURUSD: the net volume is 0, expected 0.01, the sum of its fills"),
        (
            _leg,
            "position of EURUSD, ticket 5: its volume minus its lots is 0.01, expected 0, "
            "because its lots add up to its volume",
        ),
        (_order, f"order {ORDER}: its filled volume is 0.02, expected 0.01, the sum of its deals"),
        (_overfilled, f"order {ORDER}: the sum of its deals is 0.01, expected at most its volume 0.005"),
        (_missing_order, f"order {ORDER}: the filled volume in the ledger is 0, expected 0.01, the sum of its deals"),
    ],
)


def test_a_correct_book_violates_no_invariant() -> None:
    book = a_desk().state.account.book
    assert find_violation(book, ["EURUSD"], [ORDER]) == find_any_violation(book) == find_any_violation(Book()) == ""


@TAMPERED
def test_a_violated_invariant_is_reported_with_both_values(alter: Callable[[Book], None], message: str) -> None:
    book = a_desk().state.account.book
    alter(book)
    assert find_violation(book, ["EURUSD"], [ORDER]) == find_any_violation(book) == message


def test_only_cash_and_the_given_orders_and_symbols_are_checked() -> None:
    book = a_desk().state.account.book
    _fills(book)
    _overfilled(book)
    assert find_violation(book) == find_violation(book, ["GBPUSD"], []) == ""
    _entry(book)
    assert find_violation(book).startswith("cash")


@pytest.mark.parametrize("alter", [_balance, _entry, _fills])
def test_a_deal_on_an_inconsistent_book_halts_trading_with_the_reason(alter: Callable[[Book], None]) -> None:
    driven = a_desk()
    alter(driven.state.account.book)
    assert driven.state.account.book.trading_state is TradingState.ACTIVE
    driven.answer_all(driven.deliver(a_signal(2, -1, bid=1.101, ask=1.1011)))
    trading = driven.state.account.book.trading
    assert trading is not None
    assert (trading.state, trading.by) == (TradingState.HALTED, "invariants")
    assert [(cause.code, cause.text) for cause in trading.causes] == [
        ("LEDGER_INVARIANT", find_violation(driven.state.account.book, ["EURUSD"]))
    ]


def test_correct_trading_is_not_halted() -> None:
    driven = a_desk()
    driven.answer_all(driven.deliver(a_signal(2, -1, bid=1.101, ask=1.1011)))
    assert driven.state.account.book.trading_state is TradingState.ACTIVE
