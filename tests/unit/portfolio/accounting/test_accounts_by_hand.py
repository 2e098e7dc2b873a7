"""Positions, profit, charges and value of sixty accounts, compared to the cent with values computed by hand.

Each account begins with 10,000 (1,000,000 in yen). A row of `accounting_table.txt` has its deals, each with the cash
that the venue reported: `p` profit, `c` commission, `s` swap. `#` is the ticket on a hedging account. Lots are written
as `L` (bought) or `S` (sold) and volume@price. Conversion and valuation use the quotes `MARKS`. The calculation is
written above each row of the table. For a deal that closes lots, `p` is also compared with the shared formulas.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec import structs

from proto.gateway import DealEntry, DealKind, DealReason, VenueDeal
from proto.time import DAY_NS
from proto.trading.cost_basis import CostBasis, add_to_cost_basis, gross_profit_at
from proto.trading.enums import AccountMode, Side
from proto.trading.money import commission_of, conversion_rate
from proto.trading.units import decimal_text, round_money
from services.mt5.core.simulated.fill_model import REALISTIC
from services.mt5.core.simulated.latency_model import NO_LATENCY
from services.mt5.core.simulated.swap import Holding, swap_of
from services.portfolio.core.account.book import Book, closed_lots
from services.portfolio.core.account.cash import CashAccount, cash_by_category
from services.portfolio.core.account.events import DealBooked
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.accounting.invariants import find_any_violation
from services.portfolio.core.accounting.round_trips import compute_round_trips
from services.portfolio.core.accounting.valuation import MarkQuotes, total_unrealized_pnl
from tests.support.builders import a_book, a_deal, a_deposit, an_instrument
from tests.support.market import utc_ns
from tests.unit.mt5.simulated.broker_by_hand import Dealing

D = Decimal

TABLE_FILE = Path(__file__).with_name("accounting_table.txt")
MARKS = {
    "EURUSD": Mark(1.1000, 1.1002, 1),
    "USDJPY": Mark(150.00, 150.02, 1),
    "EURJPY": Mark(165.00, 165.03, 1),
    "GBPUSD": Mark(1.2900, 1.2904, 1),
    "GBPJPY": Mark(193.50, 193.56, 1),
    "EURGBP": Mark(0.8500, 0.8502, 1),
    "XAUUSD": Mark(2000.00, 2000.50, 1),
}


class Case(NamedTuple):
    """One account of the table: its deals, the expected lots, and the expected amounts."""

    name: str
    currency: str
    mode: AccountMode
    deals: tuple[str, ...]
    lots: str
    realized: str
    commission: str
    swap: str
    balance: str
    unrealized: str


def read_table() -> list[Case]:
    """Return the rows of the table, without its heading."""
    lines = TABLE_FILE.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.strip() and not line.startswith("#")]
    return [_case(*(cell.strip() for cell in row.split("|"))) for row in rows[1:]]


def _case(name: str, kept_in: str, deals: str, lots: str, *amounts: str) -> Case:
    currency, mode = kept_in.split()
    realized, commission, swap, balance, unrealized = amounts
    texts = tuple(deal.strip() for deal in deals.split(";"))
    return Case(name, currency, AccountMode(mode.upper()), texts, lots, realized, commission, swap, balance, unrealized)


CASES = read_table()
DEPOSIT = {"JPY": "1000000"}
DIGITS = {"JPY": 0}


def deal_of(number: int, row: str) -> VenueDeal:
    """Return a deal of the table as the venue would report it."""
    what, *tokens = row.split()
    amounts = dict(word.split("=") for word in tokens if "=" in word)
    cash: dict[str, Any] = {
        name: D(amounts.get(key, "0")) for key, name in (("p", "profit"), ("c", "commission"), ("s", "swap"))
    }
    position = next((int(word[1:]) for word in tokens if word.startswith("#")), 0)
    if what in ("BUY", "SELL"):
        reason = DealReason.STOP_OUT if "STOP_OUT" in tokens else DealReason.CLIENT
        volume, symbol, price = tokens[:3]
        return a_deal(number, Side(what), volume, price, symbol=symbol, position=position, reason=reason, **cash)
    nothing: dict[str, Any] = {"volume": "0", "price": "0", "entry": DealEntry.NONE, "position": position}
    if what == "SWAP":
        return a_deal(number, kind=DealKind.SWAP, symbol=tokens[0], **{**nothing, **cash})
    kind = DealKind.BALANCE if what == "DEPOSIT" else DealKind(what)
    return a_deal(number, kind=kind, symbol="", **{**nothing, "profit": D(tokens[0])})


def the_account(row: Case) -> Book:
    """Return the account after all its deals."""
    digits = DIGITS.get(row.currency, 2)
    book = a_book(symbols=list(MARKS), currency=row.currency, currency_digits=digits, account_mode=row.mode)
    deals = [a_deposit(1, DEPOSIT.get(row.currency, "10000"))]
    deals += [deal_of(number, text) for number, text in enumerate(row.deals, 2)]
    for deal in deals:
        book.apply(DealBooked(deal=deal, order_id="", closings=closed_lots(book, deal)))
    return book


def shown(book: Book) -> str:
    """Return the lots in the notation of the table."""
    parts = []
    for symbol, position in sorted(book.positions.items()):
        lots = [
            f"{'L' if lot.sign > 0 else 'S'}{decimal_text(lot.volume)}@{decimal_text(lot.price)}"
            + (f"#{lot.position}" if lot.position else "")
            for lot in position.lots
        ]
        parts += [symbol, *lots] if lots else []
    return " ".join(parts)


TABLE = pytest.mark.parametrize("row", CASES, ids=[row.name for row in CASES])


def test_the_table_has_sixty_accounts_with_different_names() -> None:
    assert len({row.name for row in CASES}) == len(CASES) >= 60


@TABLE
def test_the_account_has_the_values_computed_by_hand(row: Case) -> None:
    book = the_account(row)
    found = cash_by_category(book.cash)
    assert shown(book) == row.lots
    assert (book.realized_pnl, book.commission, book.swap) == (D(row.realized), D(row.commission), D(row.swap))
    assert book.balance == D(row.balance)
    assert total_unrealized_pnl(book, MARKS) == D(row.unrealized)
    assert found[CashAccount.REALIZED_PNL] == D(row.realized)
    assert (found[CashAccount.COMMISSION], found[CashAccount.SWAP]) == (D(row.commission), D(row.swap))
    assert sum(found.values()) == book.cash[CashAccount.CASH] == D(row.balance)
    assert find_any_violation(book) == ""


@TABLE
def test_each_profit_equals_the_formula_for_the_closed_volume(row: Case) -> None:
    book = the_account(row)
    assert book.stream is not None
    held: dict[tuple[str, int], CostBasis] = {}
    for deal in book.deals:
        if not deal.kind.is_trade:
            continue
        key, signed = (deal.symbol, book.position_ticket(deal)), deal.volume * Side(deal.kind.value).sign
        after = add_to_cost_basis(held.get(key, CostBasis()), signed_volume=signed, price=deal.price)
        held[key] = after.holding
        terms = book.instruments[deal.symbol]
        closed = CostBasis(after.closed_volume, after.closed_cost)
        gross = gross_profit_at(closed, price=deal.price, multiplier=terms.contract_size)
        rate = conversion_rate(
            1 if gross >= 0 else -1,
            source=terms.profit_currency,
            target=row.currency,
            instruments=book.instruments,
            quotes=MarkQuotes(MARKS),
        )
        assert rate is not None
        assert deal.profit == round_money(gross * rate, book.stream.currency_digits), deal


def test_each_commission_equals_the_charge_of_the_broker_for_its_volume() -> None:
    charged = [
        (row, deal) for row in CASES for deal in the_account(row).deals if deal.kind.is_trade and deal.commission
    ]
    assert {deal.volume for _, deal in charged} == {D("0.10"), D("0.30"), D("5.00")}
    for row, deal in charged:
        digits = DIGITS.get(row.currency, 2)
        [terms] = an_instrument(deal.symbol).commissions
        assert deal.commission == commission_of(volume=deal.volume, per_lot=terms.per_lot, currency_digits=digits), row


CALCULABLE = structs.replace(
    REALISTIC, request_latency=NO_LATENCY, reply_latency=NO_LATENCY, slippage=None, depth=None, rollover=None
)
"""Settings of the realistic simulated broker, with charges and stop-outs but without random effects."""


@pytest.mark.parametrize(
    ("name", "bids"),
    [("a stop-out", (1.1, 1.08567, 1.08566)), ("a stop-out below zero", (1.1, 1.1, 1.0780))],
)
def test_the_stop_outs_of_the_table_equal_those_of_the_broker(name: str, bids: tuple[float, ...]) -> None:
    """The broker keeps the position at the second tick, in the first case one point above the stop-out level."""
    [row] = [case for case in CASES if case.name == name]
    broker = Dealing(*bids, profile=CALCULABLE)
    assert broker.buy("5.00").order.status == "FILLED"
    broker.to(2)
    assert broker.position.volume == D("5.00")
    broker.to(3)
    assert broker.venue.positions() == []

    def summary(deals: Iterable[VenueDeal]) -> list[tuple[object, ...]]:
        return [(one.kind, one.reason, one.volume, one.price, one.profit, one.commission) for one in deals]

    assert broker.deals[-1].reason is DealReason.STOP_OUT
    assert summary(broker.deals) == summary(the_account(row).deals)[1:]
    assert broker.venue.balance == D(row.balance)


@TABLE
def test_trades_and_open_lots_account_for_every_cent(row: Case) -> None:
    trades, still_open, unassigned = compute_round_trips(the_account(row))
    assert sum((trade.profit for trade in trades), unassigned.profit) == D(row.realized)
    charged = sum((trade.commission for trade in trades), unassigned.commission)
    assert -(charged + sum(one.charges.commission for one in still_open)) == D(row.commission)
    charged = sum((trade.swap for trade in trades), unassigned.swap)
    assert -(charged + sum(one.charges.swap for one in still_open)) == D(row.swap)


@pytest.mark.parametrize(
    ("currency", "symbol", "lots", "points", "one_night", "three_nights"),
    [
        ("USD", "EURUSD", "0.10", "-6.5", "-0.65", "-1.95"),
        ("USD", "EURUSD", "-0.50", "2.1", "1.05", "3.15"),
        ("USD", "USDJPY", "0.10", "-3", "-0.20", "-0.60"),
        ("EUR", "EURJPY", "0.20", "1.7", "0.21", "0.62"),
        ("USD", "XAUUSD", "0.10", "-35", "-3.50", "-10.50"),
        ("USD", "EURUSD", "-0.10", "2.1", "0.21", "0.63"),
    ],
)
def test_the_swaps_of_the_table_equal_the_charges_of_the_broker(
    currency: str, symbol: str, lots: str, points: str, one_night: str, three_nights: str
) -> None:
    instruments = {name: an_instrument(name) for name in MARKS}
    terms = structs.replace(instruments[symbol], swap_long_points=D(points), swap_short_points=D(points))
    for opened, amount in (("2026-01-05 12:00", one_night), ("2026-01-07 12:00", three_nights)):
        charge = swap_of(
            holding=Holding(D(lots), D(0)),
            from_ns=utc_ns(opened),
            to_ns=utc_ns(opened) + DAY_NS,
            instrument=terms,
            currency=currency,
            currency_digits=2,
            instruments=instruments,
            quotes=MarkQuotes(MARKS),
        )
        assert charge.amount == D(amount)
