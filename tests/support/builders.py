"""Builders of valid objects for tests; a test passes only the fields that are relevant to it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from msgspec import structs

from marketdata.instruments import find_instrument
from marketdata.tick_stream import SymbolRows, TickStream, build_stream
from proto.gateway import DealEntry, DealKind, VenueDeal
from proto.messages import Signal, Tick
from proto.trading.enums import Side
from proto.trading.instrument import Instrument
from services.mt5.core.compose import simulated_gateway
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.journal import Journal, MemoryJournal
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.core.simulated.book_store import BookStore, MemoryBookStore
from services.mt5.core.simulated.fill_model import IDEAL
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, Event, InstrumentLearned, StreamOpened
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Decision, Order
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.plan.plan import PLAIN, Plan
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.state.config import DeskConfig

STREAM_ID = "0123456789abcdef"
START_NS = 1_767_600_000_000_000_000
TICK_NS = 1_000_000_000
ONE_LOT = Limits(name="one lot", order_volume_max=Decimal(1))
"""Risk limits for tests that do not test limits."""


def a_tick(**changed: Any) -> Tick:
    """The first tick of EURUSD."""
    fields = {
        "publisher": "simulated-mt5",
        "boot_id": "boot-1",
        "stream_id": STREAM_ID,
        "symbol": "EURUSD",
        "sequence": 1,
        "ordinal": 1,
        "time_ns": START_NS,
        "bid": 1.1,
        "ask": 1.1001,
        "volume": 1.0,
        "published_mono_ns": 1_000,
    }
    return Tick(**{**fields, **changed})


def a_signal(ordinal: int = 1, direction: int = 0, **changed: Any) -> Signal:
    """The signal for the tick `ordinal` of EURUSD, HOLD by default."""
    fields = {
        "publisher": "signal",
        "stream_id": STREAM_ID,
        "symbol": "EURUSD",
        "sequence": ordinal,
        "ordinal": ordinal,
        "time_ns": START_NS + (ordinal - 1) * TICK_NS,
        "bid": 1.1,
        "ask": 1.1001,
        "direction": direction,
        "confidence": 1.0,
        "reason": "",
        "tick_published_mono_ns": 1_000,
        "sent_mono_ns": 2_000,
    }
    return Signal(**{**fields, **changed})


def a_deal(
    number: int = 1, side: Side = Side.BUY, volume: str = "0.01", price: str = "1.1", **changed: Any
) -> VenueDeal:
    """One execution in EURUSD without costs and without profit."""
    fields = {
        "deal": number,
        "ticket": number,
        "order_id": "",
        "symbol": "EURUSD",
        "kind": DealKind(side.value),
        "entry": DealEntry.IN,
        "volume": Decimal(volume),
        "price": Decimal(price),
        "profit": Decimal(0),
        "commission": Decimal(0),
        "swap": Decimal(0),
        "time_ns": START_NS + number,
        "ordinal": number,
        "stepped": False,
        "comment": "",
    }
    return VenueDeal(**{**fields, **changed})


def a_deposit(number: int = 1, amount: str = "10000") -> VenueDeal:
    """A deposit: a deal that changes only cash."""
    return a_deal(
        number, kind=DealKind.BALANCE, entry=DealEntry.NONE, volume="0", price="0", symbol="", profit=Decimal(amount)
    )


def an_order(number: int = 1, side: Side = Side.BUY, volume: str = "0.01", **changed: Any) -> Order:
    """A pending order in EURUSD."""
    decision = Decision(
        ordinal=number,
        sequence=number,
        time_ns=START_NS,
        direction=side.sign,
        confidence=1.0,
        bid=Decimal("1.1"),
        ask=Decimal("1.1001"),
        position_before=Decimal(0),
        reason="",
    )
    fields = {
        "order_id": f"01234567-{number:06d}",
        "number": number,
        "symbol": "EURUSD",
        "side": side,
        "volume": Decimal(volume),
        "price": Decimal("1.1001"),
        "decision": decision,
        "status": OrderStatus.PENDING,
        "created_ns": START_NS,
    }
    return Order(**{**fields, **changed})


def an_instrument(symbol: str = "EURUSD") -> Instrument:
    """The simulated broker's terms for a symbol."""
    terms = find_instrument(symbol)
    assert terms is not None, symbol
    return terms


def plain_terms(symbol: str = "EURUSD") -> Instrument:
    """The terms without costs and without a minimum distance of stops, so that results are easy to compute by hand."""
    return structs.replace(IDEAL.terms_of(an_instrument(symbol)), stops_level_points=0, freeze_level_points=0)


def an_instrument_learned(symbol: str = "EURUSD") -> InstrumentLearned:
    """The event by which a book learns the terms of a symbol."""
    return InstrumentLearned(instrument=plain_terms(symbol))


def an_opened_stream(**changed: Any) -> StreamOpened:
    """The event that opens a lock-step stream on a new account in USD."""
    fields: dict[str, Any] = {
        "stream_id": STREAM_ID,
        "incarnation": STREAM_ID[:8],
        "orders_before": 0,
        "deals_before": 0,
        "account": "paper-USD",
        "mode": "simulated",
        "fills": "ideal",
        "currency": "USD",
        "currency_digits": 2,
        "data_sha256": "00",
        "first_time_ns": START_NS,
        "settings": {},
        "leverage": 100,
    }
    return StreamOpened(**{**fields, **changed})


def a_book(*events: Event, symbols: Sequence[str] = ("EURUSD",), **stream: Any) -> Book:
    """The book of a new account with the terms of these symbols, after these events.

    `stream` are fields of the StreamOpened event.
    """
    book = Book()
    for event in (an_opened_stream(**stream), *map(an_instrument_learned, symbols), *events):
        book.apply(event)
    return book


def booked_deals(*deals: VenueDeal) -> list[DealBooked]:
    """The events of booked deals that belong to no order of the desk."""
    return [DealBooked(deal=deal, order_id="", closings=[]) for deal in deals]


def some_rules(
    *symbols: str,
    volume: str = "0.01",
    on_opposite: OnOpposite = OnOpposite.CLOSE,
    limits: Limits = ONE_LOT,
    plan: Plan = PLAIN,
) -> DeskConfig:
    """The trading rules of a desk, for EURUSD unless symbols are named."""
    return DeskConfig(
        symbols=symbols or ("EURUSD",),
        default_volume=Decimal(volume),
        on_opposite=on_opposite,
        limits=limits,
        settings={"risk": limits.name, "plan": plan.name},
        plan=plan,
    )


def rows_of(symbol: str, quotes: Sequence[tuple[float, float]], *, first_ns: int = START_NS) -> SymbolRows:
    """Rows of one symbol, one second apart."""
    return SymbolRows(
        symbol,
        first_ns + np.arange(len(quotes), dtype=np.int64) * TICK_NS,
        np.array([bid for bid, _ in quotes], dtype=np.float64),
        np.array([ask for _, ask in quotes], dtype=np.float64),
        np.ones(len(quotes)),
    )


def a_stream(*quotes: tuple[float, float], symbol: str = "EURUSD") -> TickStream:
    """A recorded market of one symbol with these bids and asks, one second apart."""
    return build_stream([rows_of(symbol, quotes)], accept_crossed=False)


def a_gateway(stream: TickStream, **changed: Any) -> Gateway:
    """A simulated gateway in memory over `stream`, with 10,000 USD; `changed` may have fields of `AccountTerms`."""
    journal: Journal = MemoryJournal("journal-1")
    store: BookStore = MemoryBookStore()
    fields: dict[str, Any] = {
        "stream_id": STREAM_ID,
        "journal": journal,
        "book_store": store,
        "boot_id": "boot-1",
    }
    terms = {"deposit": Decimal(10_000)} | {name: changed.pop(name) for name in AccountTerms._fields if name in changed}
    return simulated_gateway(stream=stream, terms=AccountTerms(**terms), **{**fields, **changed})
