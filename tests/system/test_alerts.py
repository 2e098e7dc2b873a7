"""Each alert is raised by its real fault: real desks, Debian's Prometheus and Alertmanager, and a webhook behind them.

The rules are the shipped ones, with each time and range divided by 60. Faults of one desk follow one another; those
that do not disturb each other last at the same time. Alerts that Alertmanager mutes, because another alert explains
them, arrive at Alertmanager only.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from common.control_client import ControlClient
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
from tests.support.grafana import queries
from tests.support.processes import process_below
from tests.support.prometheus_servers import (
    ALERTMANAGER_MISSING,
    INSTALL_ALERTMANAGER,
    INSTALL_PROMETHEUS,
    PROMETHEUS_MISSING,
)
from tests.support.shared_data import ROOT
from tests.support.waits import wait_for
from tests.system.alert_scene import BUSY, POOR, PROCESSES, SECONDS, Scene, running_scene
from verification.chaos.faults import limit_file_size, restore_file_size, send_signal, write_whole

VOLUME: Final = Decimal("0.24")
"""Lots of USDJPY with a margin of 48 USD; their spread costs more than remains of 52 USD after the order by hand."""

REFUSED_ORDERS: Final = 6
"""Number of orders without margin; five in a row set ORDERS_REFUSED."""

TRIES: Final = 10
TRY_S: Final = 5.0

CRASHES: Final = 5
"""Number of ends within five minutes that the watchdog reports as a crash loop."""

pytestmark = [
    pytest.mark.skipif(PROMETHEUS_MISSING, reason=INSTALL_PROMETHEUS),
    pytest.mark.skipif(ALERTMANAGER_MISSING, reason=INSTALL_ALERTMANAGER),
]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with running_scene(tmp_path) as scene:
        yield scene


def test_each_alert_arrives_by_its_real_fault_and_ends_with_it(scene: Scene) -> None:
    wait_for(
        lambda: scene.prometheus.value('sum(up{desk="busy"})') == len(PROCESSES), "every target up", seconds=SECONDS
    )
    wait_for(lambda: scene.prometheus.value('desk:booked_fills:rate5m{desk="busy"}') > 0, "fills", seconds=SECONDS)
    wait_for(lambda: not _active(scene, BUSY), "a busy desk without alerts", seconds=SECONDS)

    _halts(scene)
    _full_disk(scene)
    _lost_answers(scene)
    _slow_strategy_and_stopped_programs(scene)
    _hangs_and_crashes(scene)
    _faulty_strategy(scene)
    _gateway_away(scene)
    _supervisord(scene)
    _symbol_without_ticks(scene)
    _undelivered_messages(scene)
    _assert_every_panel_has_data(scene)
    _account_of_another_venue(scene)

    seen = {one.labels["alertname"] for one in scene.receiver.received} | MUTED
    assert seen == {rule.name for rule in alert_rules()}
    _assert_texts_are_complete(scene)
    for alert in sorted(seen - MUTED - OF_THE_POOR_DESK):
        scene.ends(alert)
    wait_for(lambda: not _active(scene, BUSY), "a busy desk without alerts", seconds=SECONDS)


MUTED: Final = frozenset({"DeskNotReady", "GatewaySilent", "FeedStale", "SignalsMissing", "WatchdogSilent"})
"""Alerts that Alertmanager mutes here because of ProcessDown; `is_muted` waits for each."""

OF_THE_POOR_DESK: Final = frozenset(
    {
        "DeskFailed",
        "DeskNeedsAttention",
        "DrawdownNear",
        "MarginCall",
        "MessagesDelayed",
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
        scene.ask_gateway(Halt(reason="test"))
        scene.arrives("TradingRestricted", code="PERSON")
        scene.arrives("GatewayRestricted", code="GATEWAY_HALTED")
        scene.arrives("AlarmsFail", code="ALERTS_FAIL")
        scene.alarms_work.touch()
        scene.ask_gateway(Resume(reason="test"))
        assert client.request(ResumeCommand(reason="test"), TradingReply, timeout_s=10)


def _full_disk(scene: Scene) -> None:
    scene.lacks("StorageFails")
    pid = scene.pid("portfolio")
    hard = limit_file_size(pid)
    assert hard is not None
    scene.arrives("StorageFails", code="STORAGE")
    restore_file_size(pid, hard)


def _margin(scene: Scene) -> None:
    """Losses pause a symbol and warn of the drawdown; a person uses up the margin, also at the venue itself."""
    scene.arrives("DrawdownNear", desk=POOR)
    _trade_by_hand(scene)
    with scene.client(POOR) as client:
        _buy(client, "all-the-margin")
        filled = 'trading_portfolio_position_lots{desk="poor", symbol="USDJPY"}'
        wait_for(
            lambda: scene.prometheus.value(filled) >= float(VOLUME) - 0.01, "the position in USDJPY", seconds=SECONDS
        )
        for number in range(REFUSED_ORDERS):
            _buy(client, f"without-margin-{number}")
        scene.arrives("SymbolNotTradable", desk=POOR, code="ORDERS_REFUSED", subject="USDJPY")
        scene.arrives("OrdersRejected", desk=POOR)
        assert client.request(ReconcileCommand(), ReconcileReply, timeout_s=10)
    scene.arrives("MarginCall", desk=POOR)
    scene.arrives("SymbolPaused", desk=POOR, code="BREAKER_OPEN", subject="EURUSD")


def _trade_by_hand(scene: Scene) -> None:
    """A person trades at the venue, which may answer with a requote: then the person tries again."""
    deals = 'trading_mt5_venue_deals_total{desk="poor"}'
    before = scene.prometheus.value(deals)
    for _ in range(TRIES):
        scene.ask_gateway(Simulate(fault=Fault.FOREIGN_ORDER, seed=1), desk=POOR)
        with suppress(AssertionError):
            wait_for(lambda: scene.prometheus.value(deals) > before, "a deal by hand", seconds=TRY_S)
            return
    raise AssertionError(f"no deal by hand in {TRIES} tries")


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
    scene.lacks("OrderInDoubt")
    scene.ask_gateway(Simulate(fault=Fault.NOT_EXECUTED, count=2))
    scene.arrives("OrderInDoubt")


def _slow_strategy_and_stopped_programs(scene: Scene) -> None:
    """These take the longest; in the meantime the other desk loses money, and Prometheus loses a target."""
    watchdog = _process(scene, "services.watchdog")
    scene.lacks("PageDown")
    scene.lacks("ProcessDown", service="watchdog")
    scene.lacks("WatchdogSilent")
    scene.lacks("SignalsLag")
    scene.lacks("OrdersSlow")
    scene.lacks("MetricsMissing")
    left = {name: port for name, port in scene.ports[BUSY].items() if name != "execution"}
    scene.configuration.write({**scene.ports, BUSY: left})
    scene.prometheus.reload()
    write_whole(scene.strategy, "slow")
    scene.busy.stop_program("web")
    send_signal(watchdog, signal.SIGSTOP)
    try:
        _margin(scene)
        scene.arrives("MetricsMissing", service="execution")
        scene.arrives("PageDown")
        scene.arrives("ProcessDown", service="watchdog")
        scene.is_muted("WatchdogSilent")
        scene.arrives("SignalsLag", subject="EURUSD")
        scene.arrives("OrdersSlow")
    finally:
        send_signal(watchdog, signal.SIGCONT)
    scene.busy.start_program("web")
    write_whole(scene.strategy, "")
    scene.configuration.write(scene.ports)
    scene.prometheus.reload()


def _hangs_and_crashes(scene: Scene) -> None:
    # The alerts are about increases of the watchdog's counters, which Prometheus must know from before.
    scraped = 'sum_over_time(up{desk="busy", service="watchdog"}[3s])'
    wait_for(lambda: scene.prometheus.value(scraped) >= 2, "two scrapes of the watchdog", seconds=SECONDS)
    scene.lacks("ProcessKilled")
    scene.lacks("ProcessFails")
    send_signal(hung := scene.pid("execution"), signal.SIGSTOP)
    scene.arrives("ProcessKilled", program="execution")
    for _ in range(CRASHES):
        wait_for(lambda: scene.faults.pid_of("execution") not in (None, hung), "a new process", seconds=SECONDS)
        send_signal(hung := scene.pid("execution"), signal.SIGKILL)
    scene.arrives("ProcessFails", kind="crash-loop")


def _faulty_strategy(scene: Scene) -> None:
    scene.lacks("StrategyFault")
    scene.lacks("ProcessDown", service="signal")
    scene.lacks("SignalsMissing")
    write_whole(scene.strategy, "raise")
    scene.arrives("StrategyFault", subject="EURUSD")
    scene.busy.stop_program("signal")
    write_whole(scene.strategy, "")
    scene.arrives("ProcessDown", service="signal")
    scene.is_muted("SignalsMissing", code="SIGNAL_SILENT", subject="EURUSD")
    scene.busy.start_program("signal")


def _gateway_away(scene: Scene) -> None:
    scene.lacks("ProcessDown", service="mt5")
    scene.lacks("GatewaySilent")
    scene.lacks("FeedStale")
    scene.lacks("DeskNotReady")
    scene.busy.stop_program("mt5")
    scene.arrives("ProcessDown", service="mt5")
    scene.is_muted("GatewaySilent")
    scene.is_muted("FeedStale")
    scene.busy.stop_program("portfolio")
    scene.busy.start_program("portfolio")
    scene.is_muted("DeskNotReady", code="CONNECTING")
    scene.busy.start_program("mt5")


def _supervisord(scene: Scene) -> None:
    pid = scene.busy.supervisord_pid()
    assert pid is not None
    scene.lacks("ProcessDown")
    scene.lacks("SupervisorSilent")
    send_signal(pid, signal.SIGSTOP)
    try:
        scene.arrives("SupervisorSilent")
    finally:
        send_signal(pid, signal.SIGCONT)


def _symbol_without_ticks(scene: Scene) -> None:
    """GBPUSD has had no tick for a minute; its market is open and the other symbols have ticks."""
    scene.arrives("SymbolWithoutTicks", desk=POOR, subject="GBPUSD")


def _undelivered_messages(scene: Scene) -> None:
    """Nothing listens at the address of the target `phone`."""
    scene.arrives("AlarmsFail", desk=POOR, code="NOTIFY_FAILS")
    scene.arrives("MessagesDelayed", desk=POOR, target="phone")


def _account_of_another_venue(scene: Scene) -> None:
    """The gateway starts with an empty book, as after a change of the account."""
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


def _assert_every_panel_has_data(scene: Scene) -> None:
    """Require that each query of the dashboards gives data: alerts, denials and rejected ticks are there, too."""
    for query in queries():
        found = scene.prometheus.series(query.expression)
        assert found, f"{query.panel}: {query.expression} returns nothing"
        assert any(query.labels <= labels.keys() for labels in found), f"{query.panel}: {query.expression}: {found}"


def _assert_texts_are_complete(scene: Scene) -> None:
    """Require of each received alert its desk, if any, in the summary, no empty field, and an existing runbook."""
    for one in scene.receiver.received:
        path, _, section = one.annotations["runbook"].partition("#")
        headings = (ROOT / path).read_text(encoding="utf-8").lower().splitlines()
        assert f"### {section}" in headings
        assert one.annotations["summary"].startswith(f"{one.labels.get('desk', 'all')}: "), one
        for text in one.annotations.values():
            assert "<no value>" not in text, one
            assert "{{" not in text, one
            assert "()" not in text, one
