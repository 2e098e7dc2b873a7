"""Health of the signal processes: liveness, progress of their signals, faults of strategies.

A signal process sends a hello twice a second and a signal for every tick. `findings` derives the conditions of each
symbol (`SIGNAL_CONDITIONS`) from hellos, signals and published ticks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from proto.messages import SignalHello, SymbolReport, SymbolState
from proto.time import SECOND_NS
from services.portfolio.core.account.market_feed import MarketFeed
from services.portfolio.core.account.tick_cursor import Mark

SIGNAL_SILENT_NS: Final = 2_000_000_000
"""Time after which a process without a hello counts as silent, and after which stopped or late signals are reported.

Four hellos are due within this time.
"""

MARKET_BEHIND_NS: Final = 1_000_000_000
"""Time for which a restarted gateway may repeat published ticks before MARKET_BEHIND is set."""

BOOTS_WINDOW_NS: Final = 60_000_000_000
BOOTS_MAX: Final = 5
"""Number of restarts within `BOOTS_WINDOW_NS` from which on a signal process counts as crash-looping."""

LASTING_NS: Final = 10_000_000_000
"""Uptime after which earlier restarts no longer count."""

PUBLISHERS_MAX: Final = 1_000
SIGNAL_CONDITIONS: Final = (
    "SIGNAL_NEVER_HEARD",
    "SIGNAL_SILENT",
    "SIGNAL_CRASH_LOOPING",
    "SIGNAL_MUTE",
    "SIGNAL_CATCHING_UP",
    "SIGNAL_WARMING_UP",
    "MARKET_BEHIND",
    "STRATEGY_FAULT",
)
UNATTENDED: Final = frozenset({"SIGNAL_NEVER_HEARD", "SIGNAL_SILENT", "SIGNAL_MUTE"})
"""Conditions of a symbol that gets no signals at all."""

_LOG: Final = "see signal.log"


class Finding(NamedTuple):
    """A condition of one symbol."""

    code: str
    symbol: str
    text: str


class _Publisher:
    """One signal process across its restarts."""

    def __init__(self, hello: SignalHello, mono_ns: int) -> None:
        self.hello = hello
        self.heard_ns = mono_ns
        self.boots_ns: deque[int] = deque(maxlen=1_000)

    def on_hello(self, hello: SignalHello, mono_ns: int) -> None:
        if hello.boot_id != self.hello.boot_id:
            self.boots_ns.append(mono_ns)
        elif self.boots_ns and mono_ns - self.boots_ns[-1] > LASTING_NS:
            self.boots_ns.clear()
        self.hello, self.heard_ns = hello, mono_ns

    def restarts(self, mono_ns: int) -> int:
        """Number of restarts within `BOOTS_WINDOW_NS`."""
        while self.boots_ns and mono_ns - self.boots_ns[0] > BOOTS_WINDOW_NS:
            self.boots_ns.popleft()
        return len(self.boots_ns)


class _Progress:
    """Progress of a symbol's signals, and the times since which they have stopped or lagged."""

    def __init__(self, published: int, mono_ns: int) -> None:
        """Expect no signals for the ticks up to sequence `published`."""
        self.sequence = published
        self.moved_ns = mono_ns
        """Monotonic time of the last new signal, or of the last call without a tick to wait for."""
        self.level_ns = mono_ns
        """Monotonic time of the last call at which no tick waited for a signal."""
        self.not_ahead_ns = mono_ns
        """Monotonic time of the last new signal, or of the last call at which the market repeated no decided tick."""

    def update(self, sequence: int, decided: int, published: int, mono_ns: int) -> None:
        """Update from the sequences of the latest signal, the last decided tick and the newest published tick."""
        if sequence > self.sequence:
            self.sequence, self.moved_ns, self.not_ahead_ns = sequence, mono_ns, mono_ns
        if not published or published >= max(self.sequence, decided):
            self.not_ahead_ns = mono_ns
        if published <= self.sequence or published < decided:
            self.moved_ns = self.level_ns = mono_ns


class SignalHealth:
    """Hellos and signals that one portfolio process has received."""

    def __init__(self) -> None:
        """Start without a hello."""
        self.sequences: dict[str, int] = {}
        """Sequence of each symbol's latest received signal, decided or not."""
        self._publishers: dict[str, _Publisher] = {}
        self._progress: dict[str, _Progress] = {}
        self._stream_id = ""
        self._since_ns: int | None = None

    def on_hello(self, hello: SignalHello, mono_ns: int) -> None:
        """Record a hello that arrived at monotonic time `mono_ns`."""
        known = self._publishers.get(hello.publisher)
        if known is not None:
            known.on_hello(hello, mono_ns)
        elif len(self._publishers) < PUBLISHERS_MAX:
            self._publishers[hello.publisher] = _Publisher(hello, mono_ns)

    def has_heard_of(self, symbols: Sequence[str], stream_id: str) -> bool:
        """Whether a signal process has announced each symbol in this stream."""
        hellos = [known.hello for known in self._publishers.values()]
        heard = {symbol for hello in hellos if hello.stream_id == stream_id for symbol in hello.symbols}
        return heard.issuperset(symbols)

    def first_fault(self, symbols: Sequence[str], stream_id: str) -> Finding | None:
        """Return the first reported fault of a strategy in this stream, or None."""
        for known in self._publishers.values():
            for report in known.hello.reports if known.hello.stream_id == stream_id else ():
                if report.state is SymbolState.FAULT and report.symbol in symbols:
                    return Finding("STRATEGY_FAULT", report.symbol, report.text)
        return None

    def findings(
        self,
        symbols: Sequence[str],
        stream_id: str,
        market: MarketFeed,
        marks: Mapping[str, Mark],
        decided: Mapping[str, int],
        mono_ns: int,
    ) -> list[Finding]:
        """Return the conditions of all symbols; to be called a few times a second while the desk runs.

        Args:
            symbols: the traded symbols.
            stream_id: id of the current stream.
            market: feed of a live market; empty in a replay.
            marks: quote of each symbol's last decided tick.
            decided: sequence of each symbol's last decided tick.
            mono_ns: current monotonic time.
        """
        if stream_id != self._stream_id or self._since_ns is None:
            self._stream_id, self._since_ns = stream_id, mono_ns
            self._progress.clear()
            self.sequences.clear()
        return [
            found
            for symbol in symbols
            for found in self._conditions_of(symbol, market, marks.get(symbol), decided.get(symbol, 0), mono_ns)
        ]

    def pause(self) -> None:
        """Ignore the time until the next call of `findings`, because the desk is not running."""
        self._since_ns = None

    def _conditions_of(
        self, symbol: str, market: MarketFeed, mark: Mark | None, decided: int, mono_ns: int
    ) -> Iterator[Finding]:
        published = market.published.get(symbol, 0)
        progress = self._progress.get(symbol)
        if progress is None or not progress.sequence:
            progress = self._progress[symbol] = _Progress(published, mono_ns)
        progress.update(self.sequences.get(symbol, 0), decided, published, mono_ns)
        publisher = max(
            (known for known in self._publishers.values() if symbol in known.hello.symbols),
            key=lambda known: known.heard_ns,
            default=None,
        )
        since_ns = self._since_ns or 0
        if publisher is None:
            if mono_ns - since_ns > SIGNAL_SILENT_NS:
                waited_s = (mono_ns - since_ns) // SECOND_NS
                yield Finding("SIGNAL_NEVER_HEARD", symbol, f"no signal process for {symbol} for {waited_s} s; {_LOG}")
            return
        if (restarts := publisher.restarts(mono_ns)) >= BOOTS_MAX:
            text = f"the signal process restarted {restarts} times in {BOOTS_WINDOW_NS // SECOND_NS} s; {_LOG}"
            yield Finding("SIGNAL_CRASH_LOOPING", symbol, text)
        report = next((one for one in publisher.hello.reports if one.symbol == symbol), None)
        if report is not None and report.state is SymbolState.FAULT:
            yield Finding("STRATEGY_FAULT", symbol, f"{report.text}; {_LOG}")
        if (silent_ns := mono_ns - max(publisher.heard_ns, since_ns)) > SIGNAL_SILENT_NS:
            text = f"no hello message of the signal process for {silent_ns // SECOND_NS} s; {_LOG}"
            yield Finding("SIGNAL_SILENT", symbol, text)
        elif report is None or report.state is not SymbolState.FAULT:
            yield from self._lag(symbol, progress, published, report, market.newest_ns, mark, mono_ns)
        is_heard = mono_ns - market.last_message_mono_ns <= SIGNAL_SILENT_NS
        if is_heard and mono_ns - max(progress.not_ahead_ns, since_ns) > MARKET_BEHIND_NS:
            again = max(progress.sequence, decided) - published
            text = f"the market repeats {again:,} ticks that were already decided"
            yield Finding("MARKET_BEHIND", symbol, text)

    def _lag(
        self,
        symbol: str,
        progress: _Progress,
        published: int,
        report: SymbolReport | None,
        market_ns: int,
        mark: Mark | None,
        mono_ns: int,
    ) -> Iterator[Finding]:
        """Conditions of a process that sends hellos but whose signals do not keep up with the ticks."""
        state = None if report is None else report.state
        if mono_ns - progress.level_ns > SIGNAL_SILENT_NS:
            behind = max(published - progress.sequence, 0 if report is None else report.behind)
            if state is SymbolState.CATCHING_UP or mono_ns - progress.moved_ns <= SIGNAL_SILENT_NS:
                text = f"{behind:,} ticks behind"
                if mark is not None:
                    text += f", {max(0, market_ns - mark.time_ns) / SECOND_NS:,.1f} s of venue time"
                yield Finding("SIGNAL_CATCHING_UP", symbol, text)
            else:
                silent_s = (mono_ns - progress.moved_ns) // SECOND_NS
                yield Finding(
                    "SIGNAL_MUTE",
                    symbol,
                    f"the signal process sends hello messages, but has sent no signal for {silent_s} s; {_LOG}",
                )
        elif state is SymbolState.WARMING_UP:
            yield Finding("SIGNAL_WARMING_UP", symbol, "the strategy has not received enough ticks yet")
