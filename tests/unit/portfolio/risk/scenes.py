"""Builders for risk tests: an account with quoted symbols, an order, and a desk that processes events."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import structs

from proto.time import DAY_NS
from proto.trading.enums import Side
from proto.trading.instrument import Instrument
from proto.trading.server_time import server_ns
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, InstrumentLearned
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.plan.plan import PLAIN, Plan
from services.portfolio.core.risk import checks
from services.portfolio.core.risk.limits import DEFAULT_LIMITS, NO_LIMITS, Limits
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.portfolio_state import compose_state
from services.portfolio.core.state.stream import StreamState
from tests.support.builders import START_NS, a_deal, a_deposit, an_opened_stream, plain_terms, some_rules

D = Decimal
NS = 1_000_000_000
MINUTE_NS = 60 * NS
SERVER_MIDNIGHT_NS = START_NS - server_ns(START_NS) % DAY_NS + DAY_NS
PRICES = {"EURUSD": 1.1, "GBPUSD": 1.25, "USDJPY": 150.0, "XAUUSD": 2_000.0, "EURGBP": 0.88}


def terms_of(symbol: str) -> Instrument:
    """Return the terms of a symbol that is always traded and has no stops level."""
    return structs.replace(plain_terms(symbol), sessions=())


def an_account(limits: Limits = DEFAULT_LIMITS, *, balance: str = "10000", **changed: Any) -> RiskContext:
    """Return a flat account in USD, with every symbol quoted at a spread of two points."""
    book, stream = Book(), StreamState(PersistedState())
    book.apply(an_opened_stream())
    book.apply(DealBooked(deal=a_deposit(amount=balance), order_id="", closings=[]))
    for symbol in PRICES:
        book.apply(InstrumentLearned(instrument=terms_of(symbol)))
        quote_at_two_points(stream, symbol)
    return RiskContext(book, stream.cursor, limits, stream.risk)._replace(**changed)


def quote_at_two_points(stream: StreamState, symbol: str) -> None:
    """Quote a symbol at a spread of two points, which is also its median spread."""
    price, point = PRICES[symbol], 10.0 ** -terms_of(symbol).digits
    stream.cursor.marks[symbol] = Mark(price, price + 2 * point, START_NS)
    stream.risk.spread_medians[symbol] = 2 * point


def a_holding(number: int, symbol: str, lots: str) -> DealBooked:
    """Return the event of a deal that opens a position of `lots`, long positive."""
    volume = D(lots)
    side = Side.BUY if volume > 0 else Side.SELL
    deal = a_deal(number, side, str(abs(volume)), str(PRICES[symbol]), symbol=symbol)
    return DealBooked(deal=deal, order_id="", closings=[])


def held(account: RiskContext, symbol: str, lots: str) -> RiskContext:
    """Return the same account with a position."""
    account.book.apply(a_holding(len(account.book.deals) + 1, symbol, lots))
    return account


def an_order_for(lots: str = "0.01", symbol: str = "EURUSD", **changed: Any) -> OrderProposal:
    """Return a buy order that opens with its whole volume."""
    terms = terms_of(symbol)
    proposal = OrderProposal(terms, 1, D(lots), D(lots), D(str(PRICES[symbol])), 0.9)
    return proposal._replace(**changed)


def denied(order: OrderProposal, account: RiskContext, now_ns: int = START_NS) -> Denial | None:
    return checks.check_order(order, account, now_ns)


def code(order: OrderProposal, account: RiskContext, now_ns: int = START_NS) -> str | None:
    denial = denied(order, account, now_ns)
    return None if denial is None else denial.code


def only(**limits: Any) -> Limits:
    """Return limits of which only these are set."""
    return structs.replace(NO_LIMITS, **limits)


class Scene:
    """A desk with 10,000 USD after some events, and an order to check.

    `facts` are fields of `RiskContext` that the ledger does not store, such as the age of the tick.
    """

    def __init__(self, limits: Limits = NO_LIMITS, *, plan: Plan = PLAIN) -> None:
        rules = structs.replace(some_rules(*PRICES, limits=limits), plan=plan)
        self.state = compose_state(config=rules, book=Book(), persisted=PersistedState(), incarnation="live")
        self.order = an_order_for()
        self.now_ns = START_NS
        self.facts: dict[str, Any] = {}
        self.state.account.emit(an_opened_stream())
        self.state.account.emit(DealBooked(deal=a_deposit(), order_id="", closings=[]))
        for symbol in PRICES:
            self.state.account.emit(InstrumentLearned(instrument=terms_of(symbol)))
            quote_at_two_points(self.state.stream, symbol)

    def propose(self, lots: str = "0.01", symbol: str = "EURUSD", **changed: Any) -> Scene:
        """Set a buy order of this volume as the order to check."""
        self.order = an_order_for(lots, symbol, **changed)
        return self

    def hold(self, symbol: str, lots: str) -> Scene:
        """Open a position of `lots`, long positive."""
        self.state.account.emit(a_holding(len(self.state.account.book.deals) + 1, symbol, lots))
        return self

    def term(self, symbol: str = "EURUSD", **changed: Any) -> Scene:
        """Change the terms of a symbol, and check the order under these terms."""
        terms = structs.replace(terms_of(symbol), **changed)
        self.state.account.emit(InstrumentLearned(instrument=terms))
        self.order = self.order._replace(instrument=terms)
        return self

    def at(self, now_ns: int) -> Scene:
        """Set another venue time for the check."""
        self.now_ns = now_ns
        return self

    def restart(self, book: Book, persisted: PersistedState) -> None:
        """Continue from the ledger, as a process does after a restart."""
        self.state = compose_state(config=self.state.config, book=book, persisted=persisted, incarnation="live")

    def account(self) -> RiskContext:
        """The inputs of the rules."""
        state = self.state
        return RiskContext(
            state.account.book, state.stream.cursor, state.config.limits, state.stream.risk, plan=state.config.plan
        )._replace(**self.facts)

    def denial(self) -> Denial | None:
        """Return the first denial of the order; None if it is allowed."""
        return checks.check_order(self.order, self.account(), self.now_ns)
