"""Builders of streams, orders and gateways, with defaults for all values that do not matter to a test."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from marketdata.tick_stream import SymbolRows, TickStream, build_stream
from proto.gateway import Buy, Confirm, OrderReply, Reply, Sell
from proto.time import Now
from services.mt5.core.compose import simulated_gateway
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.journal import Journal, MemoryJournal
from services.mt5.core.gateway.tick_publisher import LOCKSTEP, Pace
from services.mt5.core.ports.magic import magic_of
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.core.simulated.book_store import BookStore, MemoryBookStore

SECOND_NS = 1_000_000_000
START_NS = 1_400_000_000 * SECOND_NS
AT_REST = Now(domain_ns=0, mono_ns=0)

Row = tuple[int, float, float]


def some_rows(symbol: str, rows: Sequence[Row], volume: float = 0.0) -> SymbolRows:
    """Rows of a symbol, each given as time in ns, bid and ask."""
    return SymbolRows(
        symbol=symbol,
        time_ns=np.array([row[0] for row in rows], dtype=np.int64),
        bid=np.array([row[1] for row in rows], dtype=np.float64),
        ask=np.array([row[2] for row in rows], dtype=np.float64),
        volume=np.full(len(rows), volume),
    )


def a_stream(*bids: float, symbol: str = "EURUSD", spread: float = 0.0002, start_ns: int = START_NS) -> TickStream:
    """A stream of one symbol with a tick each second."""
    rows = [(start_ns + n * SECOND_NS, bid, round(bid + spread, 6)) for n, bid in enumerate(bids)]
    return build_stream([some_rows(symbol, rows)], accept_crossed=False)


def a_gateway(
    stream: TickStream | None = None,
    *,
    journal: Journal | None = None,
    book_store: BookStore | None = None,
    stream_id: str = "stream-1",
    boot_id: str = "boot-1",
    currency: str = "USD",
    pace: Pace = LOCKSTEP,
    symbol_map: dict[str, str] | None = None,
) -> Gateway:
    """A gateway with a deposit of 10,000; the default stream has three ticks from 1.1000 to 1.1020."""
    return simulated_gateway(
        stream=stream or a_stream(1.1000, 1.1010, 1.1020),
        stream_id=stream_id,
        journal=journal or MemoryJournal("journal-1"),
        book_store=book_store or MemoryBookStore(),
        boot_id=boot_id,
        terms=AccountTerms(Decimal(10_000), currency),
        pace=pace,
        symbol_map=symbol_map,
    )


def a_buy(order_id: str = "A-1", *, volume: str = "0.01", ordinal: int = 0, symbol: str = "EURUSD") -> Buy:
    """A market order to buy."""
    return Buy(order_id=order_id, symbol=symbol, volume=Decimal(volume), ordinal=ordinal)


def a_sell(order_id: str = "A-1", *, volume: str = "0.01", ordinal: int = 0, symbol: str = "EURUSD") -> Sell:
    """A market order to sell."""
    return Sell(order_id=order_id, symbol=symbol, volume=Decimal(volume), ordinal=ordinal)


def confirm(gateway: Gateway, ordinal: int, *, stream_id: str = "stream-1", mono_ns: int = 0) -> Reply:
    """Send a CONFIRM, and publish the ticks that it makes due."""
    now = Now(domain_ns=0, mono_ns=mono_ns)
    [reply] = gateway.handle(Confirm(stream_id=stream_id, ordinal=ordinal), now)
    gateway.on_timer(now)
    return reply


def placed(gateway: Gateway, request: Buy | Sell) -> OrderReply:
    """Send an order; returns its OrderReply."""
    [reply] = gateway.handle(request, AT_REST)
    assert isinstance(reply, OrderReply), reply
    return reply


def magic_for(order_id: str) -> int:
    """The magic number of an order id."""
    return magic_of(order_id)
