"""Progress of a stream: the last decided tick of each symbol, and counts of signals.

The cursor cannot be computed from the ledger's events, because a tick without an order or a new denial has no event.
Each commit of the ledger stores the cursor in the same transaction as the events.
"""

from __future__ import annotations

from msgspec import Struct, field

from proto.messages import Signal


class Mark(Struct, frozen=True, gc=False, array_like=True):
    """Quote of a symbol's latest decided tick."""

    bid: float
    ask: float
    time_ns: int


class BlockedSignal(Struct, frozen=True, gc=False, array_like=True):
    """A symbol's latest signal that the position rule or an open order blocked."""

    ordinal: int
    sequence: int
    time_ns: int
    direction: int
    confidence: float
    bid: float
    ask: float
    publisher: str
    verdict: str


def blocked_signal(signal: Signal, verdict: str) -> BlockedSignal:
    """Return the record of a signal that got a `verdict` other than PASS."""
    return BlockedSignal(
        signal.ordinal,
        signal.sequence,
        signal.time_ns,
        signal.direction,
        signal.confidence,
        signal.bid,
        signal.ask,
        signal.publisher,
        verdict,
    )


class LatestDenial(Struct, frozen=True, gc=False, array_like=True):
    """A symbol's latest denied signal.

    `until_ns` is the venue time at which the denial ends if nothing but the time changes; 0 if unknown.
    """

    code: str
    limit: str
    observed: str
    time_ns: int
    until_ns: int = 0


def denial_run(code: str, direction: int) -> str:
    """Return the text of a run of denials in `TickCursor.last_denied`; `direction` is +1 or -1."""
    return f"{code} {direction}"


class TickCursor(Struct, kw_only=True):
    """Progress of one stream. `gaps` counts its ticks for which no signal arrived."""

    stream_id: str = ""
    ordinal: int = 0
    time_ns: int = 0
    buy: int = 0
    sell: int = 0
    hold: int = 0
    warming_up: int = 0
    gaps: int = 0
    blocked: dict[str, int] = field(default_factory=dict)
    denied: dict[str, int] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    last_blocked: dict[str, str] = field(default_factory=dict)
    last_denied: dict[str, str] = field(default_factory=dict)
    blocked_signals: dict[str, BlockedSignal] = field(default_factory=dict)
    latest_denials: dict[str, LatestDenial] = field(default_factory=dict)
    """Latest denial of a signal, by symbol, until a signal in the symbol makes an order."""

    @property
    def processed(self) -> int:
        """Decided ticks of traded symbols."""
        return self.buy + self.sell + self.hold + self.warming_up

    def on_blocked(self, symbol: str, signal: BlockedSignal, reason: str) -> None:
        """Count a blocked signal; `reason` is the text of its verdict."""
        self.blocked[signal.verdict] = self.blocked.get(signal.verdict, 0) + 1
        self.last_blocked[symbol] = reason
        self.blocked_signals[symbol] = signal

    def on_blocked_signals(self, symbol: str, latest: BlockedSignal, reason: str, count: int) -> None:
        """Count several blocked signals with one verdict, the `latest` with this `reason`; see `on_blocked`."""
        self.on_blocked(symbol, latest, reason)
        self.blocked[latest.verdict] += count - 1

    def on_denied(self, symbol: str, direction: int, denial: LatestDenial) -> bool:
        """Count a denied signal; return whether it is the first of a run.

        A run consists of a symbol's consecutive denials with the same code and direction.
        """
        self.count_denial(denial.code)
        self.latest_denials[symbol] = denial
        run = denial_run(denial.code, direction)
        if self.last_denied.get(symbol) == run:
            return False
        self.last_denied[symbol] = run
        return True

    def on_passed(self, symbol: str) -> None:
        """Forget the symbol's denials, because an order in the symbol was made."""
        self.last_denied.pop(symbol, None)
        self.latest_denials.pop(symbol, None)

    def end_runs(self, code: str, symbol: str) -> None:
        """End the runs of denials with a code, for one symbol, or for all if `symbol` is empty.

        The next denial is then the first of a run, and makes an event.
        """
        ended = [name for name, run in self.last_denied.items() if run.split(" ")[0] == code and symbol in ("", name)]
        for name in ended:
            del self.last_denied[name]

    def count_denial(self, code: str, count: int = 1) -> None:
        """Count denials by their code. Call it only for exits and commands: `on_denied` counts denied signals."""
        self.denied[code] = self.denied.get(code, 0) + count
