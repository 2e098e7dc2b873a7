"""The reports of the strategies: the cells `model:SYMBOL`.

The web process binds the address of the reports, so several signal processes can send theirs. Only the newest report of
each symbol is kept.
"""

from __future__ import annotations

import asyncio
from typing import Final

import zmq

from common.logs import get_logger
from common.sockets import Socket, Sockets
from proto.codec import MalformedMessageError, decode_strategy_report
from proto.messages import StrategyReport
from services.web.desk.sources import Sources
from services.web.live.cells import Cells

DRAIN_S: Final = 0.1
"""Seconds between two reads of the socket."""

BATCH_MAX: Final = 1_000
"""Largest number of reports of one read."""

SYMBOLS_MAX: Final = 1_000
"""Largest number of symbols whose reports are kept."""


class StrategyWatch:
    """Reads the reports of all strategies."""

    def __init__(self, url: str, cells: Cells, sources: Sources) -> None:
        """Prepare; `run` binds the address, so that an address in use is reported and tried again."""
        self._url = url
        self._cells = cells
        self._sources = sources
        self._thresholds: dict[str, float | None] = {}
        self._is_warned = False

    def threshold_of(self, symbol: str) -> float | None:
        """The threshold of the newest report of a symbol; None without one."""
        return self._thresholds.get(symbol)

    async def run(self) -> None:
        """Read until canceled.

        Raises:
            InUseError: another process has bound the address.
            StartError: the address cannot be bound.
        """
        sockets = Sockets()
        try:
            socket = sockets.sub(self._url, [b""], bind=True, setting="STRATEGY_URL")
            while True:
                self.drain(socket)
                await asyncio.sleep(DRAIN_S)
        finally:
            sockets.close()

    def drain(self, socket: Socket) -> None:
        """Read the waiting reports, and set the cell of each symbol to its newest one."""
        newest: dict[str, StrategyReport] = {}
        for _ in range(BATCH_MAX):
            try:
                payload = socket.recv_multipart(zmq.NOBLOCK)[-1]
            except zmq.Again:
                break
            try:
                report = decode_strategy_report(payload)
            except MalformedMessageError as error:
                if not self._is_warned:
                    self._is_warned = True
                    get_logger().warning(
                        "dropped a malformed strategy report; further ones are dropped", error=str(error)
                    )
                continue
            newest[report.symbol] = report
        for symbol, report in newest.items():
            if symbol in self._thresholds or len(self._thresholds) < SYMBOLS_MAX:
                self._thresholds[symbol] = report.threshold
                self._cells.set(f"model:{symbol}", report)
        if newest:
            self._sources.strategy_heard()
