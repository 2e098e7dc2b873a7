"""The backtest: the live cores in one process, tick by tick, without sockets.

The gateway's core with its journal and book in memory, the engines of signal, and portfolio with a ledger on disk are
those of the processes. Messages between them are handed over as objects; every request to the gateway is answered at
once, so that nothing is ever sent twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import Raw

from common.errors import StartError
from marketdata.instrument_files.loader import load_instruments
from marketdata.tick_stream import StreamTick, TickStream
from proto.codec import decode_request, encode
from proto.control import DeskState
from proto.messages import Answer, Call, CallOutcome, Signal, SignalHello, Tick
from proto.time import Now
from research.call_watch import end_calls, mark_calls
from research.report import build_report
from research.run_spec import RunSpec
from services.mt5.core.compose import account_name, simulated_gateway
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.journal import Journal, MemoryJournal
from services.mt5.core.simulated.book_store import BookStore, MemoryBookStore
from services.mt5.fill_profiles import load_fill_profile
from services.mt5.stores.book_store import DurableBookStore
from services.mt5.stores.journal_store import DurableJournal
from services.portfolio.core.portfolio import Output, Portfolio
from services.portfolio.core.state.portfolio_state import compose_state, needs_commit
from services.portfolio.ledger.event_search import modification_counts
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.portfolio.ledger.signing_key import existing_key, key_file
from services.signal.core.strategy_fault import StrategyError
from services.signal.core.symbol_engine import SymbolEngine
from services.signal.strategy_loader import parse_strategies, strategy_factories

PROGRESS_EVERY_TICKS: Final = 5_000
COMMIT_EVERY_TICKS: Final = 5_000
_PUBLISHER: Final = "signal"


class BacktestProgress(NamedTuple):
    """Progress of a run; `realized_pnl` in account currency."""

    ticks: int
    ticks_total: int
    orders: int
    fills: int
    realized_pnl: str


class Backtest:
    """One run; `run` plays the whole stream and commits the ledger at its end."""

    def __init__(self, spec: RunSpec, stream: TickStream, ledger: Ledger, journal: Journal, store: BookStore) -> None:
        """Compose the cores. An account that is already in the ledger and the store continues."""
        self._stream = stream
        self._stream_id = spec.stream_id(stream.data_sha256)
        self._ledger = ledger
        book, persisted = ledger.load()
        self.state = compose_state(config=spec.desk_config(), book=book, persisted=persisted, incarnation="")
        self._portfolio = Portfolio(self.state, timeout_ms=1_000)
        try:
            self._gateway: Gateway = simulated_gateway(
                stream=stream,
                stream_id=self._stream_id,
                journal=journal,
                book_store=store,
                boot_id="backtest",
                deposit=spec.balance,
                currency=spec.currency,
                symbol_map=spec.symbol_map,
                account_mode=spec.account_mode,
                leverage=spec.leverage,
                profile=load_fill_profile(spec.fills),
                seed=spec.seed,
                catalogue=load_instruments(spec.instruments),
            )
        except ValueError as error:
            raise StartError(str(error)) from None
        names = parse_strategies(spec.strategy, spec.symbols)
        marks = {symbol: mark_calls(symbol, name) for symbol, name in names.items()}

        def mark_load(symbol: str) -> None:
            if (mark := marks[symbol]) is not None:
                mark(0)

        makers = strategy_factories(spec.strategy, spec.symbols, model=spec.model, mark_load=mark_load)
        self._engines = {}
        for symbol, make in makers.items():
            mark_load(symbol)
            self._engines[symbol] = SymbolEngine(symbol, make(), mark_call=marks[symbol])
        end_calls()
        self._now = Now(0, 0)

    def run(self, progress: Callable[[BacktestProgress], None] | None = None) -> None:
        """Play every tick. Afterwards the desk is FINISHED, or FAILED with its reason."""
        portfolio, state, now = self._portfolio, self.state, self._now
        self._settle(portfolio.start(now))
        self._commit()
        if state.stream.desk_state is DeskState.WAITING_FOR_SIGNALS:
            hello = SignalHello(_PUBLISHER, "backtest", self._stream_id, "backtest", list(self._engines), 0, 0, [])
            self._settle(portfolio.handle(hello, now))
            self._settle(portfolio.on_idle(now))
        decided = state.stream.cursor.ordinal
        for ordinal in range(1, self._stream.last_ordinal + 1):
            tick = self._stream.tick_at(ordinal)
            signal = self._signal(tick) if tick.symbol in self._engines else None
            if ordinal <= decided:
                continue  # decided by an earlier, interrupted run of this stream: only the engines need it
            if signal is not None:
                self._settle(portfolio.handle(signal, now))
            else:
                self._settle(portfolio.handle(self._published(tick), now))
            if state.stream.cursor.ordinal < ordinal:
                self._settle(portfolio.on_idle(now))
            if state.stream.desk_state is DeskState.FAILED:
                break
            if ordinal % COMMIT_EVERY_TICKS == 0:
                self._commit()
            if progress is not None and ordinal % PROGRESS_EVERY_TICKS == 0:
                progress(self._progress())
        self._settle(portfolio.on_idle(now))
        self._commit()
        if progress is not None:
            progress(self._progress())

    def _published(self, tick: StreamTick) -> Tick:
        """A tick of a watched symbol, as the gateway publishes it."""
        return Tick(
            "backtest",
            "backtest",
            self._stream_id,
            tick.symbol,
            tick.sequence,
            tick.ordinal,
            tick.time_ns,
            tick.bid,
            tick.ask,
            tick.volume,
            0,
        )

    def _signal(self, tick: StreamTick) -> Signal:
        decision = self._engines[tick.symbol].process_tick(tick.sequence, tick.time_ns, tick.bid, tick.ask, tick.volume)
        end_calls()
        return Signal(
            _PUBLISHER,
            self._stream_id,
            tick.symbol,
            tick.sequence,
            tick.ordinal,
            tick.time_ns,
            tick.bid,
            tick.ask,
            decision.direction,
            decision.confidence,
            decision.reason,
            0,
            0,
        )

    def _settle(self, outputs: Sequence[Output]) -> None:
        """Answer every call, and every call that results from an answer."""
        while outputs:
            following: list[Output] = []
            for call in outputs:
                assert isinstance(call, Call), call
                request, _ = decode_request(bytes(call.request))
                [reply] = self._gateway.handle(request, self._now)
                answer = Answer(call.call_id, CallOutcome.REPLY, Raw(encode(reply)))
                following += self._portfolio.handle(answer, self._now)
            outputs = following

    def _commit(self) -> None:
        account, stream = self.state.account, self.state.stream
        self.state.latencies.discard()
        if needs_commit(self.state):
            self._ledger.commit(account.take_events(), account.book, stream.persisted)
            stream.mark_kept()

    def _progress(self) -> BacktestProgress:
        book = self.state.account.book
        return BacktestProgress(
            self.state.stream.cursor.ordinal,
            self._stream.last_ordinal,
            len(book.orders),
            book.position_changes,
            str(book.realized_pnl),
        )


def run_backtest(
    spec: RunSpec,
    stream: TickStream,
    *,
    data_dir: Path,
    keep_venue: bool = False,
    progress: Callable[[BacktestProgress], None] | None = None,
) -> dict[str, Any]:
    """Run a backtest with its ledger in `data_dir` and return its report.

    With `keep_venue` the broker's book and the journal are files there too, as after a replay, so that the account can be
    reconciled and continued; otherwise they are lost at the end.

    Raises:
        StartError: the directory cannot be written, its account cannot continue with this data, or a strategy fails.
    """
    with ExitStack() as files:
        # A ledger that a desk has signed continues under the desk's key; a temporary one needs none.
        ledger = files.enter_context(closing(Ledger(data_dir / LEDGER_FILE_NAME, existing_key(key_file(data_dir)))))
        journal: Journal = MemoryJournal("backtest")
        store: BookStore = MemoryBookStore()
        if keep_venue:
            store = files.enter_context(closing(DurableBookStore(data_dir / "venue" / "book.db")))
            journal = files.enter_context(
                closing(
                    DurableJournal(
                        data_dir / "venue" / "journal.db", new_id="backtest", account=account_name(spec.currency)
                    )
                )
            )
        try:
            backtest = Backtest(spec, stream, ledger, journal, store)
            started = time.perf_counter()
            backtest.run(progress)
        except StrategyError as error:
            raise StartError(str(error)) from None
        seconds = time.perf_counter() - started
    state = backtest.state
    timings = {
        "duration_s": round(seconds, 3),
        "ticks_per_s": round(state.stream.cursor.processed / seconds) if seconds else None,
        "latency_us": None,
    }
    modifications = modification_counts(data_dir / LEDGER_FILE_NAME, of_stream=True)
    return build_report(
        state.account.book,
        state.stream.cursor,
        spec,
        modifications=modifications,
        mode="backtest",
        remarks=stream.remarks,
        timings=timings,
    )
