"""Time of the last message from each source, and its problem: the cell `sources`.

A page computes from it the largest possible age of a value. Times are of the wall clock of the web server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from common import clock
from proto.time import SECOND_NS
from services.web.api.schemas import GatewaySource, LedgerSource, PortfolioSource, SourcesView, StrategySource
from services.web.live.cells import Cells

PUBLISH_NS: Final = SECOND_NS
"""Interval at which times are shown; a change of a problem is shown at once."""


class Sources:
    """The last times and problems of all sources."""

    def __init__(
        self,
        cells: Cells,
        *,
        gateway: Callable[[], tuple[int, str]],
        failed: Callable[[], Mapping[str, str]],
        wall_ns: Callable[[], int] = clock.wall_ns,
    ) -> None:
        """Start without a message from any source.

        Args:
            cells: get the cell `sources`.
            gateway: returns time in ns and problem of the market feed.
            failed: returns the errors of background tasks by name.
            wall_ns: returns UTC nanoseconds.
        """
        self._cells = cells
        self._gateway = gateway
        self._failed = failed
        self._wall_ns = wall_ns
        self._portfolio = PortfolioSource(answered_ns=0, problem="portfolio has not answered yet")
        self.ledger = LedgerSource(event=0, read_ns=0, problem="the ledger has not been read yet")
        """The last reading of the ledger."""
        self._strategy = StrategySource(heard_ns=0)
        self._shown_ns = 0
        self._shown: tuple[object, ...] = ()

    def portfolio_answered(self) -> None:
        """Note a reply of portfolio."""
        self._portfolio = PortfolioSource(answered_ns=self._wall_ns(), problem="")

    def portfolio_failed(self, problem: str) -> None:
        """Note that portfolio did not reply, or refused a query; `problem` is one line."""
        self._portfolio = PortfolioSource(answered_ns=self._portfolio.answered_ns, problem=problem)

    def strategy_heard(self) -> None:
        """Note a report of a strategy."""
        self._strategy = StrategySource(heard_ns=self._wall_ns())

    def view(self) -> SourcesView:
        """The sources at this moment."""
        heard_ns, problem = self._gateway()
        return SourcesView(
            portfolio=self._portfolio,
            gateway=GatewaySource(heard_ns=heard_ns, problem=problem),
            strategy=self._strategy,
            ledger=self.ledger,
            failed=dict(self._failed()),
        )

    def publish(self) -> None:
        """Set the cell if a problem has changed, or after the interval of the times."""
        view = self.view()
        problems = (view.portfolio.problem, view.gateway.problem, view.ledger.problem, view.failed)
        now_ns = self._wall_ns()
        if problems != self._shown or not 0 <= now_ns - self._shown_ns < PUBLISH_NS:
            self._shown, self._shown_ns = problems, now_ns
            self._cells.set("sources", view)
