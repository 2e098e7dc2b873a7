"""Latest quotes, clock and liveness of a live market, from its ticks and heartbeats.

A signal is decided on its own quote. These quotes date it, bound its price (PRICE_COLLAR) and price orders by hand.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from proto.messages import MarketHeartbeat, Tick

FEED_STALE_NS: Final = 3_000_000_000
"""Three missed heartbeats."""


class LiveQuote(NamedTuple):
    """A symbol's latest quote and when it reached this process."""

    bid: float
    ask: float
    time_ns: int
    mono_ns: int


class MarketFeed:
    """State of the feed; empty before the first message, as in a replay."""

    def __init__(self) -> None:
        """Start before the first message."""
        self.stream_id = ""
        self.newest_ns = 0
        self.last_message_mono_ns = 0
        self.quotes: dict[str, LiveQuote] = {}
        self.published: dict[str, int] = {}
        """Sequence of each symbol's latest tick; lower than before when the gateway repeats ticks."""
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
        """Set the venue's clock to a time seen at `mono_ns`; an earlier time than known is ignored."""
        if time_ns > self.newest_ns:
            self.newest_ns, self._newest_mono_ns = time_ns, mono_ns

    def time_ns(self, mono_ns: int) -> int:
        """Venue time at `mono_ns`, extrapolated by the host's clock; 0 before the first time."""
        return self.newest_ns + (mono_ns - self._newest_mono_ns) if self.newest_ns else 0

    def is_stale(self, mono_ns: int) -> bool:
        """Whether the feed is silent for longer than `FEED_STALE_NS`; False before a first message."""
        return bool(self.last_message_mono_ns) and mono_ns - self.last_message_mono_ns > FEED_STALE_NS
