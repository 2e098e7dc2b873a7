"""Turns: five times a second the changes of the cells get a number, and the WebSockets send them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from common.clock import mono_ns
from proto.time import SECOND_NS
from services.web.live.cells import Cells
from services.web.live.flow import KEEP_ALIVE_NS, TURN_NS


class Turns:
    """Closes the numbers of the cells, at most one each `TURN_NS` and at least one each `KEEP_ALIVE_NS`."""

    def __init__(self, cells: Cells, publishers: Sequence[Callable[[], None]] = ()) -> None:
        """Serve `cells`. Each of `publishers` is called before a turn and sets the cells that change often."""
        self._cells = cells
        self._publishers = publishers
        self._turned = asyncio.Event()
        self._closed_ns = 0

    async def run(self) -> None:
        """Take turns until canceled."""
        while True:
            due_ns = mono_ns() + TURN_NS
            self.take(mono_ns())
            await asyncio.sleep(max(0, due_ns - mono_ns()) / SECOND_NS)

    def take(self, now_ns: int) -> None:
        """Take one turn at monotonic time `now_ns`."""
        for publish in self._publishers:
            publish()
        before = self._cells.number
        is_late = now_ns - self._closed_ns >= KEEP_ALIVE_NS - TURN_NS // 2
        if self._cells.turn(keep_alive=is_late) != before:
            self._closed_ns = now_ns
        turned, self._turned = self._turned, asyncio.Event()
        turned.set()

    async def next(self) -> None:
        """Wait for the end of the next turn."""
        await self._turned.wait()
