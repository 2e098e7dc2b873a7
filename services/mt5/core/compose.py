"""Composition of the simulated gateway. The gateway process, backtests and simulations all use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from marketdata.tick_stream import MarketSource
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.in_doubt_orders import SETTLING_MS
from services.mt5.core.gateway.journal import Journal
from services.mt5.core.gateway.lease import LEASE_TTL_MS
from services.mt5.core.gateway.reply_header import ReplyHeader
from services.mt5.core.gateway.tick_publisher import LOCKSTEP, Pace, TickPublisher
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.core.simulated.book_store import BookStore
from services.mt5.core.simulated.direct_terminal import DirectTerminal
from services.mt5.core.simulated.faulty_terminal import FaultyTerminal
from services.mt5.core.simulated.venue import SimulatedVenue

VENUE: Final = "simulated-mt5"


def account_name(currency: str) -> str:
    """The simulated account's name in replies; `currency` is the account currency."""
    return f"paper-{currency}"


def simulated_gateway(
    *,
    stream: MarketSource,
    stream_id: str,
    journal: Journal,
    book_store: BookStore,
    boot_id: str,
    terms: AccountTerms,
    pace: Pace = LOCKSTEP,
    symbol_map: Mapping[str, str] | None = None,
    faults: bool = False,
    lease_ttl_ms: int = LEASE_TTL_MS,
    settling_ms: int = SETTLING_MS,
) -> Gateway:
    """A gateway with the simulated venue; both continue from the stored journal and book.

    Args:
        stream: the market, with the desk's names of symbols.
        stream_id: id of the stream. With the id in the book, the gateway continues that run; with any other id, it
            begins at the opening of `stream`, with the account in the book.
        journal: stores order ids and the replies to them.
        book_store: the broker's book.
        boot_id: id of this start of the gateway. It is new at each start, except in runs that must be reproducible.
        terms: terms of the account.
        pace: window and speed of publication.
        symbol_map: the broker's names by the desk's, for symbols whose names differ.
        faults: whether SIMULATE can inject faults; ignored in a lock-step stream.
        lease_ttl_ms: how long a client may open exposure after it has renewed its lease.
        settling_ms: how late an order may appear in the venue's history. An order that the venue does not show is
            presumed to have expired only after this time.

    Raises:
        ValueError: book, stream and account do not match, or two names in `symbol_map` have the same broker's name.
    """
    symbols = SymbolMap(symbol_map)
    venue = SimulatedVenue(stream=stream, stream_id=stream_id, store=book_store, symbols=symbols, terms=terms)
    return Gateway(
        stream=stream,
        stream_id=stream_id,
        venue=venue,
        journal=journal,
        publisher=TickPublisher(
            stream=stream,
            stream_id=stream_id,
            publisher=VENUE,
            boot_id=boot_id,
            pace=pace,
            book_ordinal=venue.ordinal,
        ),
        symbols=symbols,
        header=ReplyHeader(venue=VENUE, account=account_name(terms.currency), boot_id=boot_id),
        publisher_name=VENUE,
        terminal=FaultyTerminal(venue) if faults and pace.window == 0 else DirectTerminal(venue),
        lease_ttl_ms=lease_ttl_ms,
        settling_ms=settling_ms,
    )
