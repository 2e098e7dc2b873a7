"""Versions, ledger, disk and reconciliation: the cell `system`, read every 5 s while a client is connected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import apsw

from common import clock
from common.build_info import build_info
from common.disk_faults import free_bytes
from common.errors import StartError
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, open_ledger
from services.portfolio.ledger.signature import read_seal
from services.web.api.schemas import LedgerState, ReconciliationState, SourcesView, StateView, SystemView, WebState
from services.web.desk.account_terms import AccountTerms
from services.web.live.cells import Cells

EVERY_S: Final = 5.0
"""Seconds between two reads."""


class SystemWatch:
    """Reads the values that change slowly."""

    def __init__(
        self,
        cells: Cells,
        data_dir: Path,
        *,
        terms: Callable[[], AccountTerms],
        clients: Callable[[], int],
        wall_ns: Callable[[], int] = clock.wall_ns,
    ) -> None:
        """Start without a read.

        Args:
            cells: get the cell `system`; its other values come from the cells `state` and `sources`.
            data_dir: the data directory of the desk.
            terms: returns the terms of the account.
            clients: returns the number of open WebSockets.
            wall_ns: returns UTC nanoseconds.
        """
        self._cells = cells
        self._data_dir = data_dir
        self._terms = terms
        self._clients = clients
        self._started_ns = wall_ns()
        build = build_info()
        self._versions = {
            "paperdesk": build.version,
            "revision": build.revision,
            "python": build.python,
            "platform": build.platform,
        }

    async def run(self, watched: Callable[[], Awaitable[None]]) -> None:
        """Read every `EVERY_S`, each time after `watched` has returned, until canceled."""
        while True:
            await watched()
            await self.refresh()
            await asyncio.sleep(EVERY_S)

    async def refresh(self) -> None:
        """Read the values and set the cell."""
        size_bytes, is_signed, free = await asyncio.to_thread(self._look)
        state, sources = self._cells.get("state"), self._cells.get("sources")
        reconciled = self._terms().reconciled
        self._cells.set(
            "system",
            SystemView(
                versions=self._versions,
                ledger=LedgerState(
                    bytes=size_bytes,
                    events=sources.ledger.event if isinstance(sources, SourcesView) else 0,
                    signed=is_signed,
                    audit=_audit_text(state),
                ),
                data_dir_free_bytes=free,
                reconciliation=None
                if reconciled is None
                else ReconciliationState(
                    ordinal=reconciled.ordinal, differences=reconciled.differences, complete=not reconciled.differences
                ),
                gaps=state.gaps if isinstance(state, StateView) else 0,
                in_doubt=state.in_doubt if isinstance(state, StateView) else 0,
                web=WebState(clients=self._clients(), started_ns=self._started_ns),
            ),
        )

    def _look(self) -> tuple[int, bool | None, int]:
        """Size of the ledger in bytes, whether it is signed, and the free bytes on the disk; called in a thread."""
        path = self._data_dir / LEDGER_FILE_NAME
        free = free_bytes(self._data_dir) or 0
        try:
            log = path.with_name(f"{path.name}-wal")
            size_bytes = path.stat().st_size + (log.stat().st_size if log.exists() else 0)
            db = open_ledger(path)
        except (OSError, StartError):
            return 0, None, free
        try:
            return size_bytes, read_seal(db) is not None, free
        except (apsw.Error, ValueError):
            return size_bytes, None, free
        finally:
            db.close()


def _audit_text(state: object) -> str:
    """The condition that the audit of the ledger has raised; empty without one."""
    if not isinstance(state, StateView):
        return ""
    return next((one.text or one.meaning for one in state.conditions if one.code == "LEDGER_BROKEN"), "")
