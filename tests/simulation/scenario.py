"""Simulation of a lock-step desk for one seed: data, faults, and the run of the four processes to its end."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

from marketdata.tick_stream import TickStream, build_stream
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.book import Book as VenueBook
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.tick_cursor import TickCursor
from services.signal.core.tick_buffer import TickBuffer
from tests.simulation.draws import Desk, a_walk, desk_of
from tests.simulation.ledger import Commit
from tests.simulation.processes import ExecutionProcess, GatewayProcess, PortfolioProcess, SignalProcess
from tests.simulation.world import Faults, World

STREAM_ID = "0123456789abcdef"
VIRTUAL_SECONDS_MAX = 2_000
CALM = Faults()


class Restless:
    """A strategy that changes sides often: a crossing of short averages of the mid price, from the ninth tick on."""

    name = "restless"
    warm_up_ticks = 8

    def __init__(self) -> None:
        """Start without ticks."""
        self.fast = self.slow = 0.0
        self.seen = 0

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """Sign of the fast average minus the slow one."""
        mid = (bid + ask) / 2
        if not self.seen:
            self.fast = self.slow = mid
        self.seen += 1
        self.fast += 0.6 * (mid - self.fast)
        self.slow += 0.2 * (mid - self.slow)
        return (self.fast > self.slow) - (self.fast < self.slow), 0.5

    def snapshot(self) -> bytes:
        """The three numbers of its state."""
        return struct.pack("<ddq", self.fast, self.slow, self.seen)

    def restore(self, state: bytes) -> None:
        """Restore the three numbers."""
        self.fast, self.slow, self.seen = struct.unpack("<ddq", state)


@dataclass(frozen=True)
class Setting:
    """Settings of a run, drawn from a seed."""

    stream: TickStream
    window: int
    desk: Desk
    faults: Faults


@dataclass(frozen=True)
class Ending:
    """Result of a run; `why` describes portfolio's last state, for the text of a failure."""

    is_finished: bool
    book: Book
    ledger: list[Commit]
    cursor: TickCursor
    venue: VenueBook
    log_hash: str
    tally: dict[str, int]
    why: str


def setting_of(seed: int, *, ticks: int = 160) -> Setting:
    """Draw desk, data, window and faults from a seed."""
    dice = random.Random(f"setting {seed}")
    desk = desk_of(dice)
    symbols = desk.symbols
    sources = [a_walk(desk, symbol, seed * 10 + number, ticks // len(symbols)) for number, symbol in enumerate(symbols)]
    faults = Faults(
        loss=dice.choice((0.0, 0.02, 0.1)),
        duplicate=dice.choice((0.0, 0.02, 0.1)),
        slow=dice.choice((0.0, 0.02, 0.1)),
        crash=dice.choice((0.0, 0.001, 0.004)),
    )
    return Setting(
        stream=build_stream(sources, accept_crossed=False),
        window=dice.choice((1, 1, 7, 64)),
        desk=desk,
        faults=faults,
    )


def play(seed: int, setting: Setting, *, faults: Faults | None = None, window: int | None = None) -> Ending:
    """Run the desk to the end of its data with the faults of a seed."""
    world = World(seed, setting.faults if faults is None else faults)
    gateway = GatewayProcess(
        world,
        setting.stream,
        stream_id=STREAM_ID,
        terms=setting.desk.account,
        pace=Pace(window=window or setting.window),
    )
    signal = SignalProcess(world, gateway, setting.stream.symbols, Restless)
    execution = ExecutionProcess(world, gateway)
    portfolio = PortfolioProcess(world, setting.desk.rules)
    connect_and_boot(gateway, signal, execution, portfolio)

    def is_over() -> bool:
        return portfolio.is_alive and portfolio.portfolio.state.stream.desk_state in ("FINISHED", "FAILED")

    is_over_in_time = world.run(is_over, until_ns=world.now_ns + VIRTUAL_SECONDS_MAX * 1_000_000_000)
    state = portfolio.portfolio.state
    return Ending(
        is_finished=is_over_in_time and state.stream.desk_state == "FINISHED",
        book=state.account.book,
        ledger=portfolio.ledger,
        cursor=state.stream.cursor,
        venue=gateway.store.load(),
        log_hash=world.log_hash(),
        tally=world.tally,
        why=f"{state.stream.desk_state}: {state.stream.waiting_for} "
        f"at tick {state.stream.cursor.ordinal} of {setting.stream.last_ordinal}",
    )


def connect_and_boot(
    gateway: GatewayProcess, signal: SignalProcess, execution: ExecutionProcess, portfolio: PortfolioProcess
) -> None:
    """Connect the four processes by links, and start them in a random order."""
    gateway.subscribers.append(signal.receive(signal.on_tick_bytes))
    signal.portfolio = portfolio.receive(portfolio.on_signal_bytes)
    execution.portfolio = portfolio.receive(portfolio.on_report_bytes)
    portfolio.execution = execution.receive(execution.on_call_bytes)
    world = gateway.world
    for process in (gateway, signal, execution, portfolio):
        world.after(world.dice.randrange(1_000_000, 500_000_000), process.boot)
