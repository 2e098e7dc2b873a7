"""Creates the data folder of a stopped desk with many orders, with the desk's cores in one process."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw

from proto.control import DeskState
from research.backtest import Backtest
from services.mt5.core.compose import account_name
from services.mt5.stores.book_store import DurableBookStore
from services.mt5.stores.journal_store import DurableJournal
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from tests.benchmarks.workload import a_run, write_ticks

_INTERVAL_NS = 100_000_000
"""Interval of the ticks. A live desk requests deals of the last two minutes repeatedly: here those of 1,200 orders."""


def make_large_desk(data_dir: Path, *, orders: int) -> None:
    """Trade `orders` orders, one on each tick, into the ledger, journal and book of an empty folder.

    Nothing is synced during the run, because syncing would take most of the time; the files are complete at the end.
    """
    ticks = write_ticks(data_dir / "ticks.parquet", count=orders, interval_ns=_INTERVAL_NS)
    spec = a_run(ticks)
    stream = spec.load()
    with (
        closing(Ledger(data_dir / LEDGER_FILE_NAME)) as ledger,
        closing(DurableBookStore(data_dir / "venue" / "book.db")) as store,
        closing(
            DurableJournal(data_dir / "venue" / "journal.db", new_id="large", account=account_name("USD"))
        ) as journal,
    ):
        for db in (ledger._db, store._db, journal._db):
            _do_not_sync(db)
        backtest = Backtest(spec, stream, ledger, journal, store)
        backtest.run()
        state = backtest.state
        assert state.stream.desk_state is DeskState.FINISHED, state.stream.waiting_for
        assert len(state.account.book.orders) == orders, len(state.account.book.orders)
    ticks.unlink()


def _do_not_sync(db: apsw.Connection) -> None:
    db.pragma("synchronous", "OFF")
