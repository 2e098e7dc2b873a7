"""Reading of ledger events: after a notification over a real socket, at least once a second, and with shown errors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from common.errors import StartError
from common.sockets import Sockets, send
from proto.codec import encode
from proto.messages import LedgerCommit
from services.web.api.schemas import LedgerSource
from services.web.desk.ledger_watch import LedgerWatch
from services.web.desk.sources import Sources
from services.web.live.cells import Cells
from tests.support.waits import DEADLINE_SECONDS, until


class Ledger:
    """A ledger whose events the test counts."""

    def __init__(self, url: str) -> None:
        self.event = 3
        self.fault = ""
        self.reads = 0
        self.is_complete = True
        self.cells = Cells("boot")
        self.sources = Sources(self.cells, gateway=lambda: (0, ""), failed=dict)
        self.watch = LedgerWatch(url, self.cells, self.sources, reader=self, values=lambda: {"revisions": self.event})

    @property
    def source(self) -> LedgerSource:
        return LedgerSource(event=self.event, read_ns=1, problem="")

    def follow(self) -> int:
        self.reads += 1
        if self.fault:
            raise StartError(self.fault)
        return self.event


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/events.ipc"


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    ledger = Ledger(url)
    yield ledger
    ledger.watch.close()


def test_new_events_set_the_cells(ledger: Ledger) -> None:
    asyncio.run(ledger.watch.refresh())
    assert ledger.cells.get("revisions") == 3
    assert ledger.sources.view().ledger.event == 3
    ledger.event = 4
    asyncio.run(ledger.watch.refresh())
    assert ledger.cells.get("revisions") == 4


class BusyLedger(Ledger):
    """A ledger that gets a new event during each read; `steps` is the number of reads until its current end."""

    steps = 1

    def follow(self) -> int:
        self.event += 1
        self.is_complete = self.reads + 1 >= self.steps
        return super().follow()


@pytest.mark.parametrize("steps", [1, 4])
def test_a_refresh_ends_at_the_end_of_the_ledger_although_events_are_written(url: str, steps: int) -> None:
    ledger = BusyLedger(url)
    ledger.steps = steps
    with closing(ledger.watch):
        asyncio.run(asyncio.wait_for(ledger.watch.refresh(), DEADLINE_SECONDS))
    assert ledger.reads == steps


def test_an_unreadable_ledger_is_shown_until_it_can_be_read(ledger: Ledger) -> None:
    ledger.fault = "ledger.db does not exist\nmore"
    asyncio.run(ledger.watch.refresh())
    assert ledger.sources.view().ledger.problem == "ledger.db does not exist"
    ledger.fault = ""
    asyncio.run(ledger.watch.refresh())
    assert ledger.sources.view().ledger.problem == ""


def test_it_is_read_once_a_second_and_at_once_after_a_notification(ledger: Ledger, url: str) -> None:
    async def main() -> None:
        task = asyncio.create_task(ledger.watch.run())
        await until(lambda: ledger.reads >= 2, "the first reading")
        await until(lambda: ledger.reads >= 3, "a read without a notification", seconds=3)
        sockets = Sockets()
        hints = sockets.pub(url)
        before = ledger.reads

        def is_woken() -> bool:
            ledger.event += 1
            send(hints, [encode(LedgerCommit(ledger.event))])
            return ledger.reads >= before + 3

        await until(is_woken, "reads after notifications", seconds=3)
        sockets.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
