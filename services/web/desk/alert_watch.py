"""The open alerts in short: the cell `alerts`, from the file and the heartbeat of notify, looked at once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import structs

from common import clock, heartbeat
from common.errors import StartError
from common.heartbeat import BeatAges, Phase
from proto.time import SECOND_NS
from services.web.api.alert_views import AlertsCell
from services.web.live.cells import Cells
from services.web.read_model.alert_book import AlertBook

EVERY_S: Final = 1.0
"""Seconds between two looks."""

SILENT_NS: Final = 5 * SECOND_NS
"""Time in ns without a new heartbeat after which notify is called silent: ten times the interval of the heartbeats."""

PROGRAM: Final = "notify"
"""Name of notify under supervisord, and of its heartbeat file."""

NOT_RUNNING: Final = "notify does not run, so no alert is sent"


class AlertWatch:
    """Reads the alerts again when the file of notify has changed."""

    def __init__(
        self, cells: Cells, book: AlertBook, runtime_dir: Path, *, mono_ns: Callable[[], int] = clock.mono_ns
    ) -> None:
        """Start without a look.

        Args:
            cells: get the cell `alerts`.
            book: reads the file of notify.
            runtime_dir: folder of the heartbeat files.
            mono_ns: returns monotonic nanoseconds.
        """
        self._cells = cells
        self._book = book
        self._runtime_dir = runtime_dir
        self._mono_ns = mono_ns
        self._revision: tuple[int, int] | None = None
        self._shown = AlertsCell(set_up=False)
        self._ages = BeatAges()

    async def run(self) -> None:
        """Look once a second until canceled."""
        while True:
            await self.refresh()
            await asyncio.sleep(EVERY_S)

    async def refresh(self) -> None:
        """Look once, and set the cell if anything has changed."""
        found = await asyncio.to_thread(self._look)
        if found != self._shown or self._cells.get("alerts") is None:
            self._shown = found
            self._cells.set("alerts", found)

    def _look(self) -> AlertsCell:
        if not self._book.exists:
            self._revision = None
            return AlertsCell(set_up=False, revision=self._shown.revision)
        problem = self._notify_problem()
        try:
            revision = self._book.revision()
            if revision == self._revision:
                return structs.replace(self._shown, problem=problem)
            found = self._book.open_alerts()
        except StartError as error:
            self._revision = None
            return structs.replace(self._shown, set_up=True, problem=str(error).partition("\n")[0])
        self._revision = revision
        return AlertsCell(
            set_up=True,
            revision=self._shown.revision + 1,
            open=found.number,
            worst=found.worst,
            newest=found.newest,
            problem=problem,
        )

    def _notify_problem(self) -> str:
        """Why notify may send nothing at present, in one line; empty while its heartbeats arrive."""
        beat = heartbeat.read(self._runtime_dir, PROGRAM)
        if beat is None or beat.phase is Phase.ENDING:
            return NOT_RUNNING
        if self._ages.age_ns(PROGRAM, beat, self._mono_ns()) <= SILENT_NS:
            return ""
        return "notify gives no sign of life, so alerts may be late or missing"
