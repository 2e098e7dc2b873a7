"""Run a live desk under random faults, halt it until no order is open, stop it, and compare ledger and venue."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from common.control_client import ControlClient
from common.errors import StartError
from common.fault_injection import CLOCK_STEP_VARIABLE, CRASH_AT_VARIABLE, CRASH_DIRECTORY_VARIABLE
from orchestration.address_files import control_url
from orchestration.environment import desk_environment
from orchestration.start_checks import require_startable
from orchestration.supervisor import DeskSupervisor
from proto.control import (
    HaltCommand,
    ReconcileCommand,
    ReconcileReply,
    ResumeCommand,
    StatusQuery,
    StatusReply,
    TradingReply,
)
from proto.control import TradingState as Trading
from proto.gateway import Simulate
from verification.chaos import scenarios
from verification.chaos.alternating_strategy import RESTLESS
from verification.chaos.faults import PROCESSES, VENUE_FAULTS, FaultInjector
from verification.chaos.lossy_proxy import FaultProbabilities, LossyProxy
from verification.chaos.oracle import compare_books
from verification.chaos.scorecard import Scorecard, normalize_reason

STEP_S: Final = 0.05
CHECK_S: Final = 1.0
SETTLE_MAX_S: Final = 90.0
WARM_UP_S: Final = 20.0
RECOVERY_MAX_S: Final = 60.0
SYMBOLS: Final = "EURUSD,GBPUSD,USDJPY,AUDUSD,NZDUSD,USDCAD,USDCHF,EURGBP,EURJPY,XAUUSD"


def desk_settings(*, speed: float, seed: int) -> dict[str, str]:
    """Settings of a desk for a chaos run: a fast market, a strategy that trades at every tick, short timeouts.

    Args:
        speed: market time divided by wall time.
        seed: of the generated market.
    """
    return {
        "STRATEGY": RESTLESS,
        "RISK": "none",
        "GTW_TIMEOUT_MS": "100",
        "DOUBT_ORDERS_MAX": "50",
        "MT5_FAULTS": "true",
        "MT5_SETTLING_MS": "3000",
        "MT5_PACE": f"live:{speed:g}",
        "MT5_BALANCE": "1000000",
        "MT5_MARKET": "generated",
        "MT5_SEED": str(seed),
        "TRADING_SYMBOL": SYMBOLS,
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO"),
    }


def full_feature_settings(plan: Path) -> dict[str, str]:
    """Further settings for resting orders and trailing stops on a hedging account with realistic fills."""
    written = scenarios.write_plan(plan, scenarios.LIVE_PLAN)
    return {"PLAN": str(written.resolve()), "MT5_FILLS": "realistic", "MT5_ACCOUNT_MODE": "hedging"}


@dataclass(frozen=True, kw_only=True)
class ChaosPlan:
    """Specification of a chaos run.

    `settings` are those of the desk, `minutes` is the duration of the faults, and `odds` are the probabilities of
    network faults. At the points `crash_at` processes kill themselves, and leave a file for each kill in `crash_dir`.
    """

    data_dir: Path
    settings: Mapping[str, str]
    minutes: float
    seed: int
    kills_per_minute: float
    faults_per_minute: float
    odds: FaultProbabilities
    is_mild: bool = False
    """Whether only faults of the venue and halts by a person are injected, to reach points that need these faults."""
    venue_faults: tuple[Simulate, ...] = VENUE_FAULTS
    crash_at: tuple[str, ...] = ()
    crash_dir: Path | None = None


@dataclass
class _Recovery:
    """A killed process whose desk has not yet made a new order after the restart.

    `orders` is the number of orders at the restart, None before it.
    """

    name: str
    pid: int
    since: float
    orders: int | None = None


@dataclass
class _Run:
    plan: ChaosPlan
    desk: DeskSupervisor
    client: ControlClient
    faults: FaultInjector
    card: Scorecard
    draw: random.Random
    clock: Path
    on_progress: Callable[[str], None]
    status: StatusReply | None = None
    recovering: list[_Recovery] = field(default_factory=list)

    def disturb(self) -> None:
        """Inject faults for the duration of the plan.

        Raises:
            StartError: a process has given up; no fault may cause that.
        """
        end = time.monotonic() + self.plan.minutes * 60
        next_kill = self._next(self.plan.kills_per_minute)
        next_fault = self._next(self.plan.faults_per_minute)
        next_check = 0.0
        while (now := time.monotonic()) < end:
            self.faults.undo_expired()
            if now >= next_kill:
                next_kill = self._next(self.plan.kills_per_minute)
                self._kill()
            if now >= next_fault:
                next_fault = self._next(self.plan.faults_per_minute)
                self._fault()
            self.poll_status()
            if now >= next_check:
                next_check = now + CHECK_S
                self.desk.check()
            time.sleep(STEP_S)

    def poll_status(self) -> None:
        """Request the status and note recovered processes. Act for a person by resuming a desk that is not ACTIVE."""
        status = self.client.request(StatusQuery(), StatusReply, timeout_s=0.3)
        if status is None:
            return
        self.status = status
        self.on_progress(f"{status.orders} orders, {self.card.kills} kills, {status.state} {status.waiting_for}")
        if status.trading_state is not Trading.ACTIVE:
            reply = self.client.request(
                ResumeCommand(reason="the chaos run acts for a person"), TradingReply, timeout_s=1.0
            )
            if reply is not None:
                self.card.resumed[normalize_reason(status.trading_reason or status.trading_state.value)] += 1
        if self.recovering:
            self._note_recoveries(status)

    def _kill(self) -> None:
        name = self.draw.choice(PROCESSES)
        self._watch(name, self.faults.kill(name))

    def _watch(self, name: str, pid: int | None) -> None:
        if pid is not None:
            self.recovering.append(_Recovery(name, pid, time.monotonic()))

    def _fault(self) -> None:
        mild: list[Callable[[], None]] = [self.faults.halt_gateway, self.faults.venue, self.faults.venue]
        wild: list[Callable[[], None]] = [
            lambda: self.faults.hang(self.draw.choice(PROCESSES)),
            lambda: self.faults.hang("mt5"),
            lambda: self._watch("mt5", self.faults.lose_journal()),
            lambda: self.faults.fill_disk(self.draw.choice(("portfolio", "mt5"))),
            lambda: self.faults.step_clock(self.clock),
            self.faults.subscribe_slowly,
            self.faults.flood,
        ]
        self.draw.choice(mild if self.plan.is_mild else mild + wild)()

    def _note_recoveries(self, status: StatusReply) -> None:
        states = self.desk.states()
        now = time.monotonic()
        left = []
        for one in self.recovering:
            state = states.get(one.name)
            if one.orders is None and state is not None and state.pid not in (0, one.pid):
                one.orders = status.orders
            elif one.orders is not None and status.orders > one.orders:
                self.card.recoveries_s.setdefault(one.name, []).append(now - one.since)
                continue
            if now - one.since > RECOVERY_MAX_S:
                self.card.recoveries_s.setdefault(one.name, []).append(now - one.since)
                continue
            left.append(one)
        self.recovering = left

    def _next(self, per_minute: float) -> float:
        return time.monotonic() + (self.draw.expovariate(per_minute / 60) if per_minute > 0 else 1e9)


def settle_desk(client: ControlClient, card: Scorecard, on_progress: Callable[[str], None]) -> None:
    """Halt the desk, and wait until no order is open and its reconciliation finds no difference.

    Orders that another client made at the venue remain differences and are allowed, because the ledger has their deals
    but not the orders. The result is in `card.settled`.
    """
    deadline = time.monotonic() + SETTLE_MAX_S
    while time.monotonic() < deadline:
        status = client.request(StatusQuery(), StatusReply, timeout_s=0.3)
        if status is None or status.trading_state is not Trading.HALTED:
            client.request(HaltCommand(reason="the chaos run is over"), TradingReply, timeout_s=1.0)
            continue
        on_progress(f"settling, {status.orders_open} orders open")
        reply = client.request(ReconcileCommand(), ReconcileReply, timeout_s=10.0)
        if reply is not None and reply.complete:
            card.differences = [f"{found.kind} {found.subject}" for found in reply.differences]
            foreign_only = all(found.kind == "unknown_order" for found in reply.differences)
            if foreign_only and not status.orders_open:
                card.settled = "yes"
                return
        time.sleep(STEP_S)
    card.settled = f"not within {SETTLE_MAX_S:.0f} s"


def run_chaos(plan: ChaosPlan, on_progress: Callable[[str], None]) -> Scorecard:
    """Run a desk under faults, and compare its ledger with the venue's book.

    Raises:
        StartError: a process could not be started or has given up, or the desk made no order before the faults.
    """
    card = Scorecard(minutes=plan.minutes, seed=plan.seed)
    draw = random.Random(plan.seed)  # noqa: S311 - faults, no secrets
    require_startable(plan.data_dir)
    with DeskSupervisor(log_dir=plan.data_dir / "logs") as desk:
        environment = desk_environment(os.environ, plan.settings, runtime=desk.runtime, data_dir=plan.data_dir)
        gateway, front = environment["MT5_REQUEST_URL"], f"ipc://{desk.runtime}/line.ipc"
        clock = desk.runtime / "clock_step_ns"
        environment |= {"ZMQ_EXECUTION_URL": front, CLOCK_STEP_VARIABLE: str(clock)}
        if plan.crash_dir is not None:
            environment |= {CRASH_AT_VARIABLE: ",".join(plan.crash_at), CRASH_DIRECTORY_VARIABLE: str(plan.crash_dir)}
        faults = FaultInjector(desk, plan.data_dir, gateway, draw, card, plan.venue_faults)
        with LossyProxy(front, gateway, seed=plan.seed) as line, ControlClient(control_url(desk.runtime)) as client:
            run = _Run(plan, desk, client, faults, card, draw, clock, on_progress)
            try:
                desk.start(environment)
                _wait_for_first_order(run)
                line.set_probabilities(plan.odds)
                run.disturb()
                line.set_probabilities(FaultProbabilities())
                faults.stop()
                settle_desk(client, card, on_progress)
            finally:
                faults.close()
            desk.stop()
            card.network = line.counts
    card.verdict = compare_books(plan.data_dir)
    return card


def _wait_for_first_order(run: _Run) -> None:
    deadline = time.monotonic() + WARM_UP_S
    while run.status is None or not run.status.orders:
        run.poll_status()
        if time.monotonic() > deadline:
            raise StartError(f"no order within {WARM_UP_S:.0f} s; expected the desk to trade before it is disturbed")
        time.sleep(STEP_S)
