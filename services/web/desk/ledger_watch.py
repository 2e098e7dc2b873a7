"""Reading of new ledger events: soon after a notification of portfolio, and at least once a second.

A notification may be lost, so it only shortens the wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import zmq
from msgspec import structs

from common.clock import mono_ns
from common.errors import StartError
from common.sockets import Sockets
from proto.time import SECOND_NS
from services.web.api.schemas import LedgerSource
from services.web.desk.sources import Sources
from services.web.live.cells import Cells
from services.web.read_model.index_file import IndexUnavailableError

LOOK_S: Final = 0.05
"""Interval in seconds of the checks for a notification."""

FOLLOW_S: Final = 0.2
"""Shortest pause in seconds between two reads."""

UNHINTED_S: Final = 1.0
"""Longest pause in seconds between two reads."""

HINTS_MAX: Final = 1_000

VALUES_NS: Final = 5 * SECOND_NS
"""Longest time in ns until the cells are set again without a new event, because equity points are no events."""


class LedgerReader(Protocol):
    """Reader of the ledger; `ReadModel` is one."""

    @property
    def source(self) -> LedgerSource:
        """The last event in the index, the time of the last read, and its problem."""

    @property
    def is_complete(self) -> bool:
        """Whether the last step reached the end of the ledger."""

    def follow(self) -> int:
        """Read some new events, and return the number of the last one; called in a thread.

        Raises:
            StartError: the ledger cannot be followed.
        """


class LedgerWatch:
    """Calls the reader of the ledger, and sets the cells that depend on it."""

    def __init__(
        self,
        url: str,
        cells: Cells,
        sources: Sources,
        *,
        reader: LedgerReader,
        values: Callable[[], Mapping[str, object]],
    ) -> None:
        """Subscribe to notifications at `url`.

        Args:
            url: address at which portfolio publishes commits.
            cells: get the values.
            sources: get the number of the last event.
            reader: reads the ledger.
            values: returns the cells that depend on the ledger, by key; called in a thread, after new events.
        """
        self._cells = cells
        self._sources = sources
        self._reader = reader
        self._values = values
        self._sockets = Sockets()
        self._hints = self._sockets.sub(url, [b""], setting="EVENTS_URL")
        self._event: int | None = None
        self._valued_ns = 0

    async def run(self) -> None:
        """Read until canceled."""
        while True:
            await self.refresh()
            await asyncio.sleep(FOLLOW_S)
            waited_s = FOLLOW_S
            while self._reader.is_complete and not self._take_hints() and waited_s < UNHINTED_S:
                await asyncio.sleep(LOOK_S)
                waited_s += LOOK_S

    async def refresh(self) -> None:
        """Read until the end of the ledger, and set the cells if there were new events.

        Events that are written during the call are left to the next one, because a busy desk always writes some.
        """
        try:
            has_more = True
            while has_more:
                event = await asyncio.to_thread(self._reader.follow)
                self._sources.ledger = self._reader.source
                is_changed = event != self._event
                has_more = is_changed and not self._reader.is_complete
                if is_changed or self._are_values_old():
                    for key, value in (await asyncio.to_thread(self._values)).items():
                        self._cells.set(key, value)
                    self._event, self._valued_ns = event, mono_ns()
        except (StartError, IndexUnavailableError) as error:
            problem = str(error).partition("\n")[0]
            self._sources.ledger = structs.replace(self._sources.ledger, problem=problem)

    def close(self) -> None:
        """Close the socket."""
        self._sockets.close()

    def _are_values_old(self) -> bool:
        return mono_ns() - self._valued_ns > VALUES_NS

    def _take_hints(self) -> bool:
        is_hinted = False
        for _ in range(HINTS_MAX):
            try:
                self._hints.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            is_hinted = True
        return is_hinted
