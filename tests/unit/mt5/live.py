"""A live gateway driven by hand, with one clock, a venue whose faults a test sets, and restarts under a new boot id."""

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
from services.mt5.core.simulated.book_store import MemoryBookStore
from tests.unit.mt5.builders import SECOND_NS, START_NS, a_stream

MS = 1_000_000
LEASE_MS = 5_000
SETTLING_MS = 60_000


class LiveGateway:
    """Ten ticks a second apart have passed; every request is asked `ms` later than the one before."""

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
        """Start (again) on what is durable; faults are forgotten."""
        self.boots += 1
        self.gateway = simulated_gateway(
            stream=a_stream(*(1.1 + n / 1_000 for n in range(10))),
            stream_id="stream-1",
            journal=self.journal,
            book_store=self.store,
            boot_id=f"boot-{self.boots}",
            deposit=Decimal(10_000),
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
        """The venue's time."""
        return max(self.now.domain_ns, self.gateway.venue.time_ns)

    def wait(self, ms: int) -> None:
        """Let time go by, and what is due happen."""
        self.mono_ns += ms * MS
        while self.gateway.on_timer(self.now):
            pass

    def ask(self, request: Request) -> Reply:
        """One request."""
        return self.gateway.handle(request, self.now)[0]

    def order(self, request: PlaceOrder) -> OrderReply:
        """The reply to an order that the gateway took."""
        reply = self.ask(request)
        assert isinstance(reply, OrderReply), reply
        return reply

    def refused(self, request: Request) -> str:
        """Why a request was refused, nothing stored."""
        reply = self.ask(request)
        assert isinstance(reply, ErrorReply), reply
        assert reply.error_code is not None
        return reply.error_code.value

    def status(self, order_id: str = "A-1") -> str:
        """ORDER_STATUS in a word."""
        reply = self.ask(OrderStatusQuery(order_id=order_id))
        assert isinstance(reply, OrderReply)
        return reply.status

    def fence(self, order_id: str = "A-1") -> str:
        """FENCE in a word."""
        reply = self.ask(Fence(order_id=order_id))
        assert isinstance(reply, OrderReply)
        return reply.status

    def play(self, fault: Fault, *, count: int = 1, duration_ms: int = 0, delay_ms: int = 0, rate: float = 0.0) -> None:
        """Have a fault played."""
        reply = self.ask(
            Simulate(fault=fault, count=count, duration_ms=duration_ms, delay_ms=delay_ms, rate=rate, seed=1)
        )
        assert isinstance(reply, SimulateReply), reply

    def deals(self) -> list[VenueDeal]:
        """Deals that are shown, but the deposit."""
        reply = self.ask(GetDeals(after=1))
        assert isinstance(reply, DealsReply), reply
        return reply.deals

    def orders(self) -> list[VenueOrder]:
        """Orders that are shown."""
        reply = self.ask(GetOrders())
        assert isinstance(reply, OrdersReply), reply
        return reply.orders

    @property
    def executed(self) -> int:
        """How many orders the broker has executed, whatever it shows."""
        return self.gateway.venue.deal_count - 1


def seconds(count: float) -> int:
    """In nanoseconds."""
    return int(count * SECOND_NS)
