"""Run a live desk under one lasting fault after another, and compare its status with the venue's book every second.

The order of the faults is drawn from a seed; their exact times depend on the machine. After a fault that needs a person
the run resumes the desk, and counts this.
"""

from __future__ import annotations

import os
import random
import shlex
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from common.control_client import ControlClient
from common.errors import StartError
from common.fault_injection import CLOCK_STEP_VARIABLE
from orchestration.address_files import control_url, published_addresses
from orchestration.environment import desk_environment
from orchestration.supervisor import DeskSupervisor
from proto.control import Effect, ResumeCommand, Severity, StatusQuery, StatusReply, TradingReply
from proto.control import TradingState as Trading
from verification.chaos.alternating_strategy import RESTLESS
from verification.chaos.faults import FaultInjector
from verification.chaos.faulty_strategy import FAULT_VARIABLE
from verification.chaos.lasting_faults import FaultFailedError, LastingFault, LastingFaults
from verification.chaos.live_run import desk_settings, settle_desk
from verification.chaos.oracle import compare_books
from verification.chaos.scorecard import Scorecard
from verification.chaos.status_sampler import ANSWER_S, StatusSampler
from verification.chaos.status_truth import GRACE_S, Breach, Violation, find_violations, shown_as

SYMBOLS: Final = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")
FAULTY: Final = SYMBOLS[0]
SPEED: Final = 8.0
"""Market time divided by wall time: about 20 ticks a second for each symbol, and an order every 0.1 s."""

RECOVERY_MAX_S: Final = 45.0
"""Time without trades after a fault, after which the run starts the stopped processes as a person would."""

WARM_UP_S: Final = 60.0
CALM_S: Final = (2.0, 4.0)
"""Shortest and longest pause between two faults."""
_POLL_S: Final = 0.05
_FAULTY_STRATEGY: Final = "verification.chaos.faulty_strategy:Faulty"
_ALERT: Final = "import os, sys; sys.stdin.read(); open(sys.argv[1], 'a').write(os.environ['ALERT_KIND'] + chr(10))"


@dataclass(frozen=True, kw_only=True)
class TruthPlan:
    """Specification of a run; `only` is a sequence of faults that is repeated, empty for all faults in random order."""

    data_dir: Path
    minutes: float
    seed: int
    only: tuple[str, ...] = ()


@dataclass
class TruthScorecard(Scorecard):
    """The results of a chaos run and of the status samples; a recovery is that of the slowest symbol after a fault."""

    samples: int = 0
    unanswered: int = 0
    opening_deals: int = 0
    late_s_max: float = 0.0
    load: float = 0.0
    """The machine's load average of the last minute of the run."""

    schedule: list[tuple[float, float, str]] = field(default_factory=list)
    """Begin and end of each fault in seconds, and its name."""

    violations: list[Violation] = field(default_factory=list)
    audits: dict[str, int] = field(default_factory=dict)
    """Exit codes of `paperdesk verify` and `paperdesk reconcile` on the stopped desk."""

    @property
    def is_clean(self) -> bool:
        """Whether ledger and venue agree, the status was always true, and the audits of the stopped desk passed."""
        return super().is_clean and self.settled == "yes" and not self.violations and not any(self.audits.values())

    def as_json(self) -> dict[str, Any]:
        """All results by name, for a JSON file."""
        return {
            **super().as_json(),
            "samples": self.samples,
            "unanswered": self.unanswered,
            "opening_deals": self.opening_deals,
            "late_s_max": round(self.late_s_max, 2),
            "load": round(self.load, 2),
            "audits": self.audits,
            "schedule": [f"{begin:.1f} to {end:.1f} s: {name}" for begin, end, name in self.schedule],
            "violations": [str(violation) for violation in self.violations],
        }


@dataclass
class _Run:
    plan: TruthPlan
    desk: DeskSupervisor
    client: ControlClient
    sampler: StatusSampler
    card: TruthScorecard
    draw: random.Random
    faults: dict[str, LastingFault]
    on_progress: Callable[[str], None]

    def disturb(self) -> None:
        """Inject one fault after another for the duration of the plan, and wait for the recovery after each."""
        end_s = self.sampler.now_s + self.plan.minutes * 60
        while self.sampler.now_s < end_s:
            for name in self.plan.only or self.draw.sample(list(self.faults), len(self.faults)):
                if self.sampler.now_s >= end_s:
                    return
                self._disturb_by(self.faults[name])
                time.sleep(self.draw.uniform(*CALM_S))

    def _disturb_by(self, fault: LastingFault) -> None:
        self.on_progress(f"{self.sampler.now_s:.0f} s: {fault.name}, {len(self.sampler.deals)} opening deals")
        self.sampler.fault = fault.name
        begin_s = self.sampler.now_s
        try:
            fault.play()
        except FaultFailedError as error:
            self._note(Breach.FAULT, fault, str(error), "the fault could not be injected or undone as planned")
        end_s = self.sampler.now_s
        self.card.faults[fault.name] += 1
        self.card.schedule.append((begin_s, end_s, fault.name))
        self._recover(fault, end_s)
        self.sampler.fault = ""

    def _recover(self, fault: LastingFault, end_s: float) -> None:
        """Wait until every symbol trades again; if necessary, resume the desk or start its stopped programs."""
        since_s, helped = end_s, False
        while missing := [symbol for symbol in SYMBOLS if symbol not in self.sampler.opened_since(since_s)]:
            now_s = self.sampler.now_s
            if self._resume(fault):
                since_s = self.sampler.now_s
            elif now_s - since_s > RECOVERY_MAX_S:
                shown = shown_as(None if self.sampler.status is None else self.sampler.status.conditions)
                self._note(Breach.SLOW, fault, shown, f"{', '.join(missing)} not within {RECOVERY_MAX_S:.0f} s")
                if helped:
                    raise StartError(f"the desk does not trade again after '{fault.name}': {shown}")
                for name, process in self.desk.states().items():
                    if process.state not in ("STARTING", "RUNNING"):
                        self.desk.start_program(name)
                since_s, helped = self.sampler.now_s, True
            time.sleep(_POLL_S)
        taken_s = max(self.sampler.opened_since(since_s).values()) - since_s
        self.card.recoveries_s.setdefault(fault.name, []).append(taken_s)
        if taken_s > fault.recovery_s:
            shown = shown_as(None if self.sampler.status is None else self.sampler.status.conditions)
            self._note(Breach.SLOW, fault, shown, f"every symbol traded only after {taken_s:.1f} s")

    def _resume(self, fault: LastingFault) -> bool:
        """Resume a desk that is not ACTIVE; returns whether it was resumed."""
        status = self.client.request(StatusQuery(), StatusReply, timeout_s=ANSWER_S)
        if status is None or status.trading_state is Trading.ACTIVE:
            return False
        try:
            reply = self.client.request(ResumeCommand(reason="the run acts for a person"), TradingReply, timeout_s=1.0)
        except StartError:  # refused, with a reason that is also in the status
            return False
        if reply is None or reply.trading_state is not Trading.ACTIVE:
            return False
        codes = {one.code for one in status.conditions if one.by}
        self.card.resumed[f"{fault.name}: {', '.join(sorted(codes))}"] += 1
        if unexpected := codes - fault.causes:
            self._note(
                Breach.PERSON, fault, shown_as(status.conditions), f"{', '.join(sorted(unexpected))} needed a resume"
            )
        return True

    def _note(self, breach: Breach, fault: LastingFault, shown: str, true: str) -> None:
        self.card.violations.append(Violation(self.sampler.now_s, breach, fault.name, "", shown, true))


def run_truth(plan: TruthPlan, on_progress: Callable[[str], None]) -> TruthScorecard:
    """Run a desk under lasting faults, and compare its status with its deals, and its ledger with the venue's book.

    Raises:
        StartError: a fault of the plan is unknown, a process could not be started, or a symbol did not trade before the
            faults.
    """
    card = TruthScorecard(minutes=plan.minutes, seed=plan.seed)
    draw = random.Random(plan.seed)  # noqa: S311 - faults, no secrets
    alerts = plan.data_dir / "alerts.txt"
    port = _free_port()
    with DeskSupervisor(log_dir=plan.data_dir / "logs") as desk:
        clock, strategy = desk.runtime / "clock_step_ns", desk.runtime / "strategy_fault"
        command = shlex.join([sys.executable, "-c", _ALERT, str(alerts.resolve())])
        environment = desk_environment(
            {**os.environ, "ALERT_COMMAND": command},
            _settings(plan.seed, port),
            runtime=desk.runtime,
            data_dir=plan.data_dir,
        ) | {CLOCK_STEP_VARIABLE: str(clock), FAULT_VARIABLE: str(strategy)}
        injector = FaultInjector(desk, plan.data_dir, environment["MT5_REQUEST_URL"], draw, card)
        lasting = LastingFaults(desk, plan.data_dir, environment, injector, clock, strategy)
        faults = {fault.name: fault for fault in lasting.catalogue()}
        if unknown := [name for name in plan.only if name not in faults]:
            raise StartError(f"--fault is {unknown[0]!r}, expected one of {', '.join(faults)}")
        sampler = StatusSampler(control_url(desk.runtime), plan.data_dir / "venue" / "book.db", port)
        try:
            desk.start(environment)
            with (
                published_addresses(plan.data_dir, desk.runtime),
                ControlClient(control_url(desk.runtime)) as client,
            ):
                with sampler:
                    _wait_for_first_orders(sampler)
                    run = _Run(plan, desk, client, sampler, card, draw, faults, on_progress)
                    try:
                        run.disturb()
                    except StartError as error:
                        card.settled = str(error)
                if not card.settled:
                    settle_desk(client, card, on_progress)
        finally:
            injector.close()
        desk.stop()
    _judge(card, sampler, alerts)
    card.verdict = compare_books(plan.data_dir, taken_orders=lasting.taken_orders)
    card.audits = lasting.audit()
    return card


def _settings(seed: int, metrics_port: int) -> dict[str, str]:
    strategies = [f"{symbol}={_FAULTY_STRATEGY if symbol == FAULTY else RESTLESS}" for symbol in SYMBOLS]
    return {
        **desk_settings(speed=SPEED, seed=seed),
        "GTW_TIMEOUT_MS": "500",
        "STRATEGY": ",".join(strategies),
        "TRADING_SYMBOL": ",".join(SYMBOLS),
        "METRICS_PORT_PORTFOLIO": str(metrics_port),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_first_orders(sampler: StatusSampler) -> None:
    deadline = time.monotonic() + WARM_UP_S
    while len(sampler.opened_since(0.0)) < len(SYMBOLS):
        if time.monotonic() > deadline:
            raise StartError(f"not every symbol traded within {WARM_UP_S:.0f} s, expected trades before the faults")
        time.sleep(_POLL_S)
    time.sleep(CALM_S[1])
    # The samples before the first fault are not part of the result.
    sampler.samples.clear()
    sampler.disagreements.clear()


def _judge(card: TruthScorecard, sampler: StatusSampler, alerts: Path) -> None:
    card.samples = len(sampler.samples)
    card.unanswered = sum(sample.conditions is None for sample in sampler.samples)
    card.opening_deals = len(sampler.deals)
    card.late_s_max = sampler.late_s_max
    card.load = os.getloadavg()[0]
    card.violations += find_violations(sampler.samples, sampler.deals, SYMBOLS)
    card.violations += sampler.disagreements
    card.violations += _missing_alerts(sampler, set(alerts.read_text().split()) if alerts.exists() else set())
    card.violations.sort(key=lambda violation: violation.at_s)


def _missing_alerts(sampler: StatusSampler, raised: set[str]) -> list[Violation]:
    """A violation for each critical condition that prevented trading for more than GRACE_S and raised no alert."""
    since_s: dict[str, float] = {}
    missing: dict[str, Violation] = {}
    for sample in sampler.samples:
        grave = {
            one.code
            for one in sample.conditions or ()
            if one.severity is Severity.CRITICAL and one.effect is not Effect.NONE
        }
        since_s = {code: since_s.get(code, sample.at_s) for code in grave}
        for code in grave - raised - missing.keys():
            if sample.at_s - since_s[code] > GRACE_S:
                missing[code] = Violation(
                    sample.at_s, Breach.NO_ALERT, sample.fault, code, shown_as(sample.conditions), "no alert was raised"
                )
    return list(missing.values())
