"""The live part of the web process: the cells, their sources and the background tasks that update them."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Final

from services.web.api.schemas import AccountState, PnlView, StateView
from services.web.desk.account_terms import TermsWatch
from services.web.desk.alert_watch import AlertWatch
from services.web.desk.desk_watch import DeskWatch
from services.web.desk.latency_history import LatencyHistory
from services.web.desk.ledger_cells import LedgerCells
from services.web.desk.ledger_watch import LedgerWatch
from services.web.desk.notify_requests import NotifyRequests
from services.web.desk.portfolio_client import PortfolioClient
from services.web.desk.process_watch import ProcessWatch
from services.web.desk.sources import Sources
from services.web.desk.strategy_watch import StrategyWatch
from services.web.desk.system_watch import SystemWatch
from services.web.desk.task_runner import TaskRunner
from services.web.live.cells import Cells
from services.web.live.socket import Identify, LiveSockets
from services.web.live.turns import Turns
from services.web.market.bar_store import BarStore
from services.web.market.history_file import HistoryFile
from services.web.market.quote_feed import QuoteFeed
from services.web.read_model.alert_book import AlertBook
from services.web.read_model.index import ReadModel
from services.web.settings import WebSettings

SUPERVISOR_VARIABLE: Final = "SUPERVISOR_SERVER_URL"
"""Environment variable in which supervisord gives its address to its processes."""

STORE_S: Final = 1.0
"""Seconds between two writes of bars."""


class LiveDesk:
    """The cells and everything that updates them; `running` starts and ends it."""

    def __init__(
        self,
        settings: WebSettings,
        *,
        identify: Identify,
    ) -> None:
        """Open the history file and connect the sockets.

        Args:
            settings: the settings of the web process.
            identify: returns the current identity of an open WebSocket.

        Raises:
            StartError: the history file or the index of the ledger cannot be used, or an address is wrong.
        """
        self.cells = Cells(secrets.token_hex(8))
        self.runner = TaskRunner()
        self.history = HistoryFile(settings.paperdesk_data_dir)
        self.bars = BarStore(self.history, settings.quoted_symbols, self.cells)
        self.model = ReadModel(settings.paperdesk_data_dir, extremes=self.bars.extremes)
        self._ledger_cells = LedgerCells(
            self.model,
            venue_time_ns=lambda: self.venue_time_ns,
            unrealized=self._unrealized_pnl,
        )
        self.terms = TermsWatch(settings.paperdesk_data_dir)
        self.quotes = QuoteFeed(
            settings.market_data_url,
            settings.quoted_symbols,
            self.cells,
            on_ticks=self.runner.guarded("bars", self.bars.add),
            on_complete=self.runner.guarded("bars", self.bars.complete),
            digits_of=self._digits_of,
        )
        self.sources = Sources(
            self.cells,
            gateway=lambda: (self.quotes.heard_ns, self.quotes.problem),
            failed=lambda: self.runner.problems,
        )
        self.portfolio = PortfolioClient(settings.control_url)
        self.latencies = LatencyHistory(self.portfolio, self.history)
        self.strategies = StrategyWatch(settings.strategy_url, self.cells, self.sources)
        self.watch = DeskWatch(
            self.portfolio,
            self.cells,
            self.sources,
            terms=lambda: self.terms.terms,
            quotes=self.quotes,
            watched=settings.watched_symbol,
            charges_of=self._ledger_cells.charges_of,
            threshold_of=self.strategies.threshold_of,
        )
        self.processes = ProcessWatch(
            self.cells, settings.paperdesk_runtime_dir, os.environ.get(SUPERVISOR_VARIABLE, "")
        )
        self.ledger = LedgerWatch(
            settings.events_url, self.cells, self.sources, reader=self.model, values=self._ledger_cells.values
        )
        self.alerts = AlertBook(settings.paperdesk_data_dir)
        self.notify = NotifyRequests(settings.notify_url)
        self._alert_watch = AlertWatch(self.cells, self.alerts, settings.paperdesk_runtime_dir)
        publishers = {"quotes": self.quotes.publish, "bars": self.bars.publish, "sources": self.sources.publish}
        self.turns = Turns(self.cells, [self.runner.guarded(name, publish) for name, publish in publishers.items()])
        self.sockets = LiveSockets(
            self.cells, self.turns, attach=self.watch.attach, prepare=self.watch.refresh, identify=identify
        )
        self.system = SystemWatch(
            self.cells,
            settings.paperdesk_data_dir,
            terms=lambda: self.terms.terms,
            clients=lambda: self.sockets.count,
        )
        for name, work in {
            "turns": self.turns.run,
            "quotes": self.quotes.run,
            "bars": self._store_bars,
            "terms": self.terms.run,
            "desk": self.watch.run,
            "processes": lambda: self.processes.run(self.watch.watched),
            "system": lambda: self.system.run(self.watch.watched),
            "strategies": self.strategies.run,
            "ledger": self.ledger.run,
            "latencies": self.latencies.run,
            "alerts": self._alert_watch.run,
        }.items():
            self.runner.add(name, work)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the background tasks during the block, then close the sockets and the file."""
        task = asyncio.create_task(self.runner.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Write the last bars, and close the sockets and the file."""
        self.bars.collect()
        self.bars.flush()
        self.model.close()
        self.history.close()
        self.quotes.close()
        self.ledger.close()
        self.portfolio.close()
        self.notify.close()
        self.alerts.close()

    async def _store_bars(self) -> None:
        while True:
            await asyncio.sleep(STORE_S)
            self.bars.collect()
            await asyncio.to_thread(self.bars.flush)

    @property
    def venue_time_ns(self) -> int:
        """Newest known time of the venue in UTC nanoseconds, 0 before the first.

        Without a connected client, portfolio's state is that of the last poll, but quotes arrive.
        """
        state = self.cells.get("state")
        return max(state.venue_time_ns if isinstance(state, StateView) else 0, self.quotes.venue_time_ns)

    def pnl(self) -> PnlView | None:
        """The profit at this moment; None before the venue's time is known. Called in a thread.

        Raises:
            IndexUnavailableError: the index cannot be read at present.
        """
        return self._ledger_cells.pnl()

    def _unrealized_pnl(self) -> Decimal | None:
        account = self.cells.get("account")
        return account.unrealized_pnl if isinstance(account, AccountState) else None

    def _digits_of(self, symbol: str) -> int | None:
        instrument = self.terms.terms.instruments.get(symbol)
        return None if instrument is None else instrument.digits
