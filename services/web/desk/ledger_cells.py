"""The cells that depend on the ledger: `revisions`, `fills`, `denials` and `pnl`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from msgspec import structs

from common.errors import StartError
from proto.time import MINUTE_NS
from services.web.api.schemas import DenialsCell, PnlView, RevisionsCell
from services.web.desk.position_legs import LegCharges
from services.web.read_model.filters import DenialFilter, FillFilter
from services.web.read_model.index import ReadModel

ROWS: Final = 20
"""Number of the newest fills and denials in their cells."""


class LedgerCells:
    """Makes the cells from the read model; `values` is called in a thread."""

    def __init__(
        self,
        model: ReadModel,
        *,
        venue_time_ns: Callable[[], int],
        unrealized: Callable[[], Decimal | None],
    ) -> None:
        """Read from `model`.

        Args:
            model: the index of the ledger.
            venue_time_ns: returns the venue's time, 0 before it is known.
            unrealized: returns the unrealized profit of the account; None while it is not known.
        """
        self._model = model
        self._venue_time_ns = venue_time_ns
        self._unrealized = unrealized
        self._charges: dict[str, dict[int, LegCharges]] = {}

    def values(self) -> Mapping[str, object]:
        """The cells by key.

        Raises:
            IndexUnavailableError: the index cannot be read at present.
        """
        found = self._model.revisions
        revisions = RevisionsCell(**structs.asdict(found), equity=self._equity_minute())
        fills = self._model.fills(FillFilter(limit=ROWS)).rows
        denials = DenialsCell(
            counts=self._model.denial_counts(), latest=self._model.denials(DenialFilter(limit=ROWS)).rows
        )
        self._charges = {
            symbol: {
                ticket: LegCharges(swap=-paid.swap or Decimal(0), commission=-paid.commission or Decimal(0))
                for ticket, paid in tickets.items()
            }
            for symbol, tickets in self._model.open_charges().items()
        }
        values: dict[str, object] = {"revisions": revisions, "fills": fills, "denials": denials}
        if (pnl := self.pnl()) is not None:
            values["pnl"] = pnl
        return values

    def pnl(self) -> PnlView | None:
        """The profit at this moment; None before the venue's time is known. Called in a thread.

        Raises:
            IndexUnavailableError: the index cannot be read at present.
        """
        if not (time_ns := self._venue_time_ns()):
            return None
        found = self._model.pnl(time_ns)
        return PnlView(today=found.today, week=found.week, month=found.month, open=self._unrealized())

    def charges_of(self, symbol: str) -> Mapping[int, LegCharges] | None:
        """Swap and commission of the open tickets of a symbol; None while they are not known."""
        return self._charges.get(symbol)

    def _equity_minute(self) -> int:
        """Minute since 1970 of the last point of the equity, which rises with each new point; 0 without a point."""
        try:
            return self._model.last_equity_ns() // MINUTE_NS
        except StartError:
            return 0
