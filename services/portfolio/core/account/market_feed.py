"""What is known of a live market beside the signals: that it is alive, its time and its quotes.

A signal is decided on its own quote. These date it, bound its price (PRICE_COLLAR), price orders by hand, and are shown.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from proto.messages import MarketHeartbeat, Tick

FEED_STALE_NS: Final = 3_000_000_000
"""Three heartbeats missed: the feed is not slow, it is away."""


class LiveQuote(NamedTuple):
    """A symbol's latest quote and when it reached this process."""

    bid: float
    ask: float
    time_ns: int
    mono_ns: int


class MarketFeed:
    """Takes ticks and heartbeats in; empty while nothing was heard, as in a replay."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.stream_id = ""
        self.newest_ns = 0
        self.last_message_mono_ns = 0
        self.quotes: dict[str, LiveQuote] = {}
        self.published: dict[str, int] = {}
        """The sequence that was published last of each symbol: less than before when the market has gone back."""
        self._newest_mono_ns = 0

    def on_message(self, message: Tick | MarketHeartbeat, mono_ns: int) -> None:
        """Take note of what came on the tick socket."""
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
        """The venue's clock has shown this, here or in a reply; it does not go back."""
        if time_ns > self.newest_ns:
            self.newest_ns, self._newest_mono_ns = time_ns, mono_ns

    def time_ns(self, mono_ns: int) -> int:
        """The venue's time by now, if its clock went on as ours did; 0 when it was never told."""
        return self.newest_ns + (mono_ns - self._newest_mono_ns) if self.newest_ns else 0

    def is_stale(self, mono_ns: int) -> bool:
        """Whether the feed was there and has fallen silent."""
        return bool(self.last_message_mono_ns) and mono_ns - self.last_message_mono_ns > FEED_STALE_NS
