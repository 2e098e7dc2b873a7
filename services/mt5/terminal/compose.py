"""Composition of the gateway for a connected terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proto.time import Now
from proto.trading.units import NAME_CHARS_MAX
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.journal import Journal
from services.mt5.core.gateway.reply_header import ReplyHeader
from services.mt5.core.ports.magic import desk_id_of
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.terminal.account_mirror import AccountMirror
from services.mt5.terminal.store import TerminalStore
from services.mt5.terminal.terminal_account import TerminalAccount
from services.mt5.terminal.terminal_client import TerminalClient
from services.mt5.terminal.terminal_connection import ConnectedTerminal, TerminalSetup, broker_names
from services.mt5.terminal.terminal_market import LiveTickPublisher, TerminalMarket
from services.mt5.terminal.terminal_thread import TerminalWorker
from services.mt5.terminal.tick_reader import AcceptedTick, TickReader, TickReadOffset


def terminal_gateway(
    opened: ConnectedTerminal,
    setup: TerminalSetup,
    *,
    caller: TerminalWorker,
    store: TerminalStore,
    journal: Journal,
    boot_id: str,
    publisher: str,
    wall_ns: Callable[[int], int],
    now_mono_ns: int,
    lease_ttl_ms: int,
    settling_ms: int,
    rejected: Callable[[str, int], None],
) -> Gateway:
    """A gateway for a terminal, which continues from the stored journal, deal numbers and ticks.

    Args:
        opened: the connected terminal, with its first snapshot.
        setup: the terminal's symbols, connection, account policy and clock.
        caller: the thread that calls the terminal from now on.
        store: deal numbers, ticks and revisions of earlier starts.
        journal: order ids and the replies to them.
        boot_id: id of this start of the gateway, new at each start.
        publisher: the publisher's name in ticks.
        wall_ns: returns UTC by the host's clock for a monotonic time.
        now_mono_ns: the current monotonic time.
        lease_ttl_ms: how long a client may open exposure after it has renewed its lease, in milliseconds.
        settling_ms: how late an order may appear in the broker's history, in milliseconds.
        rejected: called with a reason and the number of tick rows that were rejected for it.
    """
    symbols = SymbolMap(setup.symbol_map)
    now_ns = wall_ns(now_mono_ns)
    market = TerminalMarket(setup.symbols, kept=store.ticks())
    if not market.first_time_ns:
        market.first_time_ns = now_ns
    mirror = AccountMirror(store, clock=setup.clock, currency_digits=opened.account.currency_digits)
    broker = TerminalAccount(opened.account, mirror, market, symbols)
    link = TerminalClient(
        caller,
        mirror=mirror,
        market=market,
        broker=broker,
        store=store,
        readers=tick_readers(opened, setup, market, store.cursors(), now_ns),
        symbols=symbols,
        setup=setup,
        wall_ns=wall_ns,
        rejected=rejected,
        is_ours=lambda magic: desk_id_of(magic) is not None or journal.order_id_of(magic) is not None,
    )
    link.begin(opened.snapshot, Now(now_ns, now_mono_ns))
    return Gateway(
        stream=market,
        stream_id=store.stream_id,
        venue=broker,
        journal=journal,
        publisher=LiveTickPublisher(
            market,
            stream_id=store.stream_id,
            publisher=publisher,
            boot_id=boot_id,
            wall_ns=wall_ns,
        ),
        symbols=symbols,
        header=ReplyHeader(
            venue=opened.account.server[:NAME_CHARS_MAX] or "mt5",
            account=opened.name,
            boot_id=boot_id,
            mode=opened.mode,
        ),
        publisher_name=publisher,
        terminal=link,
        lease_ttl_ms=lease_ttl_ms,
        settling_ms=settling_ms,
    )


def tick_readers(
    opened: ConnectedTerminal,
    setup: TerminalSetup,
    market: TerminalMarket,
    cursors: Mapping[str, TickReadOffset],
    now_ns: int,
) -> dict[str, TickReader]:
    """A tick reader for each symbol, by the broker's name.

    A reader continues at the symbol's stored read position; without one, it begins at the symbol's newest tick.

    Args:
        opened: the connected terminal.
        setup: the terminal's symbols, connection, account policy and clock.
        market: has the ticks of earlier starts.
        cursors: stored read positions, by the desk's names.
        now_ns: the current time, UTC.
    """
    readers = {}
    for desk, name in zip(setup.symbols, broker_names(setup), strict=True):
        newest_msc = opened.newest_msc.get(name, setup.clock.server_ns(now_ns) // 1_000_000)
        last = market.last_tick(desk, market.newest_ordinal)
        readers[name] = TickReader(
            cursors.get(desk, TickReadOffset(newest_msc, 0)),
            clock=setup.clock,
            accept_crossed=setup.accept_crossed,
            last=None if last is None else AcceptedTick(last.time_ns, last.bid, last.ask, last.volume),
        )
    return readers
