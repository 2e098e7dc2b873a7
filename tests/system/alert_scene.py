"""Two desks, Debian's Prometheus and Alertmanager that watch them, and a webhook that receives their alerts."""

from __future__ import annotations

import os
import random
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from common.control_client import ControlClient
from orchestration.address_files import control_url
from orchestration.environment import desk_environment
from orchestration.supervisor import DeskSupervisor
from proto.gateway import Request
from tests.support.desk_processes import DeskProcesses, running_desk
from tests.support.notify_rules import notify_rules
from tests.support.ports import free_ports
from tests.support.prometheus import Prometheus
from tests.support.prometheus_servers import (
    Alertmanager,
    AlertReceiver,
    PrometheusConfiguration,
    running_alertmanager,
    running_prometheus,
    running_receiver,
)
from tests.support.tick_files import a_tick_file
from tests.support.waits import wait_for
from verification.chaos.alternating_strategy import RESTLESS
from verification.chaos.faults import FaultInjector
from verification.chaos.faulty_strategy import FAULT_VARIABLE
from verification.chaos.live_run import desk_settings
from verification.chaos.scorecard import Scorecard

DIVISOR: Final = 60
SECONDS: Final = 90.0
"""Deadline of each wait; usually an alert arrives within some seconds of its condition."""

PROCESSES: Final = ("mt5", "execution", "portfolio", "signal", "watchdog", "web")
PROCESSES_OF_THE_POOR: Final = ("mt5", "execution", "portfolio", "signal", "notify")
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
BALANCE: Final = 52


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
    _since: dict[str, int] = field(default_factory=dict)

    def client(self, desk: str) -> ControlClient:
        """A client of portfolio's control socket."""
        return ControlClient(control_url(self.busy.runtime) if desk == BUSY else self.poor.control_url)

    def ask_gateway(self, request: Request, *, desk: str = BUSY) -> None:
        """Send a request to a gateway until it replies; a repeated one changes nothing for a test."""
        faults = self.faults if desk == BUSY else replace(self.faults, gateway=self.poor.gateway_url)
        wait_for(lambda: faults.ask_gateway(request), f"a reply to {request}", seconds=SECONDS)

    def lacks(self, alert: str, **labels: str) -> None:
        """Wait until the busy desk has no alert with these labels; `arrives` then waits for a later one."""
        wait_for(lambda: not self.alertmanager.has(alert, desk=BUSY, **labels), f"no {alert} {labels}", seconds=SECONDS)
        self._since[alert] = len(self.receiver.received)

    def arrives(self, alert: str, *, desk: str = BUSY, **labels: str) -> None:
        """Wait until an alert arrives at the webhook."""
        since = self._since.get(alert, 0) if desk == BUSY else 0
        self._wait(lambda: self.receiver.has(alert, since=since, desk=desk, **labels), f"{alert} {labels}")

    def is_muted(self, alert: str, *, desk: str = BUSY, **labels: str) -> None:
        """Wait until an alert arrives at Alertmanager, which mutes it because of another alert."""
        self._wait(
            lambda: self.alertmanager.has(alert, state="suppressed", desk=desk, **labels), f"{alert} {labels}, muted"
        )

    def ends(self, alert: str, *, desk: str = BUSY) -> None:
        """Wait until the webhook gets the end of an alert."""
        self._wait(lambda: self.receiver.has(alert, status="resolved", desk=desk), f"the end of {alert}")

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition; the error of a missing alert has the alerts that Prometheus and Alertmanager have."""
        try:
            wait_for(condition, what, seconds=SECONDS)
        except AssertionError as error:
            known = [(one["status"]["state"], one["labels"]) for one in self.alertmanager.alerts()]
            raise AssertionError(f"{error}; Prometheus: {self.prometheus.series('ALERTS')}; {known}") from None

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


def _poor_settings(folder: Path, ports: dict[str, int], closed_port: int) -> dict[str, str]:
    """A desk with little money, whose messages nobody accepts; the ticks of GBPUSD end after some seconds."""
    limits = folder / "limits.toml"
    limits.write_text(LIMITS, encoding="utf-8")
    files = [
        f"{_ticks(folder, symbol, rows=rows, price=price, digits=digits)}:{symbol}"
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
        "NOTIFY_FILE": str(notify_rules(folder, port=closed_port)),
        **{f"METRICS_PORT_{name.upper()}": str(port) for name, port in ports.items()},
    }


def _ticks(folder: Path, symbol: str, *, rows: int, price: float, digits: int) -> Path:
    """Four ticks a second, some of them crossed, which the gateway rejects."""
    path = folder / f"{symbol}.parquet"
    return a_tick_file(path, rows=rows, price=price, digits=digits, pause_ms_max=500, crossed_every=100)


@contextmanager
def running_scene(tmp_path: Path) -> Iterator[Scene]:
    """Both desks, Prometheus, Alertmanager and the webhook, with their files in `tmp_path`."""
    own_port, manager_port, page_port, closed_port, *free = free_ports(4 + len(PROCESSES) + len(PROCESSES_OF_THE_POOR))
    ports = {
        BUSY: dict(zip(PROCESSES, free, strict=False)),
        POOR: dict(zip(PROCESSES_OF_THE_POOR, free[len(PROCESSES) :], strict=True)),
    }
    strategy, alarms_work = tmp_path / "fault", tmp_path / "alarms_work"
    configuration = PrometheusConfiguration(
        tmp_path / "prometheus", port=own_port, alertmanager_port=manager_port, divisor=DIVISOR
    )
    configuration.write(ports)
    with ExitStack() as stack:
        poor = stack.enter_context(running_desk(tmp_path / POOR, **_poor_settings(tmp_path, ports[POOR], closed_port)))
        poor.start("notify")
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
