"""The terminal's gateway put together: connect, see that it is the right account, look at all of it once, then stand before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from common.errors import StartError
from proto.time import Now
from proto.trading.units import NAME_CHARS_MAX
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.journal import Journal
from services.mt5.core.gateway.reply_header import ReplyHeader
from services.mt5.core.ports.magic import desk_id_of
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.terminal.account_mirror import AccountMirror
from services.mt5.terminal.account_policy import AccountPolicy, Mode, mode_of
from services.mt5.terminal.mt5_types import Mt5Account, Mt5Api
from services.mt5.terminal.server_clock import ServerClock
from services.mt5.terminal.store import TerminalStore
from services.mt5.terminal.terminal_account import TerminalAccount
from services.mt5.terminal.terminal_client import TerminalClient
from services.mt5.terminal.terminal_market import ArrivalPublisher, TerminalMarket
from services.mt5.terminal.terminal_snapshot import (
    ConnectionParameters,
    SnapshotRequest,
    TerminalSnapshot,
    connect,
    take_snapshot,
)
from services.mt5.terminal.terminal_thread import TerminalWorker
from services.mt5.terminal.tick_reader import AcceptedTick, TickReader, TickReadOffset

ALL_HISTORY_S: Final = (0, 2**31 - 1)
FUTURE_NS_MAX: Final = 900_000_000_000
"""A tick that is further ahead of the host's clock than this was told by a clock of another zone."""


class TerminalSetup(NamedTuple):
    """How a terminal is to be used. `symbols` have the desk's names."""

    symbols: tuple[str, ...]
    symbol_map: Mapping[str, str]
    connection: ConnectionParameters
    admission: AccountPolicy
    clock: ServerClock
    poll_ms: int
    accept_crossed: bool


class ConnectedTerminal(NamedTuple):
    """A terminal that is connected, with what it showed at once."""

    account: Mt5Account
    snapshot: TerminalSnapshot
    newest_msc: dict[str, int]
    """Time of each symbol's newest tick, by the broker's names, in the server's milliseconds."""

    @property
    def mode(self) -> Mode:
        """Whether there is money in it."""
        return mode_of(self.account)

    @property
    def name(self) -> str:
        """Of the account."""
        return str(self.account.login)


def open_terminal(api: Mt5Api, setup: TerminalSetup, *, wall_ns: int) -> ConnectedTerminal:
    """Connect, and see that everything is as it was said to be.

    Raises:
        StartError: it is not; what it is, and what was expected.
    """
    symbols = broker_names(setup)
    if not connect(api, setup.connection, symbols):
        number, words = api.last_error()
        missing = [name for name in symbols if api.symbol_info(name) is None] if number == 1 else []
        if missing:
            raise StartError(
                f"TRADING_SYMBOL: the broker has no {', '.join(missing)}; MT5_SYMBOL_MAP names what differs"
            )
        raise StartError(
            f"the terminal cannot be connected to: {words} ({number}); expected it to run and be logged in"
        )
    account = api.account_info()
    if account is None:
        raise StartError(f"the terminal tells no account: {api.last_error()}; expected it to be logged in")
    trouble = setup.admission.violation(account)
    if trouble is not None:
        raise StartError(f"{trouble.code}: {trouble.message}")
    shown = take_snapshot(api, SnapshotRequest((), symbols, ALL_HISTORY_S), connection=setup.connection)
    missing = [name for name in symbols if name not in shown.symbols]
    if missing:
        raise StartError(f"TRADING_SYMBOL: the broker has no {', '.join(missing)}; MT5_SYMBOL_MAP names what differs")
    if shown.rows is None:
        raise StartError(f"the terminal does not tell its orders and deals: {shown.error}; expected it to be connected")
    newest = {}
    for name in symbols:
        tick = api.symbol_info_tick(name)
        if tick is not None and tick.time_msc:
            newest[name] = tick.time_msc
            if tick.time_msc * 1_000_000 - setup.clock.server_ns(wall_ns) > FUTURE_NS_MAX:
                problem = setup.clock.problem(tick.time_msc, wall_ns)
                assert problem is not None, (tick.time_msc, wall_ns)
                raise StartError(problem)
    return ConnectedTerminal(account, shown, newest)


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
    """A gateway over a terminal, going on where its journal and its store are.

    Args:
        opened: the terminal, looked at.
        setup: how it is used.
        caller: who calls it from here on.
        store: what the gateway has said of this account before.
        journal: order ids and their answers.
        boot_id: another one at each start.
        publisher: name under which ticks are published.
        wall_ns: UTC by the host's clock for a monotonic time.
        now_mono_ns: the monotonic clock.
        lease_ttl_ms: how long a client may be silent and open exposure.
        settling_ms: how late the broker's history may be.
        rejected: is told of rows that became no ticks: the reason, and how many.
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
        clock=setup.clock,
        admission=setup.admission,
        connection=setup.connection,
        poll_ms=setup.poll_ms,
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
        publisher=ArrivalPublisher(
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


def broker_names(setup: TerminalSetup) -> tuple[str, ...]:
    """The symbols as the broker calls them.

    Raises:
        StartError: the desk's name of one is the broker's name of another.
    """
    symbols = SymbolMap(setup.symbol_map)
    names = [symbols.to_broker(symbol) for symbol in setup.symbols]
    unknown = [symbol for symbol, name in zip(setup.symbols, names, strict=True) if name is None]
    if unknown:
        raise StartError(f"MT5_SYMBOL_MAP: {', '.join(unknown)} is the broker's name of another symbol")
    return tuple(name for name in names if name is not None)


def tick_readers(
    opened: ConnectedTerminal,
    setup: TerminalSetup,
    market: TerminalMarket,
    cursors: Mapping[str, TickReadOffset],
    now_ns: int,
) -> dict[str, TickReader]:
    """Each symbol from where it was read to, or else from its newest tick on."""
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
