"""Owner of the stream: its cursor, the venue's clock and quotes, the desk's state, and counts of its messages."""

from __future__ import annotations

from collections.abc import Callable

from proto.control import DeskState
from proto.messages import Signal
from proto.time import Now
from services.portfolio.core.account.market_feed import MarketFeed
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.state.persisted import PersistedState


class StreamState:
    """Progress through one stream of ticks, live or stepped."""

    def __init__(self, persisted: PersistedState) -> None:
        """Continue from what the ledger kept, a default one for a new account."""
        self.cursor = persisted.cursor
        self.risk = persisted.risk
        """What the risk rules remember; streams come and go, it stays."""
        self.volatility = persisted.volatility
        self.window = 0
        """Ticks that the venue runs ahead of their confirmation; 0 for a live stream, which waits for nobody."""
        self.desk_state = DeskState.CONNECTING
        self.waiting_for = "the gateway"
        """What `desk_state` waits for, a text for people; empty when it waits for nothing."""
        self.running_since_mono_ns = 0
        self.is_stopping = False
        """The process is shutting down: no signal is decided any more."""
        self.now = Now(0, 0)
        self.market = MarketFeed()
        self.last_signals: dict[str, Signal] = {}
        self.duplicates = 0
        """Messages received again."""
        self.malformed = 0
        """Messages dropped because they cannot be used."""
        self.gateway_silence_ns: Callable[[int], int] = lambda _mono_ns: 0
        """For how long the gateway has left questions unanswered at a monotonic time; 0 while none is open."""

    @property
    def persisted(self) -> PersistedState:
        """What the ledger keeps of the stream with a commit."""
        return PersistedState(self.cursor, self.risk, self.volatility)

    @property
    def is_live(self) -> bool:
        """Whether the stream is known and runs by itself."""
        return self.window == 0 and bool(self.cursor.stream_id)

    def domain_ns(self, mono_ns: int) -> int:
        """The venue's time: live by its clock, stepped that of the last tick decided."""
        return max(self.market.time_ns(mono_ns), self.cursor.time_ns) if self.is_live else self.cursor.time_ns

    def open(self, stream_id: str) -> None:
        """Begin a stream at its first tick; quotes, risk state and volatility stay."""
        self.cursor = TickCursor(stream_id=stream_id, marks=self.cursor.marks)

    def set_desk_state(self, desk_state: DeskState, waiting_for: str = "") -> None:
        """Enter another state, with what it waits for."""
        if desk_state is DeskState.RUNNING and self.desk_state is not desk_state:
            self.running_since_mono_ns = self.now.mono_ns
        self.desk_state, self.waiting_for = desk_state, waiting_for

    def fail_until_restart(self, why: str) -> None:
        """Stop deciding until the process is started again."""
        self.set_desk_state(DeskState.FAILED, why)
