"""Portfolio's state: queried twice a second while a client is connected, otherwise on demand; the cells of the desk.

One request is in flight at a time. The pause after a slow reply is as long as that reply took, so a slow portfolio gets
fewer requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from msgspec import structs

from common import clock
from proto.control import AccountQuery, OrdersQuery, PositionsQuery, RiskQuery, StatusQuery, StatusReply, ViewQuery
from proto.control.views import (
    PAGE_ROWS_MAX,
    AccountView,
    OrdersReply,
    PositionsReply,
    RiskReply,
)
from proto.time import SECOND_NS
from proto.trading.money import Quotes
from services.web.desk.account_terms import AccountTerms
from services.web.desk.desk_views import account_state, latency_view, market_view, signal_view, state_view
from services.web.desk.portfolio_client import DeskRefusedError, DeskSilentError, PortfolioClient
from services.web.desk.position_legs import LegCharges, Valuation, position_view
from services.web.desk.sources import Sources
from services.web.live.cells import Cells

POLL_S: Final = 0.5
"""Seconds between two polls while a client is connected."""

PAUSE_MAX_S: Final = 5.0
"""Longest pause after a slow poll."""

SLOW_EVERY_NS: Final = SECOND_NS
"""Interval of the utilization of limits, which costs portfolio more than the other queries, and of market times."""

PAGES_MAX: Final = 10
"""Largest number of pages of open orders, positions or limits that one poll reads."""

R = TypeVar("R", PositionsReply, OrdersReply, RiskReply)


def _no_charges(_symbol: str) -> Mapping[int, LegCharges] | None:
    return None


def _no_threshold(_symbol: str) -> float | None:
    return None


class DeskWatch:
    """Polls portfolio, and sets the cells `state`, `account`, `risk`, `latency`, and those of symbols and orders."""

    def __init__(
        self,
        client: PortfolioClient,
        cells: Cells,
        sources: Sources,
        *,
        terms: Callable[[], AccountTerms],
        quotes: Quotes,
        watched: Sequence[str] = (),
        charges_of: Callable[[str], Mapping[int, LegCharges] | None] = _no_charges,
        threshold_of: Callable[[str], float | None] = _no_threshold,
        mono_ns: Callable[[], int] = clock.mono_ns,
    ) -> None:
        """Start without a connected client.

        Args:
            client: sends the queries.
            cells: get the values.
            sources: get the time and the problem of each poll.
            terms: returns the terms of the account.
            quotes: the newest quotes.
            watched: symbols that serve only for conversion rates.
            charges_of: returns swap and commission of a symbol's open tickets; None while they are not known.
            threshold_of: returns the lowest confidence of a signal of a symbol; None for a rule without one.
            mono_ns: returns monotonic nanoseconds.
        """
        self._client = client
        self._cells = cells
        self._sources = sources
        self._terms = terms
        self._quotes = quotes
        self._watched = watched
        self._charges_of = charges_of
        self._threshold_of = threshold_of
        self._mono_ns = mono_ns
        self._watchers = 0
        self._is_watched = asyncio.Event()
        self._poll_task: asyncio.Task[None] | None = None
        self._polled_ns: int | None = None
        self._is_expired = False
        self._slow_ns: int | None = None

    @property
    def watchers(self) -> int:
        """Number of connected clients."""
        return self._watchers

    @contextmanager
    def attach(self) -> Iterator[None]:
        """Count a connected client during the block."""
        self._watchers += 1
        self._is_watched.set()
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._is_watched.clear()

    async def watched(self) -> None:
        """Wait until a client is connected."""
        await self._is_watched.wait()

    def expire(self) -> None:
        """Let the next `refresh` poll again, because a command may have changed the state since a poll began."""
        self._is_expired = True

    async def refresh(self, max_age_s: float = POLL_S) -> None:
        """Poll portfolio, unless a poll ended at most `max_age_s` seconds ago; wait for a poll that has begun.

        It raises no error: the cell `sources` shows whether portfolio has replied.
        """
        if self._poll_task is not None and self._is_expired:
            await asyncio.shield(self._poll_task)
        if self._poll_task is None:
            is_new = self._polled_ns is not None and self._mono_ns() - self._polled_ns <= max_age_s * SECOND_NS
            if is_new and not self._is_expired:
                return
            self._is_expired = False
            self._poll_task = asyncio.create_task(self._poll())
        await asyncio.shield(self._poll_task)

    async def run(self) -> None:
        """Poll while a client is connected, until canceled."""
        while True:
            await self.watched()
            begin_ns = self._mono_ns()
            await self.refresh(POLL_S / 2)
            took_s = (self._mono_ns() - begin_ns) / SECOND_NS
            await asyncio.sleep(max(POLL_S - took_s, min(took_s, PAUSE_MAX_S)))

    async def _poll(self) -> None:
        try:
            await self._ask_all()
        except DeskSilentError as error:
            self._sources.portfolio_failed(str(error))
        except DeskRefusedError as error:
            self._sources.portfolio_failed(str(error).partition("\n")[0])
        finally:
            self._polled_ns = self._mono_ns()
            self._poll_task = None

    async def _ask_all(self) -> None:
        status = await self._client.ask(StatusQuery(), StatusReply)
        self._sources.portfolio_answered()
        terms = self._terms()
        self._cells.set("state", state_view(status, terms, self._watched))
        self._cells.set("latency", latency_view(status))
        for symbol, line in status.signals.items():
            self._cells.set(f"signal:{symbol}", signal_view(line, self._threshold_of(symbol)))
        account = await self._client.ask(AccountQuery(), AccountView)
        self._cells.set("account", account_state(account, status))
        await self._ask_positions(terms)
        await self._ask_orders(status)
        if self._slow_ns is None or self._mono_ns() - self._slow_ns >= SLOW_EVERY_NS:
            self._slow_ns = self._mono_ns()
            self._show_markets(terms, status.venue_time_ns)
            await self._ask_risk()

    def _show_markets(self, terms: AccountTerms, venue_time_ns: int) -> None:
        for symbol, instrument in terms.instruments.items():
            self._cells.set(f"market:{symbol}", market_view(instrument, terms, self._quotes, venue_time_ns))

    async def _ask_positions(self, terms: AccountTerms) -> None:
        stream = terms.stream
        valuation = None
        if stream is not None:
            valuation = Valuation(terms.instruments, self._quotes, stream.currency, stream.currency_digits)
        pages = await self._pages(lambda after: PositionsQuery(after=after, limit=PAGE_ROWS_MAX), PositionsReply)
        views = [position_view(row, valuation, self._charges_of(row.symbol)) for page in pages for row in page.rows]
        self._show_all("position:", {view.symbol: view for view in views})

    async def _ask_orders(self, status: StatusReply) -> None:
        def query(after: int) -> OrdersQuery:
            return OrdersQuery(after=after, limit=PAGE_ROWS_MAX, open_only=True, newest=False)

        pages = await self._pages(query, OrdersReply) if status.orders_open else []
        self._show_all("order:", {row.order_id: row for page in pages for row in page.rows})

    async def _ask_risk(self) -> None:
        pages = await self._pages(lambda after: RiskQuery(after=after, limit=PAGE_ROWS_MAX), RiskReply)
        rows = [row for page in pages for row in page.rows]
        self._cells.set("risk", structs.replace(pages[0], next=pages[-1].next, rows=rows))

    async def _pages(self, query: Callable[[int], ViewQuery], expected: type[R]) -> list[R]:
        pages = [await self._client.ask(query(0), expected)]
        while pages[-1].next and len(pages) < PAGES_MAX:
            pages.append(await self._client.ask(query(pages[-1].next), expected))
        return pages

    def _show_all(self, prefix: str, values: Mapping[str, object]) -> None:
        """Set the cells of these values, and remove the other ones of their kind."""
        for name, value in values.items():
            self._cells.set(prefix + name, value)
        for key in self._cells.keys(prefix):
            if key.removeprefix(prefix) not in values:
                self._cells.remove(key)
