"""A desk in one process without sockets: the cores of gateway, signal and portfolio.

The cores are those of a desk's processes. Messages are passed as objects. The gateway answers every request at once, so
no request is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from common.errors import StartError
from common.gc_control import collect_young
from marketdata.instrument_files.loader import load_instruments
from marketdata.tick_stream import StreamTick, TickStream
from proto.codec import NIL
from proto.messages import Call, Signal, SignalHello, Tick
from proto.time import Now
from research.backtest_engine import BacktestEngine
from research.call_watch import end_calls, mark_calls
from research.run_spec import RunSpec
from research.unstored_ledger import RunLedger
from services.mt5.core.compose import simulated_gateway
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.journal import Journal
from services.mt5.core.gateway.tick_publisher import LOCKSTEP, Pace
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.core.simulated.book_store import BookStore
from services.mt5.fill_profiles import load_fill_profile
from services.portfolio.core.account.orders import INCARNATION_CHARS
from services.portfolio.core.portfolio import Output, Portfolio
from services.portfolio.core.state.portfolio_state import compose_state, needs_commit
from services.signal.core.symbol_engine import Direction, SymbolEngine
from services.signal.strategy_loader import parse_strategies, strategy_factories

PROGRESS_EVERY_TICKS: Final = 5_000
COMMIT_EVERY_TICKS: Final = 5_000
PUBLISHER: Final = "signal"
BOOT_ID: Final = "backtest"


class BacktestProgress(NamedTuple):
    """Progress of a run; `realized_pnl` is in account currency."""

    ticks: int
    ticks_total: int
    orders: int
    fills: int
    realized_pnl: str


class InProcessDesk:
    """A desk for recorded ticks; a subclass implements `run`."""

    pace: Pace = LOCKSTEP
    """The pace of the gateway: in lock-step with the desk, or by the times of the ticks."""
    engine: BacktestEngine = BacktestEngine.TICKS
    """How ticks are processed."""
    visits: int | None = None
    """Number of ticks that were processed one by one; None if all were."""

    def __init__(
        self, spec: RunSpec, stream: TickStream, ledger: RunLedger, journal: Journal, store: BookStore
    ) -> None:
        """Compose the cores. An account in the ledger and the store is continued.

        Raises:
            StartError: the account cannot be continued with this stream.
            StrategyError: a strategy cannot be created.
        """
        self._stream = stream
        self._stream_id = spec.stream_id(stream.data_sha256)
        self._ledger = ledger
        book, persisted = ledger.load()
        self.state = compose_state(
            config=spec.desk_config(),
            book=book,
            persisted=persisted,
            incarnation=self._stream_id[:INCARNATION_CHARS],
            boot_id=BOOT_ID,
        )
        self._portfolio = Portfolio(self.state, timeout_ms=1_000, encode_request=lambda _request: NIL)
        try:
            self._gateway: Gateway = simulated_gateway(
                stream=stream,
                stream_id=self._stream_id,
                journal=journal,
                book_store=store,
                boot_id=BOOT_ID,
                pace=self.pace,
                symbol_map=spec.symbol_map,
                terms=AccountTerms(
                    deposit=spec.balance,
                    currency=spec.currency,
                    mode=spec.account_mode,
                    leverage=spec.leverage,
                    profile=load_fill_profile(spec.fills),
                    seed=spec.seed,
                    catalogue=load_instruments(spec.instruments),
                ),
            )
        except ValueError as error:
            raise StartError(str(error)) from None
        names = parse_strategies(spec.strategy, spec.symbols)
        marks = {symbol: mark_calls(symbol, name) for symbol, name in names.items()}

        def mark_load(symbol: str) -> None:
            if (mark := marks[symbol]) is not None:
                mark(0)

        factories = strategy_factories(
            spec.strategy, spec.symbols, given=spec.given_parameters(), model=spec.model, mark_load=mark_load
        )
        self._engines = {}
        for symbol, new_strategy in factories.items():
            mark_load(symbol)
            self._engines[symbol] = SymbolEngine(symbol, new_strategy(), mark_call=marks[symbol])
        end_calls()
        self._now = Now(0, 0)
        self.commits_before_calls = False
        """Whether the ledger is committed before each call, as in a process: needed if the venue outlives a crash."""

    @property
    def visited_parts(self) -> list[str]:
        """Names of the parts for which every tick was processed for a time, instead of those that they need."""
        return []

    @property
    def remarks(self) -> list[str]:
        """One line for each symbol whose strategy's `on_ticks` failed, so that `on_tick` decided every tick."""
        problems = {symbol: engine.array_problem for symbol, engine in self._engines.items() if engine.array_problem}
        return [f"{symbol}: {problem}; on_tick decided every tick" for symbol, problem in problems.items()]

    def run(self, progress: Callable[[BacktestProgress], None] | None = None) -> None:
        """Process every tick. Afterwards the desk is FINISHED, or FAILED with a reason."""
        raise NotImplementedError

    def _hello(self) -> SignalHello:
        """The hello message of the signal process."""
        return SignalHello(PUBLISHER, BOOT_ID, self._stream_id, BOOT_ID, list(self._engines), 0, 0, [])

    def _published(self, tick: StreamTick) -> Tick:
        """The message with which the gateway publishes a tick."""
        return Tick(
            BOOT_ID,
            BOOT_ID,
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
        return self._signal_message(tick, *decision)

    def _signal_message(self, tick: StreamTick, direction: Direction, confidence: float, reason: str) -> Signal:
        """The message with which a signal process sends the signal of a tick."""
        return Signal(
            PUBLISHER,
            self._stream_id,
            tick.symbol,
            tick.sequence,
            tick.ordinal,
            tick.time_ns,
            tick.bid,
            tick.ask,
            direction,
            confidence,
            reason,
            0,
            0,
        )

    def _settle(self, outputs: Sequence[Output]) -> None:
        """Answer every call to the gateway, and every call that results from an answer."""
        while outputs:
            if self.commits_before_calls:
                self._commit_changes()
            following: list[Output] = []
            for call in outputs:
                assert isinstance(call, Call), call
                [reply] = self._gateway.handle(self._portfolio.request_of(call), self._now)
                following += self._portfolio.on_reply(call, reply, self._now)
            outputs = following

    def _commit(self) -> None:
        """Commit the ledger, and free what a strategy left to the collector."""
        self._commit_changes()
        collect_young()

    def _commit_changes(self) -> None:
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
