"""A live gateway on a clock that the test advances, with venue faults on command and with restarts."""

from __future__ import annotations

from decimal import Decimal

from proto.gateway import (
    DealsReply,
    ErrorReply,
    Fault,
    Fence,
    GetDeals,
    GetOrders,
    OrderReply,
    OrdersReply,
    OrderStatusQuery,
    PlaceOrder,
    Reply,
    Request,
    Simulate,
    SimulateReply,
    VenueDeal,
    VenueOrder,
)
from proto.time import Now
from services.mt5.core.compose import simulated_gateway
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.core.simulated.book_store import MemoryBookStore
from tests.unit.mt5.builders import SECOND_NS, START_NS, a_stream

MS = 1_000_000
LEASE_MS = 5_000
SETTLING_MS = 60_000


class LiveGateway:
    """A live gateway with ten ticks a second apart; by default all ten are published before the test begins."""

    def __init__(self, *, faults: bool = True, warm_up_ms: int = 10_000) -> None:
        self.journal = MemoryJournal("journal-1")
        self.store = MemoryBookStore()
        self.mono_ns = 0
        self.wall_step_ns = 0
        self.boots = 0
        self._faults = faults
        self.gateway: Gateway
        self.boot()
        self.wait(warm_up_ms)

    def boot(self) -> None:
        """Start or restart the gateway from journal and book; active faults end."""
        self.boots += 1
        self.gateway = simulated_gateway(
            stream=a_stream(*(1.1 + n / 1_000 for n in range(10))),
            stream_id="stream-1",
            journal=self.journal,
            book_store=self.store,
            boot_id=f"boot-{self.boots}",
            terms=AccountTerms(Decimal(10_000)),
            pace=Pace(window=0, factor=1.0),
            faults=self._faults,
            lease_ttl_ms=LEASE_MS,
            settling_ms=SETTLING_MS,
        )

    @property
    def now(self) -> Now:
        return Now(START_NS + self.wall_step_ns + self.mono_ns, self.mono_ns)

    @property
    def time_ns(self) -> int:
        """Venue time, UTC."""
        return max(self.now.domain_ns, self.gateway.venue.time_ns)

    def wait(self, ms: int) -> None:
        """Advance the clock, and run the timers that are due."""
        self.mono_ns += ms * MS
        while self.gateway.on_timer(self.now):
            pass

    def ask(self, request: Request) -> Reply:
        """Send a request; returns its reply."""
        return self.gateway.handle(request, self.now)[0]

    def order(self, request: PlaceOrder) -> OrderReply:
        """Send an order; returns its OrderReply."""
        reply = self.ask(request)
        assert isinstance(reply, OrderReply), reply
        return reply

    def refused(self, request: Request) -> str:
        """Send a request that must get an ErrorReply; returns its error code."""
        reply = self.ask(request)
        assert isinstance(reply, ErrorReply), reply
        assert reply.error_code is not None
        return reply.error_code.value

    def status(self, order_id: str = "A-1") -> str:
        """The status in the reply to ORDER_STATUS."""
        reply = self.ask(OrderStatusQuery(order_id=order_id))
        assert isinstance(reply, OrderReply)
        return reply.status

    def fence(self, order_id: str = "A-1") -> str:
        """The status in the reply to FENCE."""
        reply = self.ask(Fence(order_id=order_id))
        assert isinstance(reply, OrderReply)
        return reply.status

    def play(self, fault: Fault, *, count: int = 1, duration_ms: int = 0, delay_ms: int = 0, rate: float = 0.0) -> None:
        """Inject a fault."""
        reply = self.ask(
            Simulate(fault=fault, count=count, duration_ms=duration_ms, delay_ms=delay_ms, rate=rate, seed=1)
        )
        assert isinstance(reply, SimulateReply), reply

    def deals(self) -> list[VenueDeal]:
        """The deals that the gateway shows, without the deposit."""
        reply = self.ask(GetDeals(after=1))
        assert isinstance(reply, DealsReply), reply
        return reply.deals

    def orders(self) -> list[VenueOrder]:
        """The orders that the gateway shows."""
        reply = self.ask(GetOrders())
        assert isinstance(reply, OrdersReply), reply
        return reply.orders

    @property
    def executed(self) -> int:
        """Number of deals in the broker's book without the deposit, whether or not the gateway shows them."""
        return self.gateway.venue.deal_count - 1


def seconds(count: float) -> int:
    """`count` seconds in nanoseconds."""
    return int(count * SECOND_NS)
