"""Portfolio with the terminal gateway: it starts, trades and closes, and its ledger agrees with the broker."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from proto.control import DeskState
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.terminal.account_policy import AccountPolicy
from services.mt5.terminal.compose import terminal_gateway
from services.mt5.terminal.server_clock import ServerClock
from services.mt5.terminal.store import TerminalStore
from services.mt5.terminal.terminal_connection import TerminalSetup, open_terminal
from services.portfolio.core.account.order_status import OrderStatus
from tests.support.builders import START_NS, STREAM_ID, a_signal
from tests.support.desk_harness import DeskHarness
from tests.support.fake_terminal.module import LOGIN, FakeTerminal, ScriptedReply
from tests.unit.mt5.terminal.terminal_by_hand import POLL_MS, InlineCaller

MS = 1_000_000


class TerminalDesk:
    """Portfolio, gateway and fake terminal on the clock of the desk harness."""

    def __init__(self, folder: Path) -> None:
        self.mono_ns = 1_000_000_000
        self.driven: DeskHarness | None = None
        self.fake = FakeTerminal(utc_ms=lambda: (START_NS + self._now_mono_ns()) // MS)
        self.fake.tick("EURUSD", 1.1, 1.1001)
        setup = TerminalSetup(
            symbols=("EURUSD",),
            symbol_map={},
            connection={"login": LOGIN},
            account_policy=AccountPolicy(login=LOGIN, is_real_allowed=False),
            clock=ServerClock(),
            poll_ms=POLL_MS,
            accept_crossed=False,
        )
        gateway = terminal_gateway(
            open_terminal(self.fake, setup, wall_ns=START_NS + self.mono_ns),
            setup,
            caller=InlineCaller(self.fake),
            store=TerminalStore(folder / "terminal.db", account=str(LOGIN), stream_id=STREAM_ID),
            journal=MemoryJournal("journal-1"),
            boot_id="boot-1",
            publisher="mt5",
            wall_ns=lambda mono_ns: START_NS + mono_ns,
            now_mono_ns=self.mono_ns,
            lease_ttl_ms=60_000,
            settling_ms=1_000,
            rejected=lambda _reason, _count: None,
        )
        self.driven = DeskHarness(gateway)
        self.driven.answer_all(self.driven.start())
        self.signal(0)

    def signal(self, direction: int) -> None:
        """Add a tick, and deliver the strategy's signal for it."""
        assert self.driven is not None
        self.driven.mono_ns += 1_000 * MS
        self.fake.tick("EURUSD", 1.1, 1.1001)
        ticks = []
        for _ in range(3):
            self.driven.mono_ns += POLL_MS * MS
            ticks += self.driven.gateway.on_timer(self.driven.now)
        tick = ticks[-1]
        fields = {"sequence": tick.sequence, "time_ns": tick.time_ns, "bid": tick.bid, "ask": tick.ask}
        self.driven.answer_all(self.driven.deliver(a_signal(tick.ordinal, direction, **fields)))

    def _now_mono_ns(self) -> int:
        return self.mono_ns if self.driven is None else self.driven.mono_ns


def test_the_ledger_of_a_desk_that_trades_at_a_terminal_agrees_with_the_broker(tmp_path: Path) -> None:
    desk = TerminalDesk(tmp_path)
    assert desk.driven is not None
    assert desk.driven.state.stream.desk_state is DeskState.RUNNING
    desk.signal(1)
    [opened] = desk.driven.state.account.book.orders.values()
    assert opened.status is OrderStatus.FILLED
    assert [position.volume for position in desk.fake.broker.positions.values()] == [0.01]
    desk.signal(-1)
    assert desk.fake.broker.positions == {}
    assert [order.status for order in desk.driven.state.account.book.orders.values()] == [OrderStatus.FILLED] * 2
    desk.driven.answer_all(desk.driven.wait(60_000))
    assert desk.driven.state.stream.desk_state is DeskState.RUNNING
    assert desk.driven.state.account.book.balance == Decimal(str(desk.fake.broker.balance))


def test_an_order_without_an_answer_is_booked_once_when_it_is_shown(tmp_path: Path) -> None:
    desk = TerminalDesk(tmp_path)
    assert desk.driven is not None
    desk.fake.script.append(ScriptedReply(answer=None, hides=2))
    desk.signal(1)
    for _ in range(20):
        desk.signal(0)
        desk.driven.answer_all(desk.driven.wait(1_000))
    [order] = desk.driven.state.account.book.orders.values()
    assert order.status is OrderStatus.FILLED
    assert len(desk.fake.requests) == 1
