"""A live market's latest quotes, clock and time of the last message, from its ticks and heartbeats.

A signal is decided on its own quote. The clock gives the age of the signal. The latest quotes bound the signal's price
(PRICE_COLLAR) and price manual orders.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from proto.messages import MarketHeartbeat, Tick

FEED_STALE_NS: Final = 3_000_000_000
"""The feed is stale after this time without a message; heartbeats come every second."""


class LiveQuote(NamedTuple):
    """A symbol's latest quote, its venue time, and the monotonic time at which it reached this process."""

    bid: float
    ask: float
    time_ns: int
    mono_ns: int


class MarketFeed:
    """State of the feed. It stays empty in a replay, which has no live market."""

    def __init__(self) -> None:
        """Start without a message."""
        self.stream_id = ""
        self.newest_ns = 0
        self.last_message_mono_ns = 0
        self.quotes: dict[str, LiveQuote] = {}
        self.published: dict[str, int] = {}
        """Sequence number of each symbol's latest tick. It decreases when the gateway repeats ticks."""
        self._newest_mono_ns = 0

    def on_message(self, message: Tick | MarketHeartbeat, mono_ns: int) -> None:
        """Process a message of the tick socket that arrived at `mono_ns`."""
        self.last_message_mono_ns = mono_ns
        if message.stream_id != self.stream_id:
            self.published = {}
        self.stream_id = message.stream_id
        self.advance_clock(message.time_ns, mono_ns)
        if isinstance(message, Tick):
            self.quotes[message.symbol] = LiveQuote(message.bid, message.ask, message.time_ns, mono_ns)
            self.published[message.symbol] = message.sequence
        else:
            self.published = dict(message.sequences)

    def advance_clock(self, time_ns: int, mono_ns: int) -> None:
        """Set the venue's clock to a time received at `mono_ns`, unless a later time is already known."""
        if time_ns > self.newest_ns:
            self.newest_ns, self._newest_mono_ns = time_ns, mono_ns

    def time_ns(self, mono_ns: int) -> int:
        """Return the venue time at `mono_ns`, extrapolated by the host's clock; 0 if no time was received yet."""
        return self.newest_ns + (mono_ns - self._newest_mono_ns) if self.newest_ns else 0

    def is_stale(self, mono_ns: int) -> bool:
        """Whether no message has arrived for longer than `FEED_STALE_NS`; False before the first message."""
        return bool(self.last_message_mono_ns) and mono_ns - self.last_message_mono_ns > FEED_STALE_NS
