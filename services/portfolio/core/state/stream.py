"""Owner of the stream: cursor, clock and quotes of the venue, desk state, message counts."""

from __future__ import annotations

from proto.control import DeskState
from proto.messages import WARMING_UP, WATCHED, Signal
from proto.time import Now
from services.portfolio.core.account.market_feed import MarketFeed
from services.portfolio.core.account.tick_cursor import Mark, TickCursor
from services.portfolio.core.state.persisted import PersistedState


class StreamState:
    """Progress through one stream of ticks, live or in lock-step."""

    def __init__(self, persisted: PersistedState) -> None:
        """Continue from what the ledger kept, a default one for a new account."""
        self.cursor = persisted.cursor
        self.risk = persisted.risk
        """State of the risk rules; it outlives streams."""
        self.volatility = persisted.volatility
        """Estimates by symbol, of those whose plan sizes by it; they outlive streams."""
        self.has_advanced = False
        """Whether the ledger lacks progress of the cursor."""
        self.window = 0
        """Ticks that the venue runs ahead of their confirmation; 0 for a live stream, which waits for nobody."""
        self.desk_state = DeskState.CONNECTING
        self.waiting_for = "the gateway"
        """Text for people that names what the desk waits for; empty if it does not wait."""
        self.running_since_mono_ns = 0
        self.is_stopping = False
        """The process is shutting down: no signal is decided any more."""
        self.now = Now(0, 0)
        """When the current turn began."""
        self.market = MarketFeed()
        self.last_signals: dict[str, Signal] = {}
        """Latest counted signal of each symbol."""
        self.duplicates = 0
        """Messages received again."""
        self.malformed = 0
        """Messages dropped because they cannot be used."""

    @property
    def persisted(self) -> PersistedState:
        """State of the stream that the ledger stores with a commit."""
        return PersistedState(self.cursor, self.risk, self.volatility)

    @property
    def is_live(self) -> bool:
        """Whether the stream is known and runs by itself."""
        return self.window == 0 and bool(self.cursor.stream_id)

    def domain_ns(self, mono_ns: int) -> int:
        """The venue's time: live by its clock, in lock-step that of the last tick decided."""
        return max(self.market.time_ns(mono_ns), self.cursor.time_ns) if self.is_live else self.cursor.time_ns

    def begin_turn(self, now: Now) -> None:
        """Set the time of all that follows until the next turn."""
        self.now = now

    def set_window(self, window: int) -> None:
        """The gateway has reported how far its stream runs ahead; 0 for a live one."""
        self.window = window

    def open(self, stream_id: str) -> None:
        """Begin a stream before its first tick; quotes, risk state and volatility stay."""
        self.cursor = TickCursor(stream_id=stream_id, marks=self.cursor.marks)

    def count(self, signal: Signal, *, joins_midstream: bool = False) -> None:
        """Record a signal: progress, gaps, counters by direction, and its quote as the mark.

        A signal of a watched symbol is in no counter by direction. A desk that joins a market `joins_midstream` counts
        no gap before its first signal of a symbol.
        """
        self.has_advanced = True
        cursor, symbol = self.cursor, signal.symbol
        cursor.ordinal = signal.ordinal
        cursor.time_ns = signal.time_ns
        last = cursor.sequences.get(symbol, 0)
        if signal.sequence > last + 1 and (last or not joins_midstream):
            cursor.gaps += signal.sequence - last - 1
        cursor.sequences[symbol] = signal.sequence
        cursor.marks[symbol] = Mark(signal.bid, signal.ask, signal.time_ns)
        self.last_signals[symbol] = signal
        if signal.direction > 0:
            cursor.buy += 1
        elif signal.direction < 0:
            cursor.sell += 1
        elif signal.reason == WARMING_UP:
            cursor.warming_up += 1
        elif signal.reason != WATCHED:
            cursor.hold += 1

    def mark_kept(self) -> None:
        """The ledger's writer has the progress made so far."""
        self.has_advanced = False

    def count_duplicate(self) -> None:
        """Count a message that was received again."""
        self.duplicates += 1

    def count_malformed(self) -> None:
        """Count a message that cannot be used."""
        self.malformed += 1

    def wait_for(self, text: str) -> None:
        """Set what the desk waits for, a text for people; empty for nothing."""
        self.waiting_for = text

    def stop(self) -> None:
        """Decide no signal any more."""
        self.is_stopping = True

    def set_desk_state(self, desk_state: DeskState, waiting_for: str = "") -> None:
        """Enter another state, with what it waits for."""
        if desk_state is DeskState.RUNNING and self.desk_state is not desk_state:
            self.running_since_mono_ns = self.now.mono_ns
        self.desk_state, self.waiting_for = desk_state, waiting_for

    def fail_until_restart(self, why: str) -> None:
        """Stop deciding until the process is started again."""
        self.set_desk_state(DeskState.FAILED, why)
