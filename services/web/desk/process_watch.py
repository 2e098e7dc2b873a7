"""The processes of the desk, from supervisord and their heartbeat files: the cell `processes`.

supervisord is polled in a thread, once a second while a client is connected, otherwise on demand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from common import clock, heartbeat
from common.supervisor_rpc import RPC_ERRORS, call_supervisor
from proto.time import MS_NS, SECOND_NS
from services.web.api.schemas import ProcessView
from services.web.live.cells import Cells

EVERY_S: Final = 1.0
"""Seconds between two polls."""

RPC_TIMEOUT_S: Final = 1.0

RUNNING_STATES: Final = ("STARTING", "RUNNING", "STOPPING")
"""States of supervisord in which a program has a process."""


class ProcessWatch:
    """Polls supervisord and the heartbeat files."""

    def __init__(
        self, cells: Cells, runtime_dir: Path, supervisor_url: str, *, mono_ns: Callable[[], int] = clock.mono_ns
    ) -> None:
        """Start without a poll.

        Args:
            cells: get the cell `processes`.
            runtime_dir: folder of the heartbeat files.
            supervisor_url: address of supervisord; empty if the process was not started by one.
            mono_ns: returns monotonic nanoseconds.
        """
        self._cells = cells
        self._runtime_dir = runtime_dir
        self._url = supervisor_url
        self._mono_ns = mono_ns
        self._looked_ns: int | None = None
        self._look_task: asyncio.Task[None] | None = None
        self._beats: dict[str, tuple[int, int, int]] = {}
        """Process id, number and time of the last new heartbeat, by program."""

    async def run(self, watched: Callable[[], Awaitable[None]]) -> None:
        """Poll once a second, each time after `watched` has returned, until canceled."""
        while True:
            await watched()
            await self.refresh()
            await asyncio.sleep(EVERY_S)

    async def refresh(self, max_age_s: float = EVERY_S) -> None:
        """Poll, unless the last poll ended at most `max_age_s` seconds ago."""
        if self._look_task is None:
            if self._looked_ns is not None and self._mono_ns() - self._looked_ns < max_age_s * SECOND_NS:
                return
            self._look_task = asyncio.create_task(self._look())
        await asyncio.shield(self._look_task)

    async def _look(self) -> None:
        try:
            self._cells.set("processes", await asyncio.to_thread(self._views))
        finally:
            self._looked_ns = self._mono_ns()
            self._look_task = None

    def _views(self) -> list[ProcessView]:
        rows: list[dict[str, Any]] = []
        if self._url:
            try:
                rows = call_supervisor(self._url, "getAllProcessInfo", timeout_s=RPC_TIMEOUT_S)
            except RPC_ERRORS:
                rows = []
        if rows:
            return [self._view(row) for row in sorted(rows, key=lambda row: (row["start"] or 0, row["name"]))]
        names = sorted(
            path.name.removesuffix(heartbeat.SUFFIX) for path in self._runtime_dir.glob(f"*{heartbeat.SUFFIX}")
        )
        return [self._view({"name": name}) for name in names]

    def _view(self, row: dict[str, Any]) -> ProcessView:
        name, state = str(row["name"]), str(row.get("statename", ""))
        is_up = state in RUNNING_STATES
        started_s, now_s = int(row.get("start", 0)), int(row.get("now", 0))
        beat = heartbeat.read(self._runtime_dir, name)
        pid = int(row.get("pid", 0)) if row.get("statename") else (0 if beat is None else beat.pid)
        if beat is not None and state and beat.pid != pid:
            beat = None  # of an earlier process
        return ProcessView(
            name=name,
            state=state,
            pid=pid,
            since_ns=started_s * SECOND_NS if is_up else 0,
            up_s=float(max(0, now_s - started_s)) if is_up else 0.0,
            phase=None if beat is None else beat.phase.value,
            beat_age_ms=None if beat is None else self._beat_age_ms(name, beat),
            done=None if beat is None else beat.done,
            exit_text="" if is_up or not state else _exit_text(row),
        )

    def _beat_age_ms(self, name: str, beat: heartbeat.HeartbeatRecord) -> int:
        """Milliseconds since the heartbeat was first read with its number."""
        now_ns = self._mono_ns()
        pid, number, since_ns = self._beats.get(name, (0, -1, now_ns))
        if (pid, number) != (beat.pid, beat.beat):
            since_ns = now_ns
            self._beats[name] = (beat.pid, beat.beat, now_ns)
        return (now_ns - since_ns) // MS_NS


def _exit_text(row: dict[str, Any]) -> str:
    error = str(row.get("spawnerr", ""))
    return error or (f"exit status {row.get('exitstatus', 0)}" if row.get("stop") else "not started")
