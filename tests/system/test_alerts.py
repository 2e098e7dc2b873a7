"""Each alert is raised by its real fault: real desks, Debian's Prometheus and Alertmanager, and a webhook behind them.

The rules are the shipped ones, with each time and range divided by 60. Faults of one desk follow one another; those
that do not disturb each other last at the same time. Alerts that Alertmanager mutes, because another alert explains
them, arrive at Alertmanager only.
"""

from __future__ import annotations

import os
import random
import shlex
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from common.control_client import ControlClient
from orchestration.address_files import control_url
from orchestration.environment import desk_environment
from orchestration.supervisor import DeskSupervisor
from proto.control import (
    HaltCommand,
    OrderCommandReply,
    PlaceCommand,
    ReconcileCommand,
    ReconcileReply,
    ResumeCommand,
    TradingReply,
)
from proto.gateway import Fault, Halt, Resume, Simulate
from proto.trading.enums import OrderType, Side
from tests.support.alert_rules import alert_rules
from tests.support.desk_processes import DeskProcesses, running_desk
from tests.support.ports import free_ports
from tests.support.processes import process_below
from tests.support.prometheus import Prometheus
from tests.support.prometheus_servers import (
    ALERTMANAGER_MISSING,
    INSTALL_ALERTMANAGER,
    INSTALL_PROMETHEUS,
    PROMETHEUS_MISSING,
    Alertmanager,
    AlertReceiver,
    PrometheusConfiguration,
    running_alertmanager,
    running_prometheus,
    running_receiver,
)
from tests.support.shared_data import ROOT
from tests.support.tick_files import a_tick_file
from tests.support.waits import wait_for
from verification.chaos.alternating_strategy import RESTLESS
from verification.chaos.faults import FaultInjector, limit_file_size, restore_file_size, send_signal, write_whole
from verification.chaos.faulty_strategy import FAULT_VARIABLE
from verification.chaos.live_run import desk_settings
from verification.chaos.scorecard import Scorecard

DIVISOR: Final = 60
SECONDS: Final = 90.0
"""Deadline of each wait; usually an alert arrives within some seconds of its condition."""

PROCESSES: Final = ("mt5", "execution", "portfolio", "signal", "watchdog", "web")
BUSY, POOR = "busy", "poor"

QUIET: Final = "tests.old_files.quiet:Quiet"
LIMITS: Final = """
breaker_losses = 1
breaker_cooldown_s = 36000
drawdown_warn_pct = 0.001
drawdown_reduce_pct = 80
drawdown_halt_pct = 90
daily_loss_pct_max = "none"
rejects_per_minute_max = "none"
order_volume_max = "none"
order_notional_pct_of_power_max = "none"
symbol_exposure_pct_of_power_max = "none"
gross_exposure_pct_of_power_max = "none"
currency_exposure_pct_of_power_max = "none"
margin_pct_of_equity_max = "none"
spread_factor_max = "none"
rollover_pause_min = "none"
orders_per_second_max = "none"
position_legs_max = 20
foreign_orders = "adopt"
"""
"""Limits that pause a symbol after its first loss, warn at any drawdown, and let a person use up the margin."""

LEVERAGE: Final = 500
BALANCE: Final = 50
VOLUME: Final = Decimal("0.24")
"""Lots of USDJPY with a margin of 48 USD; their spread costs more than the 2 USD that remain."""

REFUSED_ORDERS: Final = 6
"""Number of orders without margin; five in a row set ORDERS_REFUSED."""

CRASHES: Final = 5
"""Number of ends within five minutes that the watchdog reports as a crash loop."""

pytestmark = [
    pytest.mark.skipif(PROMETHEUS_MISSING, reason=INSTALL_PROMETHEUS),
    pytest.mark.skipif(ALERTMANAGER_MISSING, reason=INSTALL_ALERTMANAGER),
]


@dataclass
class Scene:
    """Two desks, and what watches them."""

    busy: DeskSupervisor
    poor: DeskProcesses
    faults: FaultInjector
    strategy: Path
    """File that names the fault of the strategy of EURUSD on the busy desk."""

    alarms_work: Path
    """File without which ALERT_COMMAND of the busy desk fails."""

    configuration: PrometheusConfiguration
    ports: dict[str, dict[str, int]]
    prometheus: Prometheus
    alertmanager: Alertmanager
    receiver: AlertReceiver

    def client(self, desk: str) -> ControlClient:
        """A client of portfolio's control socket."""
        return ControlClient(control_url(self.busy.runtime) if desk == BUSY else self.poor.control_url)

    def arrives(self, alert: str, *, desk: str = BUSY, **labels: str) -> None:
        """Wait until an alert arrives at the webhook."""
        wait_for(lambda: self.receiver.has(alert, desk=desk, **labels), f"{alert} {labels}", seconds=SECONDS)

    def is_muted(self, alert: str, *, desk: str = BUSY, **labels: str) -> None:
        """Wait until an alert arrives at Alertmanager, which mutes it because of another alert."""
        wait_for(
            lambda: self.alertmanager.has(alert, state="suppressed", desk=desk, **labels),
            f"{alert} {labels}, muted",
            seconds=SECONDS,
        )

    def ends(self, alert: str, *, desk: str = BUSY) -> None:
        """Wait until the webhook is told the end of an alert."""
        wait_for(lambda: self.receiver.has(alert, status="resolved", desk=desk), f"the end of {alert}", seconds=SECONDS)

    def pid(self, program: str) -> int:
        """The pid of a program of the busy desk, when it runs."""
        return wait_for(lambda: self.faults.pid_of(program), f"{program} runs", seconds=SECONDS)


def _busy_settings(ports: dict[str, int], page_port: int) -> dict[str, str]:
    """A desk that trades at each tick, at four times the pace of the market, without limits."""
    return {
        **desk_settings(speed=4, seed=1),
        "TRADING_SYMBOL": "EURUSD,GBPUSD",
        "STRATEGY": f"EURUSD=verification.chaos.faulty_strategy:Faulty,GBPUSD={RESTLESS}",
        "GTW_TIMEOUT_MS": "500",
        "MT5_SETTLING_MS": "60000",
        "SIGNAL_AGE_MAX_MS": "600000",
        "WEB_PORT": str(page_port),
        **{f"METRICS_PORT_{name.upper()}": str(port) for name, port in ports.items()},
    }


def _poor_settings(folder: Path, ports: dict[str, int]) -> dict[str, str]:
    """A desk with little money; the ticks of GBPUSD end after some seconds."""
    limits = folder / "limits.toml"
    limits.write_text(LIMITS, encoding="utf-8")
    files = [
        f"{a_tick_file(folder / f'{symbol}.parquet', rows=rows, price=price, digits=digits, pause_ms_max=500)}:{symbol}"
        for symbol, rows, price, digits in (
            ("EURUSD", 4_000, 1.3871, 5),
            ("GBPUSD", 8, 1.6871, 5),
            ("USDJPY", 4_000, 102.5, 3),
        )
    ]
    return {
        "TRADING_SYMBOL": "EURUSD,GBPUSD,USDJPY",
        "STRATEGY": f"EURUSD={RESTLESS},GBPUSD={QUIET},USDJPY={QUIET}",
        "DEFAULT_VOLUME": "0.01",
        "RISK": str(limits),
        "MT5_TICKS": ";".join(files),
        "MT5_PACE": "live",
        "MT5_FILLS": "realistic",
        "MT5_FAULTS": "true",
        "MT5_BALANCE": str(BALANCE),
        "MT5_LEVERAGE": str(LEVERAGE),
        **{f"METRICS_PORT_{name.upper()}": str(port) for name, port in ports.items()},
    }


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    own_port, manager_port, page_port, *free = free_ports(3 + len(PROCESSES) + 4)
    ports = {
        BUSY: dict(zip(PROCESSES, free, strict=False)),
        POOR: dict(zip(PROCESSES[:4], free[len(PROCESSES) :], strict=True)),
    }
    strategy, alarms_work = tmp_path / "fault", tmp_path / "alarms_work"
    configuration = PrometheusConfiguration(
        tmp_path / "prometheus", port=own_port, alertmanager_port=manager_port, divisor=DIVISOR
    )
    configuration.write(ports)
    with ExitStack() as stack:
        poor = stack.enter_context(running_desk(tmp_path / POOR, **_poor_settings(tmp_path, ports[POOR])))
        busy = stack.enter_context(DeskSupervisor(log_dir=tmp_path / "logs", has_web=True))
        command = shlex.join(["sh", "-c", 'cat > /dev/null; test -e "$0"', str(alarms_work)])
        environment = desk_environment(
            {**os.environ, "ALERT_COMMAND": command},
            _busy_settings(ports[BUSY], page_port),
            runtime=busy.runtime,
            data_dir=tmp_path / BUSY,
        ) | {FAULT_VARIABLE: str(strategy)}
        busy.start(environment)
        faults = FaultInjector(
            busy, tmp_path / BUSY, environment["MT5_REQUEST_URL"], random.Random(1), Scorecard(minutes=0, seed=1)
        )
        stack.callback(faults.close)
        receiver = stack.enter_context(running_receiver())
        alertmanager = stack.enter_context(
            running_alertmanager(configuration.path.parent, port=manager_port, receiver_url=receiver.url)
        )
        prometheus = stack.enter_context(running_prometheus(configuration))
        yield Scene(busy, poor, faults, strategy, alarms_work, configuration, ports, prometheus, alertmanager, receiver)


def test_each_alert_arrives_by_its_real_fault_and_ends_with_it(scene: Scene) -> None:
    wait_for(
        lambda: scene.prometheus.value('sum(up{desk="busy"})') == len(PROCESSES), "every target up", seconds=SECONDS
    )
    wait_for(lambda: scene.prometheus.value('desk:booked_fills:rate5m{desk="busy"}') > 0, "fills", seconds=SECONDS)
    wait_for(lambda: not _active(scene, BUSY), "a busy desk without alerts", seconds=SECONDS)

    _halts(scene)
    _full_disk(scene)
    _margin(scene)
    _lost_answers(scene)
    _slow_strategy_and_stopped_programs(scene)
    _hangs_and_crashes(scene)
    _faulty_strategy(scene)
    _gateway_away(scene)
    _missing_target(scene)
    _supervisord(scene)
    _symbol_without_ticks(scene)
    _account_of_another_venue(scene)

    seen = {one.labels["alertname"] for one in scene.receiver.received} | MUTED
    assert seen == {rule.name for rule in alert_rules()}
    _assert_texts_are_complete(scene)
    for alert in sorted(seen - MUTED - OF_THE_POOR_DESK):
        scene.ends(alert)


MUTED: Final = frozenset({"DeskNotReady", "GatewaySilent", "FeedStale", "SignalsMissing", "WatchdogSilent"})
"""Alerts that Alertmanager mutes here because of ProcessDown; `is_muted` waits for each."""

OF_THE_POOR_DESK: Final = frozenset(
    {
        "DeskFailed",
        "DeskNeedsAttention",
        "DrawdownNear",
        "MarginCall",
        "OrdersRejected",
        "SymbolNotTradable",
        "SymbolPaused",
        "SymbolWithoutTicks",
    }
)
"""Alerts of the poor desk, whose faults are not undone."""


def _active(scene: Scene, desk: str) -> set[str]:
    return {one["labels"]["alertname"] for one in scene.alertmanager.alerts() if one["labels"].get("desk") == desk}


def _halts(scene: Scene) -> None:
    """A person halts the desk and the gateway; the first alert shows that ALERT_COMMAND fails."""
    with scene.client(BUSY) as client:
        assert client.request(HaltCommand(reason="test"), TradingReply, timeout_s=10)
        scene.faults.ask_gateway(Halt(reason="test"))
        scene.arrives("TradingRestricted", code="PERSON")
        scene.arrives("GatewayRestricted", code="GATEWAY_HALTED")
        scene.arrives("AlarmsFail", code="ALERTS_FAIL")
        scene.alarms_work.touch()
        scene.faults.ask_gateway(Resume(reason="test"))
        assert client.request(ResumeCommand(reason="test"), TradingReply, timeout_s=10)


def _full_disk(scene: Scene) -> None:
    pid = scene.pid("portfolio")
    hard = limit_file_size(pid)
    assert hard is not None
    scene.arrives("StorageFails", code="STORAGE")
    restore_file_size(pid, hard)


def _margin(scene: Scene) -> None:
    """Losses pause a symbol and warn of the drawdown; a person uses up the margin and places orders without money."""
    scene.arrives("DrawdownNear", desk=POOR)
    with scene.client(POOR) as client:
        _buy(client, "all-the-margin")
        filled = 'trading_portfolio_position_lots{desk="poor", symbol="USDJPY"}'
        wait_for(lambda: scene.prometheus.value(filled) == float(VOLUME), "the position in USDJPY", seconds=SECONDS)
        for number in range(REFUSED_ORDERS):
            _buy(client, f"without-margin-{number}")
        assert client.request(ReconcileCommand(), ReconcileReply, timeout_s=10)
    scene.arrives("SymbolNotTradable", desk=POOR, code="ORDERS_REFUSED", subject="USDJPY")
    scene.arrives("OrdersRejected", desk=POOR)
    scene.arrives("MarginCall", desk=POOR)
    scene.arrives("SymbolPaused", desk=POOR, code="BREAKER_OPEN", subject="EURUSD")


def _buy(client: ControlClient, key: str) -> None:
    order = PlaceCommand(
        key=key,
        reason="test",
        symbol="USDJPY",
        side=Side.BUY,
        volume=VOLUME,
        type=OrderType.MARKET,
        price=None,
        time_in_force=None,
        stop_loss=None,
        take_profit=None,
        trailing_stop_points=0,
        expires_ns=0,
    )
    assert client.request(order, OrderCommandReply, timeout_s=10)


def _lost_answers(scene: Scene) -> None:
    """The venue accepts orders that it does not execute."""
    scene.faults.ask_gateway(Simulate(fault=Fault.NOT_EXECUTED, count=2))
    scene.arrives("OrderInDoubt")


def _slow_strategy_and_stopped_programs(scene: Scene) -> None:
    watchdog = _process(scene, "services.watchdog")
    write_whole(scene.strategy, "slow")
    scene.busy.stop_program("web")
    send_signal(watchdog, signal.SIGSTOP)
    try:
        scene.arrives("PageDown")
        scene.arrives("ProcessDown", service="watchdog")
        scene.is_muted("WatchdogSilent")
        scene.arrives("SignalsLag", subject="EURUSD")
        scene.arrives("OrdersSlow")
    finally:
        send_signal(watchdog, signal.SIGCONT)
    scene.busy.start_program("web")
    write_whole(scene.strategy, "")


def _hangs_and_crashes(scene: Scene) -> None:
    send_signal(hung := scene.pid("execution"), signal.SIGSTOP)
    scene.arrives("ProcessKilled", program="execution")
    for _ in range(CRASHES):
        wait_for(lambda: scene.faults.pid_of("execution") not in (None, hung), "a new process", seconds=SECONDS)
        send_signal(hung := scene.pid("execution"), signal.SIGKILL)
    scene.arrives("ProcessFails", kind="crash-loop")


def _faulty_strategy(scene: Scene) -> None:
    write_whole(scene.strategy, "raise")
    scene.arrives("StrategyFault", subject="EURUSD")
    scene.busy.stop_program("signal")
    write_whole(scene.strategy, "")
    scene.arrives("ProcessDown", service="signal")
    scene.is_muted("SignalsMissing", code="SIGNAL_SILENT", subject="EURUSD")
    scene.busy.start_program("signal")


def _gateway_away(scene: Scene) -> None:
    scene.busy.stop_program("mt5")
    scene.arrives("ProcessDown", service="mt5")
    scene.is_muted("GatewaySilent")
    scene.is_muted("FeedStale")
    scene.busy.stop_program("portfolio")
    scene.busy.start_program("portfolio")
    scene.is_muted("DeskNotReady", code="CONNECTING")
    scene.busy.start_program("mt5")


def _missing_target(scene: Scene) -> None:
    """Somebody removes a target from the configuration of Prometheus."""
    left = {name: port for name, port in scene.ports[BUSY].items() if name != "execution"}
    scene.configuration.write({**scene.ports, BUSY: left})
    scene.prometheus.reload()
    scene.arrives("MetricsMissing", service="execution")
    scene.configuration.write(scene.ports)
    scene.prometheus.reload()


def _supervisord(scene: Scene) -> None:
    pid = scene.busy.supervisord_pid()
    assert pid is not None
    wait_for(lambda: not _active(scene, BUSY) & {"ProcessDown"}, "all processes of the busy desk", seconds=SECONDS)
    send_signal(pid, signal.SIGSTOP)
    try:
        scene.arrives("SupervisorSilent")
    finally:
        send_signal(pid, signal.SIGCONT)


def _symbol_without_ticks(scene: Scene) -> None:
    """GBPUSD has had no tick for a minute; its market is open and the other symbols have ticks."""
    scene.arrives("SymbolWithoutTicks", desk=POOR, subject="GBPUSD")


def _account_of_another_venue(scene: Scene) -> None:
    """A person has traded; then the gateway starts with an empty book, as after a change of the account."""
    gateway = replace(scene.faults, gateway=scene.poor.gateway_url)
    with scene.client(POOR) as client:
        gateway.ask_gateway(Simulate(fault=Fault.FOREIGN_ORDER, seed=1))
        assert client.request(ReconcileCommand(), ReconcileReply, timeout_s=10)
    scene.arrives("DeskNeedsAttention", desk=POOR, code="FOREIGN_ORDERS")
    scene.poor.kill("mt5")
    shutil.rmtree(scene.poor.data_dir / "venue")
    scene.poor.start("mt5")
    scene.arrives("DeskFailed", desk=POOR)
    scene.arrives("TradingRestricted", desk=POOR, code="VENUE_ROLLED_BACK")


def _process(scene: Scene, module: str) -> int:
    pid = scene.busy.supervisord_pid()
    assert pid is not None
    return wait_for(lambda: process_below(pid, module), f"{module} runs", seconds=SECONDS).pid


def _assert_texts_are_complete(scene: Scene) -> None:
    """Require that each received alert has its desk in its summary, no empty field, and an existing runbook."""
    for one in scene.receiver.received:
        path, _, section = one.annotations["runbook"].partition("#")
        headings = (ROOT / path).read_text(encoding="utf-8").lower().splitlines()
        assert f"### {section}" in headings
        assert one.annotations["summary"].startswith(f"{one.labels['desk']}: "), one
        for text in one.annotations.values():
            assert "<no value>" not in text, one
            assert "{{" not in text, one
            assert "()" not in text, one
