"""After a power cut at any operation, no acknowledged data is lost.

A run with the real stores of the desk is recorded once. Then its files are rebuilt in states that a power cut may
leave. The journal and the broker's book sync every commit, so they must contain every acknowledged commit. The ledger
may lose only its newest commits: the rest must be a valid chain that is a beginning of the full chain.

  make crash-images IMAGES=1000
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from common.errors import StartError
from marketdata.files.tick_input import TickInput
from proto.gateway import OrderReply, VenueDeal
from research.backtest import Backtest
from research.run_spec import RunSpec
from services.mt5.core.gateway.journal import Effect
from services.mt5.core.simulated.book import BookChange
from services.mt5.stores.book_store import DurableBookStore
from services.mt5.stores.journal_store import DurableJournal
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.portfolio import Output
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, read_ledger, verify_ledger
from tests.storage.images import Disk, crash_images, write_image
from tests.storage.recorder import Recorder
from tests.support.tick_files import a_tick_file

IMAGES = int(os.environ.get("CRASH_IMAGES", "120"))
SEED = int(os.environ.get("CRASH_IMAGES_SEED", "20140501"))
TICKS = 1_500
ACCOUNT = "paper-USD"


@dataclass
class Acknowledgements:
    """The acknowledgements of a run, each with the number of file operations before it."""

    recorder: Recorder
    replies: list[tuple[int, str, OrderReply]] = field(default_factory=list)
    book: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Number of file operations so far."""
        return len(self.recorder.operations)


class AcknowledgingJournal(DurableJournal):
    """A journal that records each reply when it is stored, because the gateway may send it from then on."""

    acknowledgements: Acknowledgements

    def record_done(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        super().record_done(order_id, effect, reply)
        self.acknowledgements.replies.append((self.acknowledgements.done, order_id, reply))


class AcknowledgingBookStore(DurableBookStore):
    """A book store that records the orders and deals that the broker has committed."""

    acknowledgements: Acknowledgements
    orders = deals = 0

    def commit(self, change: BookChange) -> None:
        super().commit(change)
        self.orders += change.order is not None
        self.deals += change.deal is not None
        self.acknowledgements.book.append((self.acknowledgements.done, self.orders, self.deals))


class EagerBacktest(Backtest):
    """A backtest that commits after each turn, as a live desk does."""

    def _settle(self, calls: Sequence[Output]) -> None:
        super()._settle(calls)
        self._commit()


@dataclass(frozen=True)
class Recorded:
    """A recorded run: its file operations, acknowledgements and result."""

    acknowledgements: Acknowledgements
    deals: list[VenueDeal]
    ledger_deals: list[VenueDeal]
    order_ids: list[str]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """One recorded run of portfolio and gateway with real files."""
    folder = tmp_path_factory.mktemp("recorded")
    ticks = a_tick_file(folder / "may.parquet", rows=TICKS)
    spec = RunSpec(inputs=(TickInput(ticks, "EURUSD"),), strategy="tests.support.flipping:Flipping", risk="none")
    data = folder / "desk"
    acknowledgements = Acknowledgements(Recorder(data))
    with acknowledgements.recorder.running():
        ledger = Ledger(data / LEDGER_FILE_NAME)
        store = AcknowledgingBookStore(data / "book.db")
        journal = AcknowledgingJournal(data / "journal.db", new_id="journal", account=ACCOUNT)
        store.acknowledgements = journal.acknowledgements = acknowledgements
        backtest = EagerBacktest(spec, spec.load(), ledger, journal, store)
        backtest.run()
        deals = store.load().deals
        for opened in (journal, store, ledger):
            opened.close()
    book = backtest.state.account.book
    assert len(acknowledgements.replies) > TICKS // 10
    return Recorded(acknowledgements, deals, list(book.deals), list(book.orders))


def test_all_acknowledged_data_is_there_after_a_power_cut(recorded: Recorded, tmp_path: Path) -> None:
    tally: Counter[str] = Counter()
    acknowledgements = recorded.acknowledgements
    for cut, number, files in crash_images(acknowledgements.recorder.operations, count=IMAGES, seed=SEED):
        folder = tmp_path / str(number)
        write_image(files, folder)
        again = f"CRASH_IMAGES={IMAGES} CRASH_IMAGES_SEED={SEED} image {number} after operation {cut}"
        tally["images"] += 1
        tally[check_journal(folder, acknowledgements, cut, again)] += 1
        tally[check_book(folder, recorded, cut, again)] += 1
        tally[check_ledger(folder, recorded, again)] += 1
    print(", ".join(f"{count} {what}" for what, count in sorted(tally.items())), f"(seed {SEED})")
    assert tally["images"] == IMAGES
    assert not [what for what in tally if "refused" in what], tally


def check_journal(folder: Path, acknowledgements: Acknowledgements, cut: int, again: str) -> str:
    """Require that the journal has every reply that was acknowledged as stored."""
    try:
        journal = DurableJournal(folder / "journal.db", new_id="another", account=ACCOUNT)
    except StartError:
        return "journals refused"
    try:
        for done, order_id, reply in acknowledgements.replies:
            if done > cut:
                break
            entry = journal.find(order_id)
            assert entry is not None, f"{order_id} is lost; {again}"
            assert entry.reply == reply, again
    finally:
        journal.close()
    return "journals whole"


def check_book(folder: Path, recorded: Recorded, cut: int, again: str) -> str:
    """Require that the book has every acknowledged order and deal, and no deal that the run did not make."""
    try:
        store = DurableBookStore(folder / "book.db")
    except StartError:
        return "books refused"
    try:
        found = store.load()
    finally:
        store.close()
    orders, deals = max(((o, d) for done, o, d in recorded.acknowledgements.book if done <= cut), default=(0, 0))
    assert len(found.orders) >= orders, again
    assert len(found.deals) >= deals, again
    assert found.deals == recorded.deals[: len(found.deals)], again
    assert found.balance == sum(deal.cash for deal in found.deals), again
    return "books whole"


def check_ledger(folder: Path, recorded: Recorded, again: str) -> str:
    """Require a valid chain of events that is a beginning of the full chain."""
    path = folder / LEDGER_FILE_NAME
    try:
        Ledger(path).close()
    except StartError:
        return "ledgers refused"
    assert verify_ledger(path) == [], again
    book, _ = read_ledger(path)
    assert book.deals == recorded.ledger_deals[: len(book.deals)], again
    assert list(book.orders) == recorded.order_ids[: len(book.orders)], again
    return "ledgers whole"


def test_nothing_is_lost_after_an_orderly_end(recorded: Recorded, tmp_path: Path) -> None:
    """Closing a database checkpoints and syncs it, so that all data is durable."""
    disk = Disk()
    for operation in recorded.acknowledgements.recorder.operations:
        disk.do(operation)
    write_image({name: bytes(content) for name, content in disk.durable.items()}, tmp_path)
    book, _ = read_ledger(tmp_path / LEDGER_FILE_NAME)
    assert book.deals == recorded.ledger_deals
    assert list(book.orders) == recorded.order_ids


def test_images_lose_what_was_not_synced(tmp_path: Path) -> None:
    """Check of the method: if a file is never synced, its images lose writes."""
    recorder = Recorder(tmp_path)
    with recorder.running():
        ledger = Ledger(tmp_path / LEDGER_FILE_NAME)
        for number in range(1, 30):
            ledger.commit([], Book(), PersistedState(TickCursor(stream_id="s", ordinal=number)))
        ledger.close()
    cut = max(n for n, operation in enumerate(recorder.operations) if operation.file.endswith("-wal"))
    ordinals = set()
    for _, number, files in crash_images(recorder.operations[:cut], count=60, seed=7):
        folder = tmp_path / f"image-{number}"
        write_image(files, folder)
        if (folder / LEDGER_FILE_NAME).is_file():
            Ledger(folder / LEDGER_FILE_NAME).close()
            ordinals.add(read_ledger(folder / LEDGER_FILE_NAME)[1].cursor.ordinal)
    assert len(ordinals) > 3
    assert min(ordinals) < 29
