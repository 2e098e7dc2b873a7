"""Functions that produce each condition by its real cause, on a desk whose clock does not advance afterwards."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from msgspec import structs

from orchestration.desk_view import AccountTotals, DeskRunSpec, DeskView
from orchestration.process_states import ProcessState
from proto.control import HaltCommand, TradingState
from proto.gateway import (
    DealEntry,
    ErrorCode,
    Fault,
    Halt,
    HelloReply,
    Lease,
    OrderReplyStatus,
    Request,
    Simulate,
)
from proto.messages import MarketHeartbeat
from proto.trading.enums import Side
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.fill_model import IDEAL
from services.portfolio.core.account.events import DealBooked, TradingStateChanged
from services.portfolio.core.decision.escalation import watch_equity
from services.portfolio.core.gateway_client.instruments import update_instrument
from services.portfolio.core.queries.status import status_of
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.registry import active_rules
from services.portfolio.ledger.audit import AuditResult
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.portfolio.ledger.ledger_writer import LedgerWriter
from tests.contract.conditions.helper_processes import asked_by_notify, asked_by_watchdog
from tests.contract.conditions.idle_desks import held_back_order, holding_strategy, resting_entry
from tests.contract.conditions.signed_ledgers import deleted_ledger_with_signed_head, unwritable_signed_head
from tests.contract.conditions.venue_refusals import (
    missing_rate,
    near_plan,
    refused_orders,
    refused_stop,
    waiting_close,
)
from tests.support.builders import START_NS, STREAM_ID, a_deal, a_gateway, a_signal, a_stream, some_rules
from tests.support.desk_harness import RISING, DeskHarness, a_live_desk, request_of
from tests.support.signal_watch import Watched, a_fault, a_hello, a_warm_up

PROGRAMS: Final = ("mt5", "signal", "portfolio", "execution")


class Scene:
    """A desk with a condition, and the `DeskView` from which a screen is rendered."""

    def __init__(self, driven: DeskHarness, **view: Any) -> None:
        """Use the desk `driven`; `view` replaces fields of the `DeskView`."""
        self.driven = driven
        self._view = view

    @property
    def mono_ns(self) -> int:
        """The current monotonic time."""
        return self.driven.mono_ns

    def view(self) -> DeskView:
        """The view from which a screen is rendered."""
        fields: dict[str, Any] = {
            "plan": DeskRunSpec(
                data_dir=Path("desk"), settings={}, market="generated", strategy="s", symbols=("EURUSD",)
            ),
            "up_s": 100.0,
            "status": status_of(self.driven.state, self.mono_ns),
            "silent_s": 0.1,
            "processes": {name: ProcessState(name, "RUNNING", 0, 7, 100.0) for name in PROGRAMS},
            "before": AccountTotals(),
        }
        return DeskView(**{**fields, **self._view})


def _person() -> Scene:
    driven = a_live_desk()
    driven.command(HaltCommand("news"))
    return Scene(driven)


def _rolled_back_ledger() -> Scene:
    """The gateway has an order of a desk whose ledger was deleted."""
    first = a_live_desk(incarnation="0000aaaa")
    first.answer_all(first.deliver(a_signal(1, 1)))
    driven = DeskHarness(first.gateway, boot_id="again", incarnation="0000bbbb")
    driven.mono_ns = first.mono_ns
    driven.answer_all(driven.start())
    return Scene(driven)


def _rolled_back_venue() -> Scene:
    """The gateway restarts with a new book."""
    driven = a_live_desk()
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    driven.gateway = a_gateway(a_stream(*RISING), pace=Pace(0, 1.0), boot_id="boot-2")
    driven.portfolio.client.scheduler.on_gateway_restart()
    driven.answer_all(driven.pause())
    return Scene(driven)


def _drawdown(percent: int, limits: Limits) -> Scene:
    driven = a_live_desk(limits=limits)
    peaks = driven.state.stream.risk.peaks
    peaks.high, peaks.equity = Decimal(100), Decimal(100 - percent)
    watch_equity(driven.state, active_rules(limits, driven.state.config.plan).equity_watches)
    return Scene(driven)


def _repeated() -> Scene:
    driven = a_live_desk(limits=Limits(name="repeated", repeated_orders_max=2))
    driven.state.stream.risk.runs["EURUSD"] = 2
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    return Scene(driven)


def _rejects() -> Scene:
    driven = a_live_desk(limits=Limits(name="rejects", rejects_per_minute_max=1))
    signal = a_signal(1, 1)
    driven.state.stream.risk.reject_times_ns = [signal.time_ns]
    driven.answer_all(driven.deliver(signal))
    return Scene(driven)


def _clock_step() -> Scene:
    driven = a_live_desk()
    driven.state.account.on_clock_step(3_600_000_000_000)
    return Scene(driven)


def _order_in_doubt(**rules: Any) -> Scene:
    driven = a_live_desk(**rules)
    for call in driven.deliver(a_signal(1, 1)):
        driven.drop_reply(call)
    return Scene(driven)


def _difference() -> Scene:
    """Portfolio presumes that an order has expired, but the venue's position shows that the order was executed."""
    driven = a_live_desk(faults=True)
    driven.gateway.handle(Simulate(fault=Fault.HISTORY_INCOMPLETE, duration_ms=600_000), driven.now)
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    for _ in range(400):
        driven.gateway.on_timer(driven.now)
        driven.answer_all(driven.wait(500))
        if driven.state.account.book.trading_state is TradingState.HALTED:
            break
    return Scene(driven)


def _instrument(*, is_held: bool, **changed: Any) -> Scene:
    driven = a_live_desk()
    if is_held:
        driven.answer_all(driven.deliver(a_signal(1, 1)))
    instrument = driven.state.account.book.instruments["EURUSD"]
    update_instrument(driven.state.account, driven.state.warnings, structs.replace(instrument, **changed))
    return Scene(driven)


def _refused_order() -> Scene:
    driven = a_live_desk()
    [call] = driven.deliver(a_signal(1, 1))
    driven.refuse(call, ErrorCode.UNKNOWN_SYMBOL)
    return Scene(driven)


def _conflicting_order() -> Scene:
    driven = a_live_desk()
    [call] = driven.deliver(a_signal(1, 1))
    [reply] = driven.gateway.handle(request_of(call), driven.now)
    driven.answer(
        call,
        structs.replace(
            reply, status=OrderReplyStatus.REJECTED, error_code=ErrorCode.ID_CONFLICT, error="another volume"
        ),
    )
    return Scene(driven)


def _other_leader() -> Scene:
    driven = DeskHarness(a_gateway(a_stream(*RISING), pace=Pace(0, 1.0)))
    [hello] = driven.gateway.handle(request_of(driven.start()[0]), driven.now)
    assert isinstance(hello, HelloReply)
    driven = a_live_desk()
    other = Lease(holder="other", epoch=driven.state.lease.epoch + 1, seen_ns=hello.lease_now_ns)
    [token] = driven.gateway.handle(other, driven.now)
    driven.gateway.handle(structs.replace(other, seen_ns=token.lease_now_ns), driven.now)  # type: ignore[union-attr]
    driven.answer_all(driven.wait(1_000))
    return Scene(driven)


def _refused_lease(code: ErrorCode, *, seconds: float = 1.0) -> Scene:
    """The gateway answers each LEASE with the error `code` for `seconds`."""
    driven = a_live_desk()
    driven.pass_time_refusing(Lease, code, seconds=seconds)
    return Scene(driven)


def _broken_ledger(folder: Path) -> Scene:
    driven = a_live_desk()
    ledger = Ledger(folder / LEDGER_FILE_NAME)
    LedgerWriter(ledger, driven.state).apply_audit(AuditResult(["event 2 does not fit the chain"], ""))
    ledger.close()
    return Scene(driven)


def _earlier_version() -> Scene:
    """The ledger has a halt of an earlier version, whose reason is none of the condition codes."""
    driven = a_live_desk()
    driven.state.account.book.apply(
        TradingStateChanged(state=TradingState.HALTED, reason="as it was written", by="elsewhere", time_ns=0)
    )
    return Scene(driven)


def _invariant() -> Scene:
    driven = a_live_desk()
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    driven.state.account.book.balance += Decimal("0.01")
    driven.answer_all(driven.deliver(a_signal(2, -1, bid=1.101, ask=1.1011)))
    return Scene(driven)


def _connecting() -> Scene:
    driven = DeskHarness(a_gateway(a_stream(*RISING), pace=Pace(0, 1.0)))
    driven.start()
    return Scene(driven)


def _reconciling() -> Scene:
    driven = DeskHarness(a_gateway(a_stream(*RISING), pace=Pace(0, 1.0)))
    [hello] = driven.start()
    driven.answer(hello)
    return Scene(driven)


def _waiting_for_signals() -> Scene:
    driven = DeskHarness(a_gateway(a_stream(*RISING)))
    driven.answer_all(driven.start())
    return Scene(driven)


def _other_symbols() -> Scene:
    driven = DeskHarness(a_gateway(a_stream(*RISING), pace=Pace(0, 1.0)), rules=some_rules("EURUSD", "GBPUSD"))
    driven.answer_all(driven.start())
    return Scene(driven)


def _stopping() -> Scene:
    driven = a_live_desk()
    driven.portfolio.drain()
    return Scene(driven)


def _storage() -> Scene:
    driven = a_live_desk()
    driven.state.warnings.on_storage_failure("ledger.db: database or disk is full")
    return Scene(driven)


def _silent_gateway() -> Scene:
    """An order is in flight, and the gateway does not answer for 4 s."""
    driven = a_live_desk()
    driven.deliver(a_signal(1, 1))
    driven.mono_ns += 4_000_000_000
    return Scene(driven)


def _at_gateway(request: Request, *, faults: bool = False) -> Scene:
    """The gateway gets a request, and portfolio sees its effect at the next renewal of the lease."""
    driven = a_live_desk(faults=faults)
    driven.gateway.handle(request, driven.now)
    driven.answer_all(driven.wait(1_100))
    driven.gateway.on_timer(driven.now)
    return Scene(driven)


def _full_gateway() -> Scene:
    """The gateway cannot write to its disk, and portfolio sees this at the next renewal of the lease."""
    driven = a_live_desk()
    driven.gateway.leases.storage_problem = "the gateway cannot write: database or disk is full"
    driven.answer_all(driven.wait(1_100))
    driven.gateway.on_timer(driven.now)
    return Scene(driven)


def _quiet_symbol() -> Scene:
    """The feed sends heartbeats, but the symbol has had no tick for 61 s."""
    driven = a_live_desk()
    driven.mono_ns += 61_000_000_000
    heartbeat = MarketHeartbeat("mt5", "boot-1", STREAM_ID, 1, {"EURUSD": 1}, START_NS)
    driven.market(heartbeat)
    return Scene(driven)


def _three_losses() -> Scene:
    """EURUSD is bought and sold at a loss three times. The deals have no order of the desk, but count as losses too."""
    driven = a_live_desk(limits=Limits(name="breaker", breaker_losses=3))
    for number in range(1, 4):
        for deal in (
            a_deal(2 * number),
            a_deal(2 * number + 1, Side.SELL, entry=DealEntry.OUT, profit=Decimal(-1), time_ns=driven.now.domain_ns),
        ):
            driven.state.account.emit(DealBooked(deal=deal, order_id="", closings=[]))
    return Scene(driven)


def _denied_for_a_minute() -> Scene:
    driven = a_live_desk(limits=Limits(name="closed", order_volume_max=Decimal("0.001")))
    for number in range(1, 8):
        signal = a_signal(number, 1)
        driven.answer_all(driven.deliver(structs.replace(signal, time_ns=signal.time_ns + number * 10_000_000_000)))
    return Scene(driven)


def _stale_feed() -> Scene:
    driven = a_live_desk()
    driven.mono_ns += 4_000_000_000
    return Scene(driven)


def _margin_call() -> Scene:
    profile = structs.replace(IDEAL, name="called", margin_call_level_pct=Decimal(10**9), stop_out_level_pct=Decimal(1))
    driven = DeskHarness(a_gateway(a_stream(*[(1.1, 1.1001)] * 40), pace=Pace(0, 1.0), profile=profile))
    driven.answer_all(driven.start())
    driven.gateway.on_timer(driven.now)
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    driven.answer_all(driven.compare())
    for ms in (100, 2_000):
        driven.answer_all(driven.wait(ms))
        driven.answer_all(driven.pause())
    return Scene(driven)


def _foreign_orders() -> Scene:
    driven = a_live_desk()
    driven.state.account.allow_foreign_orders([77])
    return Scene(driven)


def _signals(*, signals_until: int = 5, lag: int = 0, **afterwards: Any) -> Scene:
    """Signals arrive for `signals_until` seconds; in the 5 s after that, `afterwards` defines what arrives.

    In these 5 s, `lag` is the number of ticks by which signals are behind the market; negative if the market is behind.
    """
    watched = Watched(a_live_desk())
    watched.go_on(signals_until * 1_000, hello=a_hello(), signals=True)
    watched.tick += lag
    watched.go_on(5_000, behind=lag, **afterwards)
    return Scene(watched.driven)


def _restarts() -> Scene:
    watched = Watched(a_live_desk())
    for number in range(8):
        watched.go_on(1_000, hello=a_hello(f"b{number}"), signals=True)
    return Scene(watched.driven)


def _never_heard() -> Scene:
    watched = Watched(a_live_desk()).go_on(4_000)
    return Scene(watched.driven)


TRIGGERS: Final[dict[str, Callable[[Path], Scene]]] = {
    "PERSON": lambda _: _person(),
    "DRAWDOWN": lambda _: _drawdown(8, Limits(name="drawdown", drawdown_halt_pct=Decimal(7))),
    "REPEATED_ORDERS": lambda _: _repeated(),
    "REJECTS": lambda _: _rejects(),
    "CLOCK_STEPPED": lambda _: _clock_step(),
    "IN_DOUBT_LIMIT": lambda _: _order_in_doubt(doubt_orders_max=0),
    "RECONCILIATION": lambda _: _difference(),
    "INSTRUMENT_CHANGED": lambda _: _instrument(is_held=True, contract_size=Decimal(10)),
    "GATEWAY_REFUSED": lambda _: _refused_order(),
    "ORDER_CONFLICT": lambda _: _conflicting_order(),
    "LEASE_LOST": lambda _: _other_leader(),
    "LEASE_REFUSED": lambda _: _refused_lease(ErrorCode.EPOCH_TOO_HIGH),
    "LEDGER_BROKEN": _broken_ledger,
    "LEDGER_ROLLED_BACK": lambda _: _rolled_back_ledger(),
    "LEDGER_TAIL_MISSING": lambda folder: Scene(deleted_ledger_with_signed_head(folder)),
    "VENUE_ROLLED_BACK": lambda _: _rolled_back_venue(),
    "UNCLASSIFIED": lambda _: _earlier_version(),
    "LEDGER_INVARIANT": lambda _: _invariant(),
    "CONNECTING": lambda _: _connecting(),
    "RECONCILING": lambda _: _reconciling(),
    "WAITING_FOR_SIGNALS": lambda _: _waiting_for_signals(),
    "FAILED": lambda _: _other_symbols(),
    "STOPPING": lambda _: _stopping(),
    "PROCESS_DOWN": lambda _: Scene(a_live_desk(), processes={"signal": ProcessState("signal", "FATAL", 1, 0)}),
    "PAGE_DOWN": lambda _: Scene(a_live_desk(), web=ProcessState("web", "FATAL", 1, 0)),
    "SUPERVISOR_SILENT": lambda _: Scene(asked_by_watchdog(seconds=1, supervisor_problem="no answer for 4 s")),
    "PORTFOLIO_SILENT": lambda _: Scene(a_live_desk(), silent_s=9.0),
    "STORAGE": lambda _: _storage(),
    "LEDGER_UNSIGNED": lambda folder: Scene(unwritable_signed_head(folder)),
    "GATEWAY_SILENT": lambda _: _silent_gateway(),
    "LEASE_MISSING": lambda _: _refused_lease(ErrorCode.INTERNAL_ERROR, seconds=6.0),
    "LEASE_UNSUPPORTED": lambda _: _refused_lease(ErrorCode.NOT_AVAILABLE),
    "GATEWAY_STORAGE": lambda _: _full_gateway(),
    "GATEWAY_HALTED": lambda _: _at_gateway(Halt(reason="by hand")),
    "VENUE_UNAVAILABLE": lambda _: _at_gateway(Simulate(fault=Fault.DISCONNECTED, duration_ms=60_000), faults=True),
    "FEED_STALE": lambda _: _stale_feed(),
    "NO_TICKS": lambda _: _quiet_symbol(),
    "BREAKER_OPEN": lambda _: _three_losses(),
    "SIGNALS_DENIED": lambda _: _denied_for_a_minute(),
    "ORDERS_REFUSED": lambda _: Scene(refused_orders()),
    "MODIFICATION_REFUSED": lambda _: Scene(refused_stop()),
    "CLOSE_WAITS": lambda _: Scene(waiting_close()),
    "CONVERSION_MISSING": lambda _: Scene(missing_rate()),
    "STRATEGY_FAULT": lambda _: _signals(hello=a_hello("b1", a_fault())),
    "SIGNAL_SILENT": lambda _: _signals(),
    "SIGNAL_NEVER_HEARD": lambda _: _never_heard(),
    "SIGNAL_CRASH_LOOPING": lambda _: _restarts(),
    "SIGNAL_MUTE": lambda _: _signals(hello=a_hello()),
    "SIGNAL_CATCHING_UP": lambda _: _signals(hello=a_hello(), signals=True, lag=40),
    "SIGNAL_WARMING_UP": lambda _: _signals(hello=a_hello("b1", a_warm_up()), signals=True),
    "MARKET_BEHIND": lambda _: _signals(signals_until=9, hello=a_hello(), lag=-8),
    "STRATEGY_HOLDS": lambda _: Scene(holding_strategy(seconds=301)),
    "ENTRY_RESTS": lambda _: Scene(resting_entry(seconds=61)),
    "WATCHDOG_SILENT": lambda _: Scene(asked_by_watchdog(seconds=11)),
    "ALERTS_FAIL": lambda _: Scene(
        asked_by_watchdog(seconds=1, alert_problem="ALERT_COMMAND ended with exit status 1")
    ),
    "NOTIFY_FAILS": lambda _: Scene(asked_by_notify(seconds=1, problem="target phone: 4 tries failed, HTTP 500")),
    "NOTIFY_SILENT": lambda _: Scene(asked_by_notify(seconds=16)),
    "ORDER_IN_DOUBT": lambda _: _order_in_doubt(),
    "ORDER_UNANSWERED": lambda _: Scene(held_back_order(seconds=4)),
    "DRAWDOWN_WARNING": lambda _: _drawdown(4, Limits(name="drawdown", drawdown_warn_pct=Decimal(3))),
    "MARGIN_CALL": lambda _: _margin_call(),
    "INSTRUMENT_TERMS": lambda _: _instrument(is_held=False, contract_size=Decimal(10)),
    "FOREIGN_ORDERS": lambda _: _foreign_orders(),
    "PLAN_DISTANCE": lambda _: Scene(near_plan()),
}
"""The trigger of each condition, by the condition's code; a trigger takes a folder for files."""

SEEN_FROM_OUTSIDE: Final = ("PROCESS_DOWN", "PAGE_DOWN", "PORTFOLIO_SILENT")
"""Conditions that portfolio cannot detect, because they concern its own process or other processes."""
