"""The processes, from their heartbeat files and supervisord."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from common.heartbeat import Heartbeat, Progress
from proto.time import SECOND_NS
from services.web.api.schemas import ProcessView
from services.web.desk.process_watch import ProcessWatch
from services.web.live.cells import Cells


def look(watch: ProcessWatch, cells: Cells) -> list[ProcessView]:
    asyncio.run(watch.refresh(max_age_s=0))
    found = cells.get("processes")
    assert isinstance(found, list)
    return found


def test_without_supervisord_the_heartbeats_are_shown(tmp_path: Path) -> None:
    now_ns = [SECOND_NS]
    cells = Cells("boot")
    watch = ProcessWatch(cells, tmp_path, f"unix://{tmp_path}/absent.sock", mono_ns=lambda: now_ns[0])
    assert look(watch, cells) == []
    heartbeat = Heartbeat(tmp_path, "portfolio")
    heartbeat.beat(Progress(7, False))
    [found] = look(watch, cells)
    assert (found.name, found.state, found.pid, found.phase, found.done) == ("portfolio", "", os.getpid(), "RUNNING", 7)
    assert found.beat_age_ms == 0
    now_ns[0] += 3 * SECOND_NS
    assert look(watch, cells)[0].beat_age_ms == 3_000
    heartbeat.beat(Progress(8, False))
    assert look(watch, cells)[0].beat_age_ms == 0


def test_a_poll_is_not_repeated_within_a_second(tmp_path: Path) -> None:
    cells = Cells("boot")
    watch = ProcessWatch(cells, tmp_path, "", mono_ns=lambda: SECOND_NS)
    asyncio.run(watch.refresh())
    Heartbeat(tmp_path, "portfolio")
    asyncio.run(watch.refresh())
    assert cells.get("processes") == []
