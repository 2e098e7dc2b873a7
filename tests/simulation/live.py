"""Simulation of a live desk for one seed: a live market, faults of the terminal, lost journals and power cuts.

In a live market, faults change the trades, so a disturbed run is not compared with an undisturbed one. Instead, ledger
and venue must agree at the end, every order must have been executed at most once, and no order may stay open.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from marketdata.tick_stream import TickStream, build_stream
from proto.codec import encode
from proto.control import (
    Difference,
    FlattenCommand,
    HaltCommand,
    OrderCommandReply,
    ReconcileCommand,
    ReconcileReply,
    ResumeCommand,
    TradingState,
)
from proto.gateway import Fault, Simulate
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.book import Book as VenueBook
from services.portfolio.core.account.book import Book
from tests.simulation.draws import SPARSE_PAUSE_S, Desk, a_walk, desk_of
from tests.simulation.ledger import Commit
from tests.simulation.person import Person
from tests.simulation.processes import ExecutionProcess, GatewayProcess, PortfolioProcess, Process, SignalProcess
from tests.simulation.scenario import STREAM_ID, Restless, connect_and_boot
from tests.simulation.world import MS, Faults, World

SECOND: Final = 1_000 * MS
SETTLING_MS: Final = 3_000
SETTLE_SECONDS_MAX: Final = 600
"""Longest time for a run to settle. The desk waits for less than this for an order that a lost journal had."""

SPARSE_ROWS: Final = SETTLE_SECONDS_MAX // SPARSE_PAUSE_S
"""Number of quotes of each symbol while the run settles. An order is reported only at the symbol's next quote."""

VENUE_FAULTS: Final = (
    Simulate(fault=Fault.NO_REPLY, count=2),
    Simulate(fault=Fault.NONE_RESULT, count=2),
    Simulate(fault=Fault.IPC_ERROR, count=2),
    Simulate(fault=Fault.NOT_EXECUTED, count=1),
    Simulate(fault=Fault.DEAL_LATER, count=2, delay_ms=2_000),
    Simulate(fault=Fault.HISTORY_LATE, count=2, delay_ms=2_500),
    Simulate(fault=Fault.FILL_LATER, count=2, delay_ms=3_000),
    Simulate(fault=Fault.HISTORY_INCOMPLETE, duration_ms=2_000),
    Simulate(fault=Fault.HISTORY_INCOMPLETE, duration_ms=20_000),
    Simulate(fault=Fault.HISTORY_LATE, count=1, delay_ms=20_000),
    Simulate(fault=Fault.COMMENT_TRUNCATED, count=2),
    Simulate(fault=Fault.COMMENT_REWRITTEN, count=2),
    Simulate(fault=Fault.BLOCKING_CALL, count=1, duration_ms=4_000),
    Simulate(fault=Fault.POLL_DELAY, count=2),
    Simulate(fault=Fault.DISCONNECTED, duration_ms=3_000),
    Simulate(fault=Fault.WRONG_LOGIN, duration_ms=3_000),
    Simulate(fault=Fault.FOREIGN_ORDER, seed=1),
    Simulate(fault=Fault.BALANCE_DEAL),
)


@dataclass(frozen=True, kw_only=True)
class LiveSetting:
    """Settings of a run, drawn from a seed.

    `venue_fault`, `journal_loss`, `power_cut` and `command` are probabilities per second.
    """

    stream: TickStream
    desk: Desk
    faults: Faults
    venue_fault: float
    journal_loss: float
    power_cut: float
    command: float
    is_flattened: bool
    """Whether every position is closed at the end of the run."""


@dataclass(frozen=True)
class LiveEnding:
    """Result of a run.

    `lost_orders` are the order ids that a power cut removed from the ledger. `why` describes the last state, for the
    text of a failure.
    """

    is_settled: bool
    book: Book
    venue: VenueBook
    differences: list[Difference]
    lost_orders: set[str]
    ledger: list[Commit]
    answers: dict[str, OrderCommandReply]
    log_hash: str
    tally: dict[str, int]
    why: str


def live_setting_of(seed: int, *, ticks: int = 120) -> LiveSetting:
    """Draw the settings of a run from a seed."""
    dice = random.Random(f"live {seed}")
    desk = desk_of(dice)
    symbols = desk.symbols
    sources = [
        a_walk(desk, symbol, seed * 10 + number, ticks // len(symbols) + SPARSE_ROWS, sparse_rows=SPARSE_ROWS)
        for number, symbol in enumerate(symbols)
    ]
    return LiveSetting(
        stream=build_stream(sources, accept_crossed=False),
        desk=desk,
        faults=Faults(
            loss=dice.choice((0.0, 0.02, 0.1)),
            duplicate=dice.choice((0.0, 0.02, 0.1)),
            slow=dice.choice((0.0, 0.02, 0.1)),
            slow_ns_max=dice.choice((400, 6_000)) * MS,
            crash=dice.choice((0.0, 0.0005, 0.002)),
        ),
        venue_fault=dice.choice((0.0, 0.2, 0.5)),
        journal_loss=dice.choice((0.0, 0.0, 0.02)),
        power_cut=dice.choice((0.0, 0.0, 0.02)),
        command=dice.choice((0.0, 0.2, 0.6)),
        is_flattened=dice.random() < 0.4,
    )


class LiveRun:
    """One run: the desk, its faults, and the person who operates it."""

    def __init__(self, seed: int, setting: LiveSetting) -> None:
        """Create the processes without starting them."""
        self.setting = setting
        self.world = World(seed, setting.faults)
        symbols = setting.stream.symbols
        self.gateway = GatewayProcess(
            self.world,
            setting.stream,
            stream_id=STREAM_ID,
            terms=setting.desk.account,
            pace=Pace(window=0, factor=1.0),
            faults=True,
            settling_ms=SETTLING_MS,
        )
        self.signal = SignalProcess(self.world, self.gateway, symbols, Restless)
        self.execution = ExecutionProcess(self.world, self.gateway)
        self.portfolio = PortfolioProcess(
            self.world,
            setting.desk.rules,
        )
        self.person = Person(self.portfolio, random.Random(f"person {seed}"))
        self.answer: ReconcileReply | None = None
        self._seen_before: object = None
        self._is_over = False

    def play(self) -> LiveEnding:
        """Run to the end of the market, and then until no order is open and the reconciliation is complete."""
        stream, world = self.setting.stream, self.world
        self.gateway.subscribers.append(self.portfolio.receive(self.portfolio.on_tick_bytes))
        connect_and_boot(self.gateway, self.signal, self.execution, self.portfolio)
        last_ns = stream.tick_at(stream.last_ordinal).time_ns - stream.first_time_ns
        busy_ns = last_ns - SETTLE_SECONDS_MAX * SECOND
        world.after(busy_ns + 5 * SECOND, self._calm_down)
        world.after(SECOND, self._each_second)
        is_settled = world.run(self._is_settled, until_ns=world.now_ns + last_ns)
        state = self.portfolio.portfolio.state
        open_orders = [state.account.book.orders[order_id] for order_id in state.account.book.open_orders]
        return LiveEnding(
            is_settled=is_settled,
            book=state.account.book,
            venue=self.gateway.store.load(),
            differences=self.answer.differences if self.answer is not None else [],
            lost_orders=self.portfolio.lost_orders,
            ledger=self.portfolio.ledger,
            answers=self.person.answers,
            log_hash=world.log_hash(),
            tally=world.tally,
            why=f"{state.stream.desk_state} {state.stream.waiting_for}, open {open_orders}, "
            f"deals {len(state.account.book.deals)} of {self.gateway.gateway.venue.deal_count}, "
            f"stops {state.account.book.protections}, {self.answer}",
        )

    def _each_second(self) -> None:
        world, setting = self.world, self.setting
        world.after(SECOND, self._each_second)
        portfolio = self.portfolio
        if self._is_over:
            self._settle()
            return
        if world.happens(setting.venue_fault):
            self._simulate(world.dice.choice(VENUE_FAULTS))
        if world.happens(setting.journal_loss):
            self.gateway.lose_journal()
        if world.happens(setting.power_cut):
            others: tuple[Process, ...] = (self.gateway, self.signal, self.execution)
            for process in others:
                process.die("with the host")
            portfolio.lose_power()
        if world.happens(setting.command):
            self.person.act()
        if portfolio.is_alive and portfolio.portfolio.state.account.book.trading_state is not TradingState.ACTIVE:
            world.count("resumed")
            portfolio.obey(ResumeCommand("the test acts for a person"))

    def _calm_down(self) -> None:
        self._is_over = True
        self.world.faults = Faults()

    def _settle(self) -> None:
        """Request a reconciliation after the last fault."""
        portfolio = self.portfolio
        self._simulate(Simulate(fault=Fault.ALL_OFF))
        if not portfolio.is_alive:
            return
        if portfolio.portfolio.state.account.book.trading_state is not TradingState.HALTED:
            over = FlattenCommand if self.setting.is_flattened else HaltCommand
            portfolio.obey(over("the test is over"))
        elif not portfolio.portfolio.state.account.book.open_orders:
            portfolio.obey(ReconcileCommand())

    def _is_settled(self) -> bool:
        portfolio = self.portfolio
        if not self._is_over or not portfolio.is_alive:
            return False
        book = portfolio.portfolio.state.account.book
        answer = portfolio.comparisons.pop() if portfolio.comparisons else None
        is_busy = book.open_orders or any(guard.is_in_flight for guard in book.protections.values())
        if is_busy or self.gateway.gateway.venue.deal_count != len(book.deals):
            self.answer = self._seen_before = None
            return False
        if answer is not None:
            # Several reconciliations are needed: the first may begin before the last deal, and the desk adopts stops
            # only if it finds them twice.
            seen = (len(book.deals), dict(book.protections))
            self.answer, self._seen_before = answer if seen == self._seen_before else None, seen
        return (
            self.answer is not None
            and self.answer.complete
            and all(found.kind == "unknown_order" for found in self.answer.differences)
        )

    def _simulate(self, fault: Simulate) -> None:
        self.world.count(f"venue {fault.fault.value}")
        self.gateway.request(encode(fault), lambda _reply: None)


def play_live(seed: int, setting: LiveSetting) -> LiveEnding:
    """Run a live desk with the settings of a seed."""
    return LiveRun(seed, setting).play()
