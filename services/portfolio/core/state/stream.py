"""Owner of the stream state: cursor, state of the rules, venue time, quotes, desk state and message counts."""

from __future__ import annotations

from decimal import Decimal

from proto.control import DeskState
from proto.messages import WARMING_UP, WATCHED, Signal
from proto.time import Now
from services.portfolio.core.account.events import Event
from services.portfolio.core.account.market_feed import MarketFeed
from services.portfolio.core.account.tick_cursor import Mark, TickCursor
from services.portfolio.core.accounting.equity_curve import EquityPoint
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.state_updates import (
    set_spread_median,
    update_equity_peaks,
    update_equity_peaks_of_ticks,
    update_from_event,
    update_spread_median,
)
from services.portfolio.core.sizing.volatility import update_volatility
from services.portfolio.core.state.passed_ticks import PassedTicks
from services.portfolio.core.state.persisted import PersistedState


class StreamState:
    """Progress through one stream of ticks, live or lock-step."""

    def __init__(self, persisted: PersistedState) -> None:
        """Continue from the state that the ledger has stored; a default state for a new account."""
        self.cursor = persisted.cursor
        self.risk = persisted.risk
        """State of the risk rules, which a new stream continues."""
        self.volatility = persisted.volatility
        """Estimate of each symbol whose plan sizes by volatility; a new stream continues it."""
        self.equity_curve = persisted.equity_curve
        """Points of the equity curve that the ledger does not have yet; a new stream continues it."""
        self.has_advanced = False
        """Whether the ledger's writer does not yet have the latest progress of the cursor."""
        self.window = 0
        """Ticks that a lock-step venue may publish ahead of the confirmed one; 0 for a live stream."""
        self.desk_state = DeskState.CONNECTING
        self.waiting_for = "the gateway"
        """Text for people: the event that the desk waits for, or the reason of FAILED; else empty."""
        self.running_since_mono_ns = 0
        """Monotonic time at which the desk state last became RUNNING; 0 before."""
        self.is_stopping = False
        """Whether the process is shutting down; no signal is decided then."""
        self.now = Now(0, 0)
        """Time at which the core began to handle the current message, timer or idle call."""
        self.market = MarketFeed()
        self.last_signals: dict[str, Signal] = {}
        """Latest signal of each symbol that `count` has recorded."""
        self.duplicates = 0
        """Number of messages received more than once."""
        self.malformed = 0
        """Number of messages dropped because they could not be used."""

    @property
    def persisted(self) -> PersistedState:
        """The state that the ledger stores with a commit."""
        return PersistedState(self.cursor, self.risk, self.volatility, self.equity_curve)

    @property
    def is_live(self) -> bool:
        """Whether a stream is open and it is a live stream."""
        return self.window == 0 and bool(self.cursor.stream_id)

    def domain_ns(self, mono_ns: int) -> int:
        """Return the venue time in nanoseconds at monotonic time `mono_ns`.

        In a lock-step stream it is the time of the last decided tick.
        """
        return max(self.market.time_ns(mono_ns), self.cursor.time_ns) if self.is_live else self.cursor.time_ns

    def begin_turn(self, now: Now) -> None:
        """Set the current time, which stays the same until the core handles the next message, timer or idle call."""
        self.now = now

    def set_window(self, window: int) -> None:
        """Set the `window` of the gateway's stream, in ticks; 0 for a live stream."""
        self.window = window

    def open(self, stream_id: str) -> None:
        """Begin a new stream before its first tick; marks, risk state and volatility stay."""
        self.cursor = TickCursor(stream_id=stream_id, marks=self.cursor.marks)

    def count(self, signal: Signal, *, joins_midstream: bool = False) -> None:
        """Record a signal: progress, gaps, the counter of its direction, and its quote as the mark.

        A signal of a watched symbol changes no counter of a direction.

        Args:
            signal: the signal.
            joins_midstream: whether ticks missing before the first signal of a symbol are no gap.
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

    def pass_over(self, ticks: PassedTicks, *, half_life_min: int | None) -> None:
        """Record ticks of one symbol without a consequence, as `count`, `on_spread` and `on_mid` do for each tick.

        The caller passes over the ticks of the other symbols up to the same time, the symbol with the latest tick last.

        Args:
            ticks: the ticks.
            half_life_min: half-life of the symbol's volatility estimate in minutes; None without an estimate.
        """
        self.has_advanced = True
        cursor, latest = self.cursor, ticks.latest
        symbol = latest.symbol
        cursor.ordinal, cursor.time_ns = latest.ordinal, latest.time_ns
        cursor.sequences[symbol] = latest.sequence
        cursor.marks[symbol] = Mark(latest.bid, latest.ask, latest.time_ns)
        self.last_signals[symbol] = latest
        cursor.buy += ticks.buy
        cursor.sell += ticks.sell
        cursor.hold += ticks.hold
        cursor.warming_up += ticks.warming_up
        for blocked in ticks.blocked:
            cursor.on_blocked_signals(symbol, blocked.latest, blocked.reason, blocked.signals)
        for code, count in ticks.denied:
            cursor.count_denial(code, count)
        if ticks.spread_median is not None:
            set_spread_median(self.risk, symbol, ticks.spread_median)
        if half_life_min is not None:
            for mid, time_ns in ticks.minute_ends:
                self.on_mid(symbol, mid, time_ns, half_life_min)

    def on_event(self, event: Event, limits: Limits) -> None:
        """Update the state of the risk rules from an event of the account."""
        update_from_event(self.risk, event, limits)

    def on_spread(self, symbol: str, spread: float, point: float) -> None:
        """Update the median spread of a symbol.

        Args:
            symbol: the quoted symbol.
            spread: ask - bid, in price units.
            point: size of a point, in price units.
        """
        update_spread_median(self.risk, symbol, spread, point)

    def on_equity(self, equity: Decimal, time_ns: int) -> bool:
        """Record the equity of a tick, in account currency.

        Returns:
            Whether the equity or the server's day differs from the previous tick.
        """
        return update_equity_peaks(self.risk, equity, time_ns)

    def on_equities(self, *, highest: Decimal, latest: Decimal) -> None:
        """Record the equities of ticks of one day of the server, of which at least one changed the equity.

        Args:
            highest: the highest equity of the ticks, in account currency.
            latest: the equity of the latest tick, in account currency.
        """
        update_equity_peaks_of_ticks(self.risk, highest=highest, latest=latest)

    def on_equity_point(self, point: EquityPoint) -> None:
        """Add a point to the equity curve."""
        self.equity_curve.add(point)

    def on_mid(self, symbol: str, mid: float, time_ns: int, half_life_min: int) -> None:
        """Update the volatility of a symbol.

        Args:
            symbol: the quoted symbol.
            mid: mid price of the tick, > 0.
            time_ns: venue time of the tick.
            half_life_min: half-life of the estimate in minutes, > 0.
        """
        update_volatility(self.volatility, symbol, mid, time_ns, half_life_min=half_life_min)

    def mark_kept(self) -> None:
        """Record that the progress so far has been given to the ledger's writer."""
        self.has_advanced = False

    def count_duplicate(self) -> None:
        """Count a message that was received again."""
        self.duplicates += 1

    def count_malformed(self) -> None:
        """Count a message that cannot be used."""
        self.malformed += 1

    def wait_for(self, text: str) -> None:
        """Set the text that names what the desk waits for; empty if it does not wait."""
        self.waiting_for = text

    def stop(self) -> None:
        """Decide no further signal."""
        self.is_stopping = True

    def set_desk_state(self, desk_state: DeskState, waiting_for: str = "") -> None:
        """Set the desk state, and the text with the awaited event or the reason of FAILED."""
        if desk_state is DeskState.RUNNING and self.desk_state is not desk_state:
            self.running_since_mono_ns = self.now.mono_ns
        self.desk_state, self.waiting_for = desk_state, waiting_for

    def fail_until_restart(self, why: str) -> None:
        """Set the desk state to FAILED, with its reason: nothing is decided until the process is started again."""
        self.set_desk_state(DeskState.FAILED, why)
