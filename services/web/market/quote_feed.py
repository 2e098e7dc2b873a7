"""The latest quotes from the gateway's tick socket.

The gateway's socket drops what a subscriber does not read, so a slow or stopped web process has no effect on the
gateway or the desk. The socket is read every `DRAIN_S` without waiting, in bounded batches. A gap in the sequence shows
missed ticks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import zmq

from common import clock
from common.logs import get_logger
from common.sockets import Sockets
from proto.codec import MalformedMessageError, decode_tick_message
from proto.messages import MarketHeartbeat, Tick
from proto.routes import HEARTBEAT_TOPIC, tick_topic
from proto.time import SECOND_NS
from proto.trading.money import Quote
from proto.trading.units import to_decimal
from services.web.api.schemas import QuoteView, RawQuote
from services.web.live.cells import Cells

DRAIN_S: Final = 0.02
"""Seconds between two reads of the socket."""

BATCH_MAX: Final = 1_000
"""Largest number of messages of one read: 50,000 a second. The socket drops what does not fit into its queue."""

RECENT_TICKS_MAX: Final = 1_000
"""Number of ticks of each symbol that are kept for requests."""

SILENT_NS: Final = 3 * SECOND_NS
"""Time without a message after which the feed counts as silent; a heartbeat comes each second."""


class Received(NamedTuple):
    """A tick, the wall time in ns at which it was read, and whether ticks before it are missing."""

    tick: Tick
    received_ns: int
    is_after_gap: bool


class QuoteFeed:
    """Reads the ticks of the given symbols, and is a source of quotes for formulas."""

    def __init__(
        self,
        url: str,
        symbols: Iterable[str],
        cells: Cells,
        *,
        on_ticks: Callable[[list[Received]], None],
        on_complete: Callable[[int], None],
        digits_of: Callable[[str], int | None],
        wall_ns: Callable[[], int] = clock.wall_ns,
    ) -> None:
        """Connect to the tick socket.

        Args:
            url: address of the gateway's tick socket.
            symbols: every quoted symbol.
            cells: get the cells `quote:SYMBOL`.
            on_ticks: called with the ticks of each read, in the order of arrival.
            on_complete: called with the venue time, in ns, up to which every published tick has been read.
            digits_of: number of decimals of a symbol's price; None while it is not known.
            wall_ns: returns UTC nanoseconds.
        """
        self._cells = cells
        self._on_ticks = on_ticks
        self._on_complete = on_complete
        self._digits_of = digits_of
        self._wall_ns = wall_ns
        self._sockets = Sockets()
        self._topics = {HEARTBEAT_TOPIC, *map(tick_topic, symbols)}
        self._socket = self._sockets.sub(url, sorted(self._topics), setting="ZMQ_MARKET_DATA_URL")
        self._recent: dict[str, deque[Received]] = {symbol: deque(maxlen=RECENT_TICKS_MAX) for symbol in symbols}
        self._changed: set[str] = set()
        self._stream = ("", "")
        self._is_warned = False
        self.heard_ns = 0
        """Wall time of the last message; 0 before the first."""
        self.venue_time_ns = 0
        """Latest venue time of the stream's messages; 0 before the first."""
        self.missed = 0
        """Number of ticks that were published and did not arrive."""
        self.malformed = 0

    async def run(self) -> None:
        """Read until canceled."""
        while True:
            self.drain()
            await asyncio.sleep(DRAIN_S)

    def drain(self) -> int:
        """Read at most `BATCH_MAX` waiting messages; returns their number."""
        received = list[Received]()
        complete_ns = 0
        now_ns = self._wall_ns()
        count = 0
        while count < BATCH_MAX:
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            count += 1
            if len(frames) == 2 and frames[0] not in self._topics:
                continue  # ZeroMQ compares prefixes: the topic of another symbol may begin with a subscribed topic
            try:
                message = decode_tick_message(frames[-1])
            except MalformedMessageError as error:
                self._drop(str(error))
                continue
            self.heard_ns = now_ns
            if isinstance(message, MarketHeartbeat):
                if self._is_complete(message):
                    complete_ns = message.time_ns
            elif (found := self._note(message, now_ns)) is not None:
                received.append(found)
            self.venue_time_ns = max(self.venue_time_ns, message.time_ns)
        if received:
            self._on_ticks(received)
        if complete_ns:
            self._on_complete(complete_ns)
        return count

    def publish(self) -> None:
        """Set the cells of the symbols with new ticks."""
        changed, self._changed = self._changed, set()
        for symbol in changed:
            if (view := self.view(symbol)) is not None:
                self._cells.set(f"quote:{symbol}", view)

    def view(self, symbol: str) -> QuoteView | None:
        """The newest quote of a symbol; None before its first tick."""
        recent = self._recent.get(symbol)
        if not recent:
            return None
        tick, received_ns, _ = recent[-1]
        digits = self._digits_of(symbol)
        spread = (
            None if digits is None else round(float((to_decimal(tick.ask) - to_decimal(tick.bid)).scaleb(digits)), 3)
        )
        return QuoteView(
            bid=tick.bid,
            ask=tick.ask,
            spread_points=spread,
            time_ns=tick.time_ns,
            received_ns=received_ns,
            sequence=tick.sequence,
            digits=digits,
        )

    def ticks(self, symbol: str, limit: int) -> list[RawQuote]:
        """The last `limit` ticks of a symbol, oldest first.

        Raises:
            KeyError: the symbol is not read.
        """
        recent = list(self._recent[symbol])[-limit:]
        return [
            RawQuote(time_ns=tick.time_ns, bid=tick.bid, ask=tick.ask, volume=tick.volume, sequence=tick.sequence)
            for tick, _, _ in recent
        ]

    def quote(self, symbol: str) -> Quote | None:
        """The newest quote in exact decimals; None before the first tick."""
        recent = self._recent.get(symbol)
        if not recent:
            return None
        tick = recent[-1].tick
        return Quote(to_decimal(tick.bid), to_decimal(tick.ask))

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that are read."""
        return tuple(self._recent)

    @property
    def problem(self) -> str:
        """Why the quotes may be old, in one line; empty while messages arrive."""
        if not self.heard_ns:
            return "no message of the market feed yet"
        silent_ns = self._wall_ns() - self.heard_ns
        return f"no message of the market feed for {silent_ns // SECOND_NS} s" if silent_ns >= SILENT_NS else ""

    def close(self) -> None:
        """Close the socket."""
        self._sockets.close()

    def _note(self, tick: Tick, now_ns: int) -> Received | None:
        """Keep a tick; None for one that was read before, which a stream in lock-step repeats."""
        is_new_stream = self._stream != (stream := (tick.publisher, tick.stream_id))
        if is_new_stream:
            self._begin(stream)
        recent = self._recent[tick.symbol]
        last = recent[-1].tick.sequence if recent else 0
        if last and tick.sequence <= last:
            return None
        is_after_gap = bool(last) and tick.sequence > last + 1
        if is_after_gap:
            self.missed += tick.sequence - last - 1
        found = Received(tick, now_ns, is_after_gap or not last)
        recent.append(found)
        self._changed.add(tick.symbol)
        return found

    def _is_complete(self, message: MarketHeartbeat) -> bool:
        """Whether every tick before a heartbeat has been read, for the symbols that have been quoted."""
        if self._stream != (stream := (message.publisher, message.stream_id)):
            self._begin(stream)
        return all(
            recent[-1].tick.sequence == message.sequences.get(symbol)
            for symbol, recent in self._recent.items()
            if recent
        )

    def _begin(self, stream: tuple[str, str]) -> None:
        """Drop the ticks of the previous stream, whose sequences and times have no meaning in this one."""
        if self._stream != ("", ""):
            get_logger().info("the market feed has a new stream", publisher=stream[0], stream_id=stream[1])
        self._stream = stream
        self.venue_time_ns = 0
        for recent in self._recent.values():
            recent.clear()

    def _drop(self, problem: str) -> None:
        self.malformed += 1
        if not self._is_warned:
            self._is_warned = True
            get_logger().warning(
                "dropped a malformed message of the market feed; further ones are counted", error=problem
            )
