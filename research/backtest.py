"""The backtest: the cores of gateway, signal and portfolio in one process, tick by tick, without sockets.

The cores are those of a desk's processes. The ledger is on disk, or there is none. The gateway's journal and the
simulated broker's book are in memory unless `keep_venue` is set. Messages are passed as objects. The gateway answers
every request at once, so no request is repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from common.errors import StartError
from common.gc_control import gc_frozen
from marketdata.tick_stream import TickStream
from proto.control import DeskState
from proto.messages import Signal, Tick
from research.backtest_engine import DEFAULT_ENGINE, BacktestEngine
from research.in_process_desk import COMMIT_EVERY_TICKS, PROGRESS_EVERY_TICKS, BacktestProgress, InProcessDesk
from research.live_backtest import LiveBacktest
from research.order_policy_name import OrderPolicyName
from research.report import build_report
from research.run_spec import RunSpec
from research.unstored_ledger import UnstoredLedger
from services.mt5.core.compose import account_name
from services.mt5.core.gateway.journal import Journal, MemoryJournal
from services.mt5.core.simulated.book_store import BookStore, UnstoredBook
from services.mt5.stores.book_store import DurableBookStore
from services.mt5.stores.journal_store import DurableJournal
from services.portfolio.ledger.event_search import modification_counts
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.portfolio.ledger.signing_key import existing_key, key_file
from services.signal.core.strategy_fault import StrategyError
from services.signal.model.kernel_cache import configure_kernel_cache


class Backtest(InProcessDesk):
    """One run in lock-step."""

    def run(self, progress: Callable[[BacktestProgress], None] | None = None) -> None:
        """Process every tick and commit the ledger. Afterwards the desk is FINISHED, or FAILED with a reason."""
        portfolio, state, now = self._portfolio, self.state, self._now
        self._settle(portfolio.start(now))
        self._commit()
        if state.stream.desk_state is DeskState.WAITING_FOR_SIGNALS:
            self._settle(portfolio.handle(self._hello(), now))
            self._settle(portfolio.on_idle(now))
        self._process_ticks(state.stream.cursor.ordinal, progress)
        self._settle(portfolio.on_idle(now))
        self._commit()
        if progress is not None:
            progress(self._progress())

    def _process_ticks(self, decided: int, progress: Callable[[BacktestProgress], None] | None) -> None:
        """Process every tick; portfolio processed those up to ordinal `decided` in an earlier, interrupted run."""
        for ordinal in range(1, self._stream.last_ordinal + 1):
            tick = self._stream.tick_at(ordinal)
            signal = self._signal(tick) if tick.symbol in self._engines else None
            if ordinal <= decided:
                continue  # only the engines need the tick again
            self._process(ordinal, self._published(tick) if signal is None else signal)
            if self.state.stream.desk_state is DeskState.FAILED:
                break
            self._after_tick(ordinal, progress)

    def _process(self, ordinal: int, message: Signal | Tick) -> None:
        """Pass the signal of the next tick, or the tick of a watched symbol, to portfolio, and answer its calls."""
        portfolio, now = self._portfolio, self._now
        self._settle(portfolio.handle(message, now))
        if self.state.stream.cursor.ordinal < ordinal:
            self._settle(portfolio.on_idle(now))

    def _after_tick(self, ordinal: int, progress: Callable[[BacktestProgress], None] | None) -> None:
        """Commit and report the progress if it is time."""
        if ordinal % COMMIT_EVERY_TICKS == 0:
            self._commit()
        if progress is not None and ordinal % PROGRESS_EVERY_TICKS == 0:
            progress(self._progress())


def _backtest_class(
    order_policy: OrderPolicyName, engine: BacktestEngine, data_dir: Path | None
) -> type[InProcessDesk]:
    if order_policy is OrderPolicyName.LIVE:
        return LiveBacktest
    if engine is BacktestEngine.TICKS:
        return Backtest
    configure_kernel_cache(data_dir)
    # Imported here because the cache folder must be set before a kernel is imported.
    from research.event_backtest import EventBacktest

    return EventBacktest


def run_backtest(
    spec: RunSpec,
    stream: TickStream,
    *,
    data_dir: Path | None,
    engine: BacktestEngine = DEFAULT_ENGINE,
    keep_venue: bool = False,
    progress: Callable[[BacktestProgress], None] | None = None,
) -> dict[str, Any]:
    """Run a backtest, and return its report.

    Args:
        spec: the run.
        stream: the ticks of the run.
        data_dir: folder of the ledger; None for a run without a ledger, which leaves nothing but the report.
        engine: how ticks are processed, which changes no result. Under the live order policy it is always `ticks`.
        keep_venue: whether the simulated broker's book and the journal are also files in `data_dir`, so that the
            account can be reconciled and continued. Otherwise they are in memory, and lost at the end.
        progress: called every PROGRESS_EVERY_TICKS ticks and at the end; None for no calls.

    Raises:
        StartError: `data_dir` cannot be written, the account in it cannot continue with `stream`, or a strategy fails.
    """
    assert data_dir is not None or not keep_venue
    with gc_frozen(), ExitStack() as files:
        ledger: UnstoredLedger | Ledger = UnstoredLedger()
        if data_dir is not None:
            # A ledger that a desk has signed can only be continued with the desk's key. A new ledger needs no key.
            ledger = files.enter_context(closing(Ledger(data_dir / LEDGER_FILE_NAME, existing_key(key_file(data_dir)))))
        journal: Journal = MemoryJournal("backtest")
        store: BookStore = UnstoredBook()
        if data_dir is not None and keep_venue:
            store = files.enter_context(closing(DurableBookStore(data_dir / "venue" / "book.db")))
            journal = files.enter_context(
                closing(
                    DurableJournal(
                        data_dir / "venue" / "journal.db", new_id="backtest", account=account_name(spec.currency)
                    )
                )
            )
        try:
            backtest = _backtest_class(spec.order_policy, engine, data_dir)(spec, stream, ledger, journal, store)
            backtest.commits_before_calls = keep_venue
            started = time.perf_counter()
            backtest.run(progress)
        except StrategyError as error:
            raise StartError(str(error)) from None
        seconds = time.perf_counter() - started
    state = backtest.state
    timings = {
        "duration_s": round(seconds, 3),
        "ticks_per_s": round(state.stream.cursor.processed / seconds) if seconds else None,
        "engine": str(backtest.engine),
        "visits": backtest.visits,
        "visited_on_every_tick": backtest.visited_parts,
    }
    return build_report(
        state.account.book,
        state.stream.cursor,
        spec,
        modifications=(
            ledger.modifications
            if isinstance(ledger, UnstoredLedger)
            else modification_counts(ledger.path, of_stream=True)
        ),
        mode="backtest",
        has_ledger=data_dir is not None,
        remarks=(*stream.remarks, *backtest.remarks),
        timings=timings,
    )
