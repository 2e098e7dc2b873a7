"""A `TerminalClient` with a fake terminal, on a clock that the test advances."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from proto.gateway import Buy, Sell
from proto.time import Now
from services.mt5.core.ports.book_records import BookOrder
from services.mt5.core.ports.magic import magic_of
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.core.ports.terminal import CallInProgress, TradeResult
from services.mt5.terminal.account_mirror import AccountMirror
from services.mt5.terminal.account_policy import AccountPolicy
from services.mt5.terminal.compose import tick_readers
from services.mt5.terminal.mt5_types import Mt5Api
from services.mt5.terminal.server_clock import ServerClock
from services.mt5.terminal.store import TerminalStore
from services.mt5.terminal.terminal_account import TerminalAccount
from services.mt5.terminal.terminal_client import TerminalClient
from services.mt5.terminal.terminal_connection import TerminalSetup, open_terminal
from services.mt5.terminal.terminal_market import TerminalMarket
from services.mt5.terminal.terminal_thread import Job
from tests.support.fake_terminal.module import LOGIN, FakeTerminal

MS = 1_000_000
SECOND_NS = 1_000_000_000
WINTER_NS = 1_768_471_200 * SECOND_NS
"""2026-01-15 10:00 UTC, a Thursday on which servers of New-York-close time are two hours ahead of UTC."""

POLL_MS = 20


class InlineCaller:
    """Runs each job when it is posted; while `holds` is set, jobs wait until `release` is called."""

    def __init__(self, api: Mt5Api) -> None:
        self.api = api
        self.holds = False
        self._held: list[Job] = []
        self._done: list[object] = []

    def post(self, job: Job) -> None:
        if self.holds:
            self._held.append(job)
        else:
            self._done.append(job(self.api))

    def release(self) -> None:
        """Run the jobs that were held back."""
        self.holds = False
        held, self._held = self._held, []
        self._done += [job(self.api) for job in held]

    def take_results(self) -> list[object]:
        done, self._done = self._done, []
        return done


class Bench:
    """A fake terminal and a client (`link`); `restart` makes a new client with the stored state."""

    def __init__(self, folder: Path, *, symbol_map: dict[str, str] | None = None, **fake: Any) -> None:
        self.folder = folder
        self.mono_ns = 5 * SECOND_NS
        self.fake = FakeTerminal(utc_ms=self.utc_ms, **fake)
        self.symbol_map = symbol_map or {}
        for symbol in self.fake.broker.symbols:
            self.fake.tick(symbol, 1.1, 1.1001)
        self.store: TerminalStore | None = None
        self.rejected: list[tuple[str, int]] = []
        self.restart()

    def utc_ms(self) -> int:
        return (WINTER_NS + self.mono_ns) // MS

    @property
    def now(self) -> Now:
        return Now(WINTER_NS + self.mono_ns, self.mono_ns)

    def restart(self) -> None:
        if self.store is not None:
            self.store.close()
        self.store = TerminalStore(self.folder / "terminal.db", account=str(LOGIN), stream_id="stream-1")
        clock = ServerClock()
        names = SymbolMap(self.symbol_map)
        self.setup = TerminalSetup(
            symbols=tuple(names.to_desk(name) for name in self.fake.broker.symbols),
            symbol_map=self.symbol_map,
            connection={"login": LOGIN},
            account_policy=AccountPolicy(login=LOGIN, is_real_allowed=False),
            clock=clock,
            poll_ms=POLL_MS,
            accept_crossed=False,
        )
        opened = open_terminal(self.fake, self.setup, wall_ns=self.now.domain_ns)
        self.caller = InlineCaller(self.fake)
        self.market = TerminalMarket(self.setup.symbols, kept=self.store.ticks())
        self.mirror = AccountMirror(self.store, clock=clock, currency_digits=2)
        self.broker = TerminalAccount(opened.account, self.mirror, self.market, names)
        self.link = TerminalClient(
            self.caller,
            mirror=self.mirror,
            market=self.market,
            broker=self.broker,
            store=self.store,
            readers=tick_readers(opened, self.setup, self.market, self.store.cursors(), self.now.domain_ns),
            symbols=names,
            setup=self.setup,
            wall_ns=lambda mono_ns: WINTER_NS + mono_ns,
            is_ours=lambda magic: magic > 0,
            rejected=lambda reason, count: self.rejected.append((reason, count)),
        )
        self.link.begin(opened.snapshot, self.now)
        self.wait(POLL_MS)

    def wait(self, ms: int) -> None:
        """Advance the clock in steps of the poll interval, and run the client's timer at each."""
        end_ns = self.mono_ns + ms * MS
        while self.mono_ns < end_ns:
            self.mono_ns = min(end_ns, self.mono_ns + POLL_MS * MS)
            self.link.on_timer(self.now)

    def tick(self, bid: float, ask: float, *, symbol: str = "EURUSD") -> None:
        """Add a tick at the terminal, and wait until the client has read it."""
        self.fake.tick(symbol, bid, ask)
        self.wait(2 * POLL_MS)

    def send(self, order: Buy | Sell, symbol: str = "EURUSD") -> TradeResult | CallInProgress | None:
        """Send an order."""
        return self.link.send(order, symbol, self.now)

    def found(self, order_id: str = "A-1") -> BookOrder | None:
        """The client's record of an order; None if the client has none."""
        return self.link.find(magic_of(order_id), self.now)

    def shown(self, order_id: str = "A-1") -> str:
        """The status of an order; "nothing" if the client has no record of it."""
        found = self.found(order_id)
        return "nothing" if found is None else found.order.status.value


def a_buy(order_id: str = "A-1", *, volume: str = "0.10", **fields: Any) -> Buy:
    return Buy(order_id=order_id, symbol="EURUSD", volume=Decimal(volume), **fields)


def a_sell(order_id: str = "A-2", *, volume: str = "0.10", **fields: Any) -> Sell:
    return Sell(order_id=order_id, symbol="EURUSD", volume=Decimal(volume), **fields)
