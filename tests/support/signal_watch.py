"""A portfolio core on a running market, with a signal process that the test controls."""

from __future__ import annotations

from proto.messages import MarketHeartbeat, SignalHello, SymbolReport, SymbolState
from services.portfolio.core.queries.conditions import conditions_of
from services.portfolio.core.state.signal_health import SIGNAL_CONDITIONS
from tests.support.builders import START_NS, STREAM_ID, TICK_NS, a_signal, a_tick
from tests.support.desk_harness import RISING, DeskHarness

MS = 1_000_000
CHECK_MS = 250


def a_hello(boot_id: str = "b1", *reports: SymbolReport, publisher: str = "signal") -> SignalHello:
    """The hello of a signal process for EURUSD."""
    return SignalHello(publisher, boot_id, STREAM_ID, "mine", ["EURUSD"], 0, 0, list(reports))


def a_fault(text: str = "strategy mine, tick 7 of EURUSD: ValueError: boom") -> SymbolReport:
    """A report that the strategy of EURUSD has failed."""
    return SymbolReport("EURUSD", SymbolState.FAULT, 0, text)


def a_warm_up() -> SymbolReport:
    """A report that the strategy of EURUSD has not received enough ticks."""
    return SymbolReport("EURUSD", SymbolState.WARMING_UP, 0, "")


class Watched:
    """A desk on a running market, with a signal process that the test controls."""

    def __init__(self, driven: DeskHarness) -> None:
        self.driven = driven
        self.tick = 0

    @property
    def codes(self) -> list[str]:
        """Codes of the active conditions about signals."""
        found = conditions_of(self.driven.state, self.driven.mono_ns)
        return [one.code for one in found if one.code in SIGNAL_CONDITIONS]

    def text(self, code: str) -> str:
        """The text of a condition of EURUSD."""
        return self.driven.state.warnings.conditions.text(code, subject="EURUSD")

    def publish(self, *, with_heartbeat: bool = True) -> None:
        """Publish one more tick and, if `with_heartbeat`, the heartbeat that announces the tick."""
        self.tick += 1
        bid, ask = RISING[self.tick % len(RISING)]
        time_ns = START_NS + (self.tick - 1) * TICK_NS
        tick = a_tick(ordinal=self.tick, sequence=self.tick, time_ns=time_ns, bid=bid, ask=ask)
        self.driven.answer_all(self.driven.market(tick))
        if not with_heartbeat:
            return
        beat = MarketHeartbeat("mt5", "boot", STREAM_ID, self.tick, {"EURUSD": self.tick}, time_ns)
        self.driven.answer_all(self.driven.market(beat))

    def go_on(
        self, ms: int, *, hello: SignalHello | None = None, signals: bool = False, ticks: bool = True, behind: int = 0
    ) -> Watched:
        """Advance the clock by `ms` in steps of a quarter of a second.

        Each second, publish a tick if `ticks` is True, deliver the signal of the tick that is `behind` ticks before the
        last one if `signals` is True, and deliver `hello` if it is given.
        """
        for step in range(1, ms // CHECK_MS + 1):
            self.driven.mono_ns += CHECK_MS * MS
            if step * CHECK_MS % 1_000 == 0:
                if ticks:
                    self.publish()
                if signals and self.tick > behind:
                    self.driven.answer_all(self.driven.deliver(a_signal(self.tick - behind)))
                if hello is not None:
                    self.driven.deliver(hello)
            self.driven.answer_all(self.driven.wait(0))
        return self
