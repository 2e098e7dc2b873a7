"""Simulation of the four processes of the desk: the real cores in simulated shells, whose data survives a kill.

A process may be killed between any two messages. It may also be killed while it processes a message: before or after a
commit, and before most sends. Messages that are queued for a dead process are lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from marketdata.tick_stream import TickStream
from proto.codec import (
    decode_call,
    decode_reply,
    decode_report_message,
    decode_request,
    decode_signal_message,
    decode_tick_message,
    encode,
)
from proto.control import OrderCommand, ReconcileCommand, ReconcileReply, TradingCommand
from proto.gateway import GetTicks, Hello, OrderReply
from proto.messages import Answer, Call, CourierHello, Signal, SignalHello
from proto.time import Now
from services.execution.core.courier import Courier, GatewayReply, SendToGateway
from services.mt5.core.compose import simulated_gateway
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.journal import Effect, MemoryJournal
from services.mt5.core.simulated.book import BookChange
from services.mt5.core.simulated.book_store import MemoryBookStore
from services.portfolio.core.account.events import Event, OrderCreated
from services.portfolio.core.decision.commands import CommandReply
from services.portfolio.core.portfolio import Output, Portfolio
from services.portfolio.core.state.config import DeskConfig
from services.portfolio.core.state.portfolio_state import compose_state, needs_commit
from services.portfolio.ledger.ledger import requires_fsync
from services.signal.core.engine_checkpoint import Checkpoint
from services.signal.core.signal_engine import SignalEngine
from services.signal.core.strategy import Strategy
from tests.simulation.ledger import Commit, fold
from tests.simulation.world import MS, KilledError, World

CHECKPOINT_TICKS = 16
TIMEOUT_MS = 2_000


class Process:
    """A simulated process that can be killed and is then restarted."""

    name = ""

    def __init__(self, world: World) -> None:
        """Create the process; it does not run before `boot`."""
        self.world = world
        self.is_alive = False
        self.boots = 0
        self._timer_generation = 0

    @property
    def now(self) -> Now:
        """The current time of a process that does not use venue time."""
        return Now(0, self.world.now_ns)

    def boot(self) -> None:
        """Start the process with the data on disk."""
        self.boots += 1
        self.is_alive = True
        self.world.log(f"{self.name} starts")
        self.within(self.on_boot)

    def within(self, work: Callable[[], None]) -> None:
        """Call a function during which the process may be killed."""
        if not self.is_alive:
            return
        try:
            self.may_die("between messages")
            work()
            self._arm()
        except KilledError as killed:
            self.die(str(killed))

    def die(self, where: str) -> None:
        """Kill the process, and schedule its restart."""
        if not self.is_alive:
            return
        self.is_alive = False
        self.world.count(f"killed {self.name}")
        self.world.log(f"{self.name} dies {where}")
        self.world.after(self.world.dice.randrange(50 * MS, 900 * MS), self.boot)

    def may_die(self, where: str) -> None:
        """Kill the process here with some probability."""
        if self.world.happens(self.world.faults.crash):
            raise KilledError(where)

    def receive(self, handler: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """A receiver of messages for this process; a message is lost if the process is dead at its arrival."""
        return lambda payload: self.within(lambda: handler(payload))

    def on_boot(self) -> None:
        """Create the core from the data on disk."""
        raise NotImplementedError

    def next_timer_ns(self) -> int | None:
        """Monotonic time of the core's next timer."""
        raise NotImplementedError

    def on_timer(self) -> None:
        """Run the core's timer."""
        raise NotImplementedError

    def _arm(self) -> None:
        due = self.next_timer_ns()
        if due is None:
            return
        self._timer_generation += 1
        generation = self._timer_generation

        def fire() -> None:
            if self.is_alive and generation == self._timer_generation:
                self.within(self.on_timer)

        self.world.after(max(due - self.world.now_ns, 10_000), fire)


class FragileJournal(MemoryJournal):
    """The gateway's journal; the process may be killed before or after each write about an order."""

    def __init__(self, process: Process, journal_id: str) -> None:
        super().__init__(journal_id)
        self._process = process

    def record_calling(self, order_id: str, effect: Effect, *, ordinal: int) -> None:
        self._process.may_die("before CALLING")
        super().record_calling(order_id, effect, ordinal=ordinal)
        self._process.may_die("after CALLING")

    def record_done(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        self._process.may_die("before the stored reply")
        super().record_done(order_id, effect, reply)
        self._process.may_die("after the stored reply")

    def fence(self, order_id: str, reply: OrderReply) -> None:
        self._process.may_die("before the fence")
        super().fence(order_id, reply)
        self._process.may_die("after the fence")

    def record_claimed(self, order_id: str, effect: Effect, *, ordinal: int) -> None:
        self._process.may_die("before CLAIMED")
        super().record_claimed(order_id, effect, ordinal=ordinal)
        self._process.may_die("after CLAIMED")

    def record_presumed(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        self._process.may_die("before the presumption")
        super().record_presumed(order_id, effect, reply)
        self._process.may_die("after the presumption")


class FragileBookStore(MemoryBookStore):
    """The store of the broker's book. The process may be killed before or after a commit, but not during one."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process

    def commit(self, change: BookChange) -> None:
        self._process.may_die("before the book's commit")
        super().commit(change)
        self._process.may_die("after the book's commit")


class GatewayProcess(Process):
    """The simulated gateway process with its journal and book."""

    name = "mt5"

    def __init__(self, world: World, stream: TickStream, *, stream_id: str, **options: Any) -> None:
        """Create journal and book, which survive a kill of the process; `options` are those of `simulated_gateway`."""
        super().__init__(world)
        self.stream = stream
        self.stream_id = stream_id
        self.options = options
        self.journals = 1
        self.journal = FragileJournal(self, "journal-1")
        self.store = FragileBookStore(self)
        self.gateway: Gateway
        self.subscribers: list[Callable[[bytes], None]] = []
        self._heartbeat_ns = 0

    @property
    def now(self) -> Now:
        """The current time, with venue time as in the gateway's shell."""
        return Now(self.gateway.domain_ns(self.world.now_ns), self.world.now_ns)

    def lose_journal(self) -> None:
        """Kill the process and delete its journal."""
        self.world.count("journal lost")
        self.die("with its journal")
        self.journals += 1
        self.journal = FragileJournal(self, f"journal-{self.journals}")

    def on_boot(self) -> None:
        self.gateway = simulated_gateway(
            stream=self.stream,
            stream_id=self.stream_id,
            journal=self.journal,
            book_store=self.store,
            boot_id=f"boot-{self.boots}",
            **self.options,
        )
        self._publish()

    def request(self, payload: bytes, answer: Callable[[bytes], None]) -> None:
        """Process an arriving request; the reply is sent over a separate link."""

        def serve(request_bytes: bytes) -> None:
            request, _ = decode_request(request_bytes)
            [reply] = self.gateway.handle(request, self.now)
            self.world.log(f"mt5 {type(request).__name__} -> {reply.status}")
            self.world.carry("reply", encode(reply), answer)
            self._publish()

        self.within(lambda: serve(payload))

    def next_timer_ns(self) -> int | None:
        due = self.gateway.next_timer()
        return self._heartbeat_ns if due is None else min(due, self._heartbeat_ns)

    def on_timer(self) -> None:
        if self.world.now_ns >= self._heartbeat_ns:
            self._heartbeat_ns = self.world.now_ns + 1_000 * MS
            self._spread("heartbeat", encode(self.gateway.heartbeat(self.now)))
        self._publish()

    def _publish(self) -> None:
        for tick in self.gateway.on_timer(self.now):
            self.may_die("while publishing")
            self.world.log(f"tick {tick.ordinal}")
            self._spread("tick", encode(tick))

    def _spread(self, link: str, payload: bytes) -> None:
        for subscriber in self.subscribers:
            self.world.carry(link, payload, subscriber)


class SignalProcess(Process):
    """The simulated signal process with its checkpoint."""

    name = "signal"

    def __init__(
        self, world: World, gateway: GatewayProcess, symbols: tuple[str, ...], make_strategy: Callable[[], Strategy]
    ) -> None:
        """Start without a checkpoint."""
        super().__init__(world)
        self.gateway = gateway
        self.symbols = symbols
        self.make_strategy = make_strategy
        self.disk: tuple[Checkpoint, list[Signal]] | None = None
        self.desk: SignalEngine
        self.portfolio: Callable[[bytes], None] = lambda _payload: None
        self._since_checkpoint = 0

    def on_boot(self) -> None:
        self.desk = SignalEngine(
            publisher="signal",
            boot_id=f"s{self.boots}",
            make_strategies=dict.fromkeys(self.symbols, self.make_strategy),
        )
        if self.disk is not None:
            self.desk.restore(*self.disk)
        self._do(self.desk.start(self.now))

    def on_tick_bytes(self, payload: bytes) -> None:
        """Process a frame of the tick socket."""
        self._do(self.desk.handle(decode_tick_message(payload), self.now))
        self._do(self.desk.on_idle(self.now))
        self._since_checkpoint += 1
        if self._since_checkpoint >= CHECKPOINT_TICKS:
            self._since_checkpoint = 0
            self.may_die("before the checkpoint")
            ring = self.desk.ring
            self.disk = (self.desk.checkpoint(), list(ring.since(max(1, ring.last_ordinal - 4_000))))
            self.may_die("after the checkpoint")

    def on_reply_bytes(self, payload: bytes) -> None:
        """Process a frame of the request socket."""
        self._do(self.desk.handle(decode_reply(payload), self.now))  # type: ignore[arg-type]
        while self.desk.next_timer() == 0:
            self._do(self.desk.on_timer(self.now))

    def next_timer_ns(self) -> int | None:
        return self.desk.next_timer()

    def on_timer(self) -> None:
        self._do(self.desk.on_timer(self.now))

    def _do(self, outputs: Sequence[object]) -> None:
        for output in outputs:
            if isinstance(output, Signal | SignalHello):
                self.may_die("before a send")
                self.world.carry("signal", encode(output), self.portfolio)
            elif isinstance(output, Hello | GetTicks):
                ask = partial(self.gateway.request, answer=self.receive(self.on_reply_bytes))
                self.world.carry("question", encode(output), ask)


class ExecutionProcess(Process):
    """The simulated execution process, which has no data on disk."""

    name = "execution"

    def __init__(self, world: World, gateway: GatewayProcess) -> None:
        """Create the process; its connection to portfolio is set later."""
        super().__init__(world)
        self.gateway = gateway
        self.courier: Courier
        self.portfolio: Callable[[bytes], None] = lambda _payload: None

    def on_boot(self) -> None:
        self.courier = Courier(boot_id=f"e{self.boots}")
        self._do(self.courier.start(self.now))

    def on_call_bytes(self, payload: bytes) -> None:
        """Process a frame of the command socket."""
        self._do(self.courier.handle(decode_call(payload), self.now))

    def next_timer_ns(self) -> int | None:
        return self.courier.next_timer()

    def on_timer(self) -> None:
        self._do(self.courier.on_timer(self.now))

    def _do(self, outputs: Sequence[object]) -> None:
        for output in outputs:
            if isinstance(output, SendToGateway):
                self.may_die("before a request")
                ask = partial(self.gateway.request, answer=self._answer(output.call_id))
                self.world.carry("request", output.request, ask)
            elif isinstance(output, Answer | CourierHello):
                self.may_die("before a report")
                self.world.carry("report", encode(output), self.portfolio)

    def _answer(self, call_id: int) -> Callable[[bytes], None]:
        return self.receive(lambda payload: self._do(self.courier.handle(GatewayReply(call_id, payload), self.now)))


class PortfolioProcess(Process):
    """The simulated portfolio process, whose ledger is a list of commits."""

    name = "portfolio"

    def __init__(self, world: World, rules: DeskConfig) -> None:
        """Start with an empty ledger."""
        super().__init__(world)
        self.rules = rules
        self.ledger: list[Commit] = []
        self.lost_orders: set[str] = set()
        """Order ids that a power cut removed from the ledger."""
        self.incarnations = 1
        self.comparisons: list[ReconcileReply] = []
        self.portfolio: Portfolio
        self.execution: Callable[[bytes], None] = lambda _payload: None

    def on_boot(self) -> None:
        book, persisted = fold(self.ledger)
        state = compose_state(
            config=self.rules,
            book=book,
            persisted=persisted,
            incarnation=f"{self.incarnations:08x}",
            boot_id=f"p{self.boots}",
        )
        self.portfolio = Portfolio(state, timeout_ms=TIMEOUT_MS)
        self._finish_turn(self.portfolio.start(self.now))

    @property
    def now(self) -> Now:
        """The current time, with venue time as in portfolio's shell."""
        return Now(self.portfolio.state.stream.domain_ns(self.world.now_ns), self.world.now_ns)

    def lose_power(self) -> None:
        """Kill the process as in a power cut: the ledger may lose unsynced commits and gets another incarnation."""
        self.world.count("power cut")
        self.die("with the host")
        self.incarnations += 1
        for _ in range(self.world.dice.randrange(6)):
            if not self.ledger or self.ledger[-1].is_synced:
                return
            for payload in self.ledger.pop().events:
                event = msgspec.msgpack.decode(payload, type=Event)
                if isinstance(event, OrderCreated):
                    self.lost_orders.add(event.order.order_id)

    def obey(self, command: TradingCommand | OrderCommand | ReconcileCommand) -> CommandReply | None:
        """Process a person's command; return the reply, or None if the process is dead or dies, or for RECONCILE."""
        answers: list[CommandReply] = []

        def hear() -> None:
            outputs = self.portfolio.handle(command, self.now)
            self._finish_turn(outputs)
            answers.extend(one for one in outputs if not isinstance(one, Call | ReconcileReply))

        self.within(hear)
        return answers[0] if answers else None

    def on_tick_bytes(self, payload: bytes) -> None:
        """Process a frame of the tick socket."""
        self._finish_turn(self.portfolio.handle(decode_tick_message(payload), self.now))

    def on_signal_bytes(self, payload: bytes) -> None:
        """Process a frame of the signal socket."""
        self._finish_turn(self.portfolio.handle(decode_signal_message(payload), self.now))

    def on_report_bytes(self, payload: bytes) -> None:
        """Process a frame of the report socket."""
        self._finish_turn(self.portfolio.handle(decode_report_message(payload), self.now))

    def next_timer_ns(self) -> int | None:
        return self.portfolio.next_timer()

    def on_timer(self) -> None:
        self._finish_turn(self.portfolio.on_timer(self.now))

    def _finish_turn(self, outputs: Sequence[Output]) -> None:
        outputs = [*outputs, *self.portfolio.on_idle(self.now)]
        state = self.portfolio.state
        if needs_commit(state):
            self.may_die("before the ledger's commit")
            events = state.account.take_events()
            state.stream.mark_kept()
            keeps = any(requires_fsync(event) for event in events)
            self.ledger.append(Commit([encode(event) for event in events], encode(state.stream.persisted), keeps))
            state.account.book.changed_rows.clear()
            state.stream.equity_curve.mark_stored()
            for event in events:
                self.world.log(f"ledger {type(event).__name__}")
            self.may_die("after the ledger's commit")
        for output in outputs:
            if isinstance(output, Call):
                self.may_die("before a call")
                self.world.carry("call", encode(output), self.execution)
            elif isinstance(output, ReconcileReply):
                self.comparisons.append(output)
