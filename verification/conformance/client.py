"""The checks' client of a gateway: send requests, repeat them until an order has an outcome, and close positions.

The client uses only the protocol of the gateway, so that it works with every venue. It waits by polling.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeVar

import zmq

from common.errors import StartError
from common.sockets import Sockets, send
from proto.codec import decode_reply, encode
from proto.gateway import (
    AccountReply,
    Buy,
    Cancel,
    Close,
    DealsReply,
    GetAccount,
    GetDeals,
    GetOrders,
    GetPositions,
    GetSymbolInfo,
    GetTicks,
    Hello,
    HelloReply,
    Modify,
    ModifyReply,
    OrderReply,
    OrderReplyStatus,
    OrdersReply,
    OrderStatusQuery,
    PlaceOrder,
    PositionsReply,
    Reply,
    Request,
    Sell,
    SymbolReply,
    TicksReply,
    VenueDeal,
    VenueOrder,
    VenuePosition,
)
from proto.trading.enums import OrderType, Side
from proto.trading.instrument import Instrument
from proto.trading.money import Quote
from proto.trading.units import floor_to_step, to_decimal

ANSWER_S: Final = 10.0
SETTLING_S: Final = 30.0
"""Time for a real broker to execute an order and to report it."""

AGAIN_S: Final = 0.02
FAR: Final = Decimal("0.05")
"""Distance from the market, as a fraction of the price, of an order that must not be filled."""

UNSETTLED: Final = (
    OrderReplyStatus.CALL_IN_PROGRESS,
    OrderReplyStatus.IN_DOUBT,
    OrderReplyStatus.ACCEPTED,
    OrderReplyStatus.PARTIALLY_FILLED,
)
IN_CALL: Final = (OrderReplyStatus.CALL_IN_PROGRESS, OrderReplyStatus.IN_DOUBT)
R = TypeVar("R")


class NoAnswer(AssertionError):  # noqa: N818 - an assertion, so that the check fails
    """The gateway has not answered in time."""


class OpenedPosition(NamedTuple):
    """A position that a check has opened: the reply to its order, and the listed position."""

    reply: OrderReply
    position: VenuePosition


class ConformanceClient:
    """A client of one gateway, trading one symbol."""

    def __init__(
        self,
        url: str,
        *,
        symbol: str,
        run_id: str,
        restart: Callable[[], None] | None = None,
        lose_answer: Callable[[], None] | None = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        """Connect to a gateway.

        Args:
            url: address of the gateway.
            symbol: to trade.
            run_id: first part of the ids of all orders.
            restart: restarts the gateway; None if that is not possible.
            lose_answer: makes the venue lose its next reply; None to use SIMULATE.
            answer_s: longest wait for a reply, in seconds.
        """
        self.url = url
        self.symbol = symbol
        self.restart = restart
        self.lose_answer = lose_answer
        self._run_id = run_id
        self._answer_s = answer_s
        self._count = 0
        self._sockets = Sockets()
        self._socket = self._sockets.dealer(url)

    def close(self) -> None:
        """Disconnect."""
        self._sockets.close()

    # -------------------------------------------------------------------------------------------------------- requests

    def request(self, request: Request) -> Reply:
        """Send one request and return its reply.

        Raises:
            NoAnswer: no reply came in time.
        """
        return decode_reply(self.request_bytes(encode(request)))

    def request_bytes(self, payload: bytes) -> bytes:
        """Send an encoded request and return the encoded reply.

        Raises:
            NoAnswer: no reply came in time.
        """
        deadline = time.monotonic() + self._answer_s
        while self._socket.poll(0, zmq.POLLIN):
            self._socket.recv_multipart()
        while time.monotonic() < deadline:
            left_ms = max(1, int((deadline - time.monotonic()) * 1_000))
            if self._socket.poll(left_ms, zmq.POLLOUT) and send(self._socket, [b"", payload]):
                break
        if self._socket.poll(max(1, int((deadline - time.monotonic()) * 1_000)), zmq.POLLIN):
            return self._socket.recv_multipart()[-1]
        raise NoAnswer(f"{self.url} did not answer within {self._answer_s:g} s")

    def expect_reply(self, request: Request, kind: type[R]) -> R:
        """Send a request, and return its reply, which must have the type `kind`.

        Raises:
            AssertionError: the reply has another type, or no reply came in time.
        """
        reply = self.request(request)
        if not isinstance(reply, kind):
            problem = f"{getattr(reply, 'error_code', None)}: {getattr(reply, 'error', None)}"
            raise AssertionError(f"{type(request).__name__} was answered with {type(reply).__name__} ({problem})")
        return reply

    def poll_until(self, ask: Callable[[], R], is_enough: Callable[[R], bool], *, seconds: float = SETTLING_S) -> R:
        """Call `ask` until `is_enough` is true of its result, for at most `seconds`; returns the last result."""
        deadline = time.monotonic() + seconds
        while True:
            answer = ask()
            if is_enough(answer) or time.monotonic() > deadline:
                return answer
            time.sleep(AGAIN_S)

    # ----------------------------------------------------------------------------------------------------------- orders

    def new_id(self) -> str:
        """An unused order id."""
        self._count += 1
        return f"{self._run_id}-{self._count}"

    def new_order(self, side: Side = Side.BUY, *, order_id: str = "", **fields: Any) -> PlaceOrder:
        """A new order, of the least volume unless `fields` has a volume."""
        kind = Buy if side is Side.BUY else Sell
        fields.setdefault("volume", self.instrument().volume_min)
        fields.setdefault("symbol", self.symbol)
        return kind(order_id=order_id or self.new_id(), **fields)

    def place(self, order: PlaceOrder | Close) -> OrderReply:
        """Send an order, repeat it until the gateway's call to the venue has ended, and return the reply."""
        return self.poll_until(lambda: self._order_reply(order), lambda reply: reply.status not in IN_CALL)

    def place_until_filled(self, order: PlaceOrder | Close) -> OrderReply:
        """Send an order for immediate execution and return its final status."""
        reply = self.place(order)
        if reply.status not in UNSETTLED:
            return reply
        return self.poll_until(lambda: self.status(order.order_id), lambda known: known.status not in UNSETTLED)

    def status(self, order_id: str) -> OrderReply:
        """The status of an order."""
        return self.expect_reply(OrderStatusQuery(order_id=order_id), OrderReply)

    def cancel(self, order_id: str) -> OrderReply:
        """Cancel a resting order and return its status."""
        request = Cancel(order_id=order_id)
        return self.poll_until(lambda: self._order_reply(request), lambda reply: reply.status not in IN_CALL)

    def modify(self, request: Modify) -> ModifyReply:
        """Modify an order or position, and repeat the request until the gateway's call to the venue has ended.

        The request must have a revision, so that it can be repeated.
        """
        assert request.revision, "MODIFY without a revision cannot be repeated"

        def ask() -> ModifyReply:
            reply = self.request(request)
            if getattr(reply, "error_code", None) == "VENUE_BUSY":
                return ModifyReply(status="CALL_IN_PROGRESS", mode=reply.mode, venue="-", account="-", boot_id="-")
            if not isinstance(reply, ModifyReply):
                raise AssertionError(f"MODIFY was answered with {reply}")
            return reply

        return self.poll_until(ask, lambda reply: reply.status not in ("CALL_IN_PROGRESS", "IN_DOUBT"))

    def _order_reply(self, request: Request) -> OrderReply:
        reply = self.poll_until(
            lambda: self.request(request), lambda answer: getattr(answer, "error_code", None) != "VENUE_BUSY"
        )
        if not isinstance(reply, OrderReply):
            raise AssertionError(f"{type(request).__name__} was answered with {reply}")
        return reply

    # --------------------------------------------------------------------------------------------------------- queries

    def hello(self) -> HelloReply:
        """The gateway's reply to HELLO."""
        return self.expect_reply(Hello(client="conformance"), HelloReply)

    def instrument(self) -> Instrument:
        """The contract terms of the symbol."""
        return self.expect_reply(GetSymbolInfo(symbol=self.symbol), SymbolReply).instrument

    def account(self) -> AccountReply:
        """The balance, equity and margin of the account."""
        return self.expect_reply(GetAccount(), AccountReply)

    def quote(self) -> Quote:
        """The latest quote of the symbol."""
        sequence = self.hello().sequences.get(self.symbol, 0)
        if not sequence:
            raise AssertionError(f"{self.symbol} has no tick yet")
        ticks = self.expect_reply(GetTicks(symbol=self.symbol, from_sequence=sequence), TicksReply)
        return Quote(to_decimal(ticks.bid[-1]), to_decimal(ticks.ask[-1]))

    def ticks(self, *, after: int) -> list[tuple[int, int, Quote]]:
        """Up to 100 published ticks of the symbol, as sequence, time in ns and quote.

        Args:
            after: sequence of the last tick before the returned ticks.
        """
        if self.hello().sequences.get(self.symbol, 0) <= after:
            return []
        reply = self.expect_reply(GetTicks(symbol=self.symbol, from_sequence=after + 1, limit=100), TicksReply)
        rows = zip(reply.time_ns, reply.bid, reply.ask, strict=True)
        return [
            (reply.from_sequence + n, time_ns, Quote(to_decimal(bid), to_decimal(ask)))
            for n, (time_ns, bid, ask) in enumerate(rows)
        ]

    def far_price(self, side: Side, kind: OrderType) -> Decimal:
        """A price far from the market at which an order of this side and type rests."""
        quote, instrument = self.quote(), self.instrument()
        below = (side is Side.BUY) == (kind is OrderType.LIMIT)
        price = quote.bid * (1 - FAR) if below else quote.ask * (1 + FAR)
        return floor_to_step(price, instrument.tick_size)

    def positions(self) -> list[VenuePosition]:
        """All open positions."""
        return self._pages(
            lambda after: self.expect_reply(GetPositions(after=after), PositionsReply), lambda reply: reply.positions
        )

    def orders(self, *, limit: int = 100) -> list[VenueOrder]:
        """All orders of the account, requested in pages of `limit` rows."""
        return self._pages(
            lambda after: self.expect_reply(GetOrders(after=after, limit=limit), OrdersReply),
            lambda reply: reply.orders,
        )

    def deals(self, *, after: int = 0, limit: int = 100) -> list[VenueDeal]:
        """The deals of the account with numbers above `after`, requested in pages of `limit` rows."""
        return self._pages(
            lambda at: self.expect_reply(GetDeals(after=at, limit=limit), DealsReply),
            lambda reply: reply.deals,
            after=after,
        )

    def find_order(self, order_id: str) -> VenueOrder | None:
        """An order in the list of GET_ORDERS; None if it is not listed."""
        return next((order for order in self.orders() if order.order_id == order_id), None)

    def deals_of(self, order_id: str) -> list[VenueDeal]:
        """The deals of an order."""
        return [deal for deal in self.deals() if deal.order_id == order_id]

    def _pages(self, ask: Callable[[int], Any], rows: Callable[[Any], list[Any]], *, after: int = 0) -> list[Any]:
        found: list[Any] = []
        while True:
            page = ask(after)
            found += rows(page)
            if page.next is None:
                return found
            assert page.next > after, f"next is {page.next} after {after}"
            after = page.next

    # ---------------------------------------------------------------------------------------- opening and flattening

    def open_position(self, *, lots: int = 1, **fields: Any) -> OpenedPosition:
        """Open a position of `lots` times the least volume.

        Raises:
            AssertionError: the order was not filled, or its position is not listed.
        """
        order = self.new_order(volume=self.instrument().volume_min * lots, **fields)
        reply = self.place_until_filled(order)
        if reply.status != OrderReplyStatus.FILLED:
            raise AssertionError(f"a market order is {reply.status}: {reply.error}")
        mine = self.poll_until(self._of_symbol, lambda held: len(held) >= 1)
        tickets = [held.ticket for held in mine]
        if reply.position is not None and reply.position in tickets:
            return OpenedPosition(reply, mine[tickets.index(reply.position)])
        if not mine:
            raise AssertionError(f"{order.order_id} is filled and no position in {self.symbol} is listed")
        return OpenedPosition(reply, mine[-1])

    def flatten(self) -> list[str]:
        """Cancel this run's resting orders, and close the symbol's positions.

        Returns:
            A text for each order that still rests and each position that is still open.
        """
        problems = []
        for order in self.orders():
            is_mine = order.order_id.startswith(f"{self._run_id}-")
            if is_mine and order.status in (OrderReplyStatus.ACCEPTED, OrderReplyStatus.PARTIALLY_FILLED):
                ended = self.cancel(order.order_id)
                if ended.status in UNSETTLED:
                    problems.append(f"order {order.ticket} still rests: {ended.error}")
        for position in self._of_symbol():
            reply = self.place_until_filled(Close(order_id=self.new_id(), symbol=self.symbol, position=position.ticket))
            if reply.status != OrderReplyStatus.FILLED:
                problems.append(f"position {position.ticket} is open: {reply.error}")
        still = self.poll_until(self._of_symbol, lambda held: not held)
        return problems + [f"position {held.ticket} is listed as open" for held in still]

    def _of_symbol(self) -> list[VenuePosition]:
        return [held for held in self.positions() if held.symbol == self.symbol]


def require_gateway(client: ConformanceClient) -> HelloReply:
    """The gateway's reply to HELLO.

    Raises:
        StartError: no reply came in time, or the peer is no gateway.
    """
    try:
        return client.hello()
    except AssertionError as error:
        raise StartError(f"--gateway {client.url}: {error}, expected a gateway") from None
