"""Ledgers for tests of the read model: of a backtest, and of events made by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from marketdata.files.tick_input import TickInput
from proto.trading.enums import AccountMode
from research.backtest import run_backtest
from research.run_spec import RunSpec
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import Event
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.web.read_model.excursions import Extremes
from services.web.read_model.index import ReadModel, no_bars
from tests.benchmarks.workload import ALTERNATE_EACH_TENTH
from tests.support.builders import START_NS, TICK_NS, an_instrument_learned, an_opened_stream

_MARKETS = (("EURUSD", 1.1, 0.0002, 0.0001, 5), ("USDJPY", 150.0, 0.03, 0.02, 3), ("XAUUSD", 2_000.0, 0.5, 0.3, 2))


def trade_by_backtest(data_dir: Path, *, mode: AccountMode, rows: int = 900, risk: str = "none") -> None:
    """Backtest three seeded markets with one tick every two minutes, over two server midnights."""
    inputs = []
    for seed, (symbol, start, step, spread, digits) in enumerate(_MARKETS, 7):
        bid = np.round(start + np.cumsum(np.random.default_rng(seed).normal(0, step, rows)), digits)
        time_ns = START_NS + np.arange(rows, dtype=np.int64) * 120 * TICK_NS
        path = data_dir / f"{symbol}.parquet"
        pl.DataFrame({"ts_ns": time_ns, "bid": bid, "ask": np.round(bid + spread, digits)}).write_parquet(path)
        inputs.append(TickInput(path, symbol))
    spec = RunSpec(
        inputs=tuple(inputs),
        account_mode=mode,
        strategy=ALTERNATE_EACH_TENTH,
        fills="realistic",
        on_opposite=OnOpposite.REVERSE,
        risk=risk,
    )
    run_backtest(spec, spec.load(), data_dir=data_dir)


class HandMadeLedger:
    """A ledger whose events a test makes by hand."""

    def __init__(self, data_dir: Path, *, symbols: Sequence[str] = ("EURUSD",), mode: AccountMode) -> None:
        """Open the ledger and commit the opened stream and the terms of the symbols."""
        self._ledger = Ledger(data_dir / LEDGER_FILE_NAME)
        self.book = Book()
        self.commit(an_opened_stream(account_mode=mode), *map(an_instrument_learned, symbols))

    def commit(self, *events: Event) -> None:
        """Commit events in one transaction."""
        for event in events:
            self.book.apply(event)
        self._ledger.commit(list(events), self.book, PersistedState())

    def close(self) -> None:
        """Close the file."""
        self._ledger.close()


@contextmanager
def ledger_by_hand(
    data_dir: Path, *, symbols: Sequence[str] = ("EURUSD",), mode: AccountMode = AccountMode.NETTING
) -> Iterator[HandMadeLedger]:
    """A ledger that is open within the block."""
    with closing(HandMadeLedger(data_dir, symbols=symbols, mode=mode)) as ledger:
        yield ledger


@contextmanager
def followed(data_dir: Path, *, extremes: Extremes = no_bars, limit: int = 5_000) -> Iterator[ReadModel]:
    """A read model that has followed the ledger to its end."""
    with closing(ReadModel(data_dir, extremes=extremes)) as model:
        follow_to_end(model, limit=limit)
        yield model


def follow_to_end(model: ReadModel, *, limit: int = 5_000) -> None:
    """Follow until no event is left."""
    for _ in range(1_000):
        model.follow(limit)
        if model.is_complete:
            return
    raise AssertionError(model.source)
