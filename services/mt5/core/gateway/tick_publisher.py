"""Publication of ticks: the window of unconfirmed ticks, the pace, and repetition.

In lock-step (window > 0) nothing is published before the first CONFIRM after a start of the gateway. After it, at most
`window` ticks beyond the confirmed tick are published. The oldest unconfirmed tick is published again until it is
confirmed, because a subscriber may have missed it. In a live stream (window 0) ticks are published by their time,
without any CONFIRM.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from marketdata.tick_stream import MarketSource
from proto.messages import Tick
from proto.time import Now

REPUBLISH_FIRST_NS: Final = 200_000_000
"""Time until a tick is repeated for the first time.

It is longer than any decision takes, and short, because the stream waits for the confirmation of a lost tick.
"""

REPUBLISH_MAX_NS: Final = 1_000_000_000
"""Longest time between two repetitions. The time doubles from `REPUBLISH_FIRST_NS` up to this limit."""

BURST_TICKS_MAX: Final = 1_000
"""Largest number of ticks published at once; far below the length of a subscriber's queue, so that none is dropped."""

WINDOW_MAX: Final = 5_000
"""Largest window: half of a subscriber's queue, because a window and its repetition must fit into the queue."""


class Pace(NamedTuple):
    """Pace of a stream.

    A `window` of 0 means a live stream. `factor` is market seconds per real second, None for as fast as possible.
    """

    window: int
    factor: float | None = None


LOCKSTEP: Final = Pace(window=1)


class TickPublisher:
    """Decides which ticks of a stream to publish now."""

    def __init__(
        self, *, stream: MarketSource, stream_id: str, publisher: str, boot_id: str, pace: Pace, book_ordinal: int
    ) -> None:
        """Start at the book's tick, because nothing else records what was published before a restart.

        Args:
            stream: the market.
            stream_id: id of the stream in ticks.
            publisher: the publisher's name in ticks.
            boot_id: id of this start of the gateway in ticks.
            pace: window and speed.
            book_ordinal: ordinal of the book's tick; 0 before the first.
        """
        assert 0 <= pace.window <= WINDOW_MAX, pace
        assert pace.window > 0 or pace.factor is not None, "a live stream has a pace"
        self.window = pace.window
        self.published = book_ordinal
        self.confirmed = max(0, book_ordinal - 1) if pace.window else book_ordinal
        self._stream = stream
        self._identity = (publisher, boot_id, stream_id)
        self._factor = pace.factor
        self._running = pace.window == 0
        self._next = self.confirmed + 1
        self._anchor: tuple[int, int] | None = None
        """Monotonic and market time at which the market's clock started; None before."""
        self._waiting_since_ns = 0
        self._repeat_after_ns = REPUBLISH_FIRST_NS

    @property
    def is_live(self) -> bool:
        """Whether ticks are published without waiting for CONFIRM."""
        return self.window == 0

    def has_tick(self, ordinal: int) -> bool:
        """Whether the stream has a tick `ordinal`, published or not."""
        return ordinal <= self._stream.last_ordinal

    def confirm(self, ordinal: int, now: Now) -> None:
        """Note that every tick up to `ordinal` is confirmed; the first call starts publication."""
        if self.window == 0:
            return
        self._running = True
        if ordinal > self.confirmed:
            self.confirmed = ordinal
            self.published = max(self.published, ordinal)
            self._next = max(self._next, ordinal + 1)
            self._start_repeat_timer(now)

    def on_timer(self, now: Now) -> list[Tick]:
        """The next ticks that are due, in order, at most `BURST_TICKS_MAX`; others that are due need another call."""
        if not self._running:
            return []
        end = self._end()
        first = self._next
        if self._anchor is None and self.window == 0 and first > end > 0:
            # Every tick was published before this start of the gateway. The clock continues from the last tick.
            self._anchor = (now.mono_ns, self._stream.tick_at(end).time_ns)
        if first <= end and self._due_at(first) <= now.mono_ns:
            ticks: list[Tick] = []
            while self._next <= end and len(ticks) < BURST_TICKS_MAX and self._due_at(self._next) <= now.mono_ns:
                if self._anchor is None:
                    self._anchor = (now.mono_ns, self._stream.tick_at(self._next).time_ns)
                ticks.append(self._tick(self._next, now.mono_ns))
                self._next += 1
            self.published = max(self.published, self._next - 1)
            if first == self.confirmed + 1:
                self._start_repeat_timer(now)
            return ticks
        repeat_at = self._repeat_at()
        if repeat_at is not None and repeat_at <= now.mono_ns:
            self._waiting_since_ns = now.mono_ns
            self._repeat_after_ns = min(2 * self._repeat_after_ns, REPUBLISH_MAX_NS)
            return [self._tick(self.confirmed + 1, now.mono_ns)]
        return []

    def next_timer(self) -> int | None:
        """Monotonic time at which `on_timer` has ticks to publish.

        None if a CONFIRM must come first, or if every tick of the stream has been published.
        """
        if not self._running:
            return None
        repeat_at = self._repeat_at()
        if self._next > self._end():
            return repeat_at
        next_at = self._due_at(self._next)
        return next_at if repeat_at is None else min(next_at, repeat_at)

    def market_time_ns(self, mono_ns: int) -> int | None:
        """The live market's clock at `mono_ns`, UTC nanoseconds; None in lock-step, which uses the book's tick time."""
        if self.window > 0:
            return None
        if self._anchor is None or self._factor is None:
            return self._stream.tick_at(max(1, self.published)).time_ns
        mono_start_ns, time_start_ns = self._anchor
        return time_start_ns + int((mono_ns - mono_start_ns) * self._factor)

    def _end(self) -> int:
        last = self._stream.last_ordinal
        return last if self.window == 0 else min(self.confirmed + self.window, last)

    def _due_at(self, ordinal: int) -> int:
        if self._factor is None or self._anchor is None:
            return 0
        mono_start_ns, time_start_ns = self._anchor
        return mono_start_ns + int((self._stream.tick_at(ordinal).time_ns - time_start_ns) / self._factor)

    def _repeat_at(self) -> int | None:
        """Monotonic time of the next repetition; None if every tick published since the start is confirmed."""
        if self.window == 0 or self._next <= self.confirmed + 1:
            return None
        return self._waiting_since_ns + self._repeat_after_ns

    def _start_repeat_timer(self, now: Now) -> None:
        self._waiting_since_ns = now.mono_ns
        self._repeat_after_ns = REPUBLISH_FIRST_NS

    def _tick(self, ordinal: int, mono_ns: int) -> Tick:
        symbol, sequence, _, time_ns, bid, ask, volume = self._stream.tick_at(ordinal)
        publisher, boot_id, stream_id = self._identity
        return Tick(publisher, boot_id, stream_id, symbol, sequence, ordinal, time_ns, bid, ask, volume, mono_ns)
