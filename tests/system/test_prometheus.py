"""Debian's Prometheus with the shipped configuration has every documented series of a running desk."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from orchestration.environment import desk_environment
from orchestration.supervisor import DeskSupervisor
from tests.support.grafana import queries
from tests.support.ports import free_ports
from tests.support.prometheus import Prometheus, documented_series
from tests.support.shared_data import ROOT
from tests.support.tick_files import a_tick_file
from tests.support.waits import wait_for

SHIPPED: Final = ROOT / "deploy" / "prometheus" / "prometheus.yml"
PROMETHEUS: Final = shutil.which("prometheus")
PROMTOOL: Final = shutil.which("promtool")
TARGETS: Final = {
    "METRICS_PORT_MT5": "mock-mt5:9101",
    "METRICS_PORT_SIGNAL": "trader:9102",
    "METRICS_PORT_PORTFOLIO": "trader:9103",
    "METRICS_PORT_EXECUTION": "trader:9104",
    "METRICS_PORT_WATCHDOG": "trader:9105",
    "METRICS_PORT_WEB": "trader:9106",
}
SCRAPE_S: Final = 60.0

pytestmark = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None,
    reason="no prometheus here; Debian: apt-get install --no-install-recommends prometheus",
)


@contextmanager
def prometheus_of(configuration: Path, port: int, folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that runs during the block."""
    assert PROMETHEUS is not None
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                PROMETHEUS,
                f"--config.file={configuration}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=output,
            stderr=output,
            cwd=folder,
        )
    try:
        yield Prometheus(port)
        assert process.poll() is None, log.read_text()[-2000:]
    finally:
        process.terminate()
        process.wait(30.0)


def test_promtool_accepts_the_shipped_configuration() -> None:
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "check", "config", str(SHIPPED)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_has_every_process_and_every_documented_series(tmp_path: Path) -> None:
    *ports, own_port, page_port = free_ports(len(TARGETS) + 2)
    text = SHIPPED.read_text(encoding="utf-8").replace("localhost:9090", f"127.0.0.1:{own_port}")
    for target, port in zip(TARGETS.values(), ports, strict=True):
        assert target in text, target
        text = text.replace(target, f"127.0.0.1:{port}")
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(text, encoding="utf-8")
    run = {
        "TRADING_SYMBOL": "EURUSD",
        "MT5_TICKS": f"{a_tick_file(tmp_path / 'eurusd.parquet', rows=3_000)}:EURUSD",
        "MT5_PACE": "lockstep",
        **{variable: str(port) for variable, port in zip(TARGETS, ports, strict=True)},
        "WEB_PORT": str(page_port),
    }
    with (
        DeskSupervisor(log_dir=tmp_path / "logs", has_web=True) as desk,
        prometheus_of(configuration, own_port, tmp_path) as prometheus,
    ):
        desk.start(desk_environment(os.environ, run, runtime=desk.runtime, data_dir=tmp_path / "data"))
        up = dict.fromkeys(("mt5", "signal", "portfolio", "execution", "watchdog", "web", "prometheus"), "up")
        wait_for(lambda: prometheus.targets() == up, "every target up", seconds=SCRAPE_S)
        finished = 'trading_portfolio_desk_state{state="FINISHED"}'
        wait_for(lambda: prometheus.value(finished) == 1, "the end of the ticks", seconds=SCRAPE_S)
        # Each target is scraped at a different time, so values may be up to a second old.
        now = prometheus.value("vector(time())")
        scraped = 'min(timestamp(up{job="paperdesk"}))'
        wait_for(
            lambda: prometheus.value(scraped) > now + 1,
            "a scrape of every target after the end of the ticks",
            seconds=SCRAPE_S,
        )
        desk.check()
        assert prometheus.missing(documented_series()) == []
        assert_the_figures_fit(prometheus)
        assert_every_panel_has_data(prometheus)


MAY_BE_EMPTY: Final = frozenset(
    {
        "sum by (code) (increase(trading_portfolio_denied_orders_total[1m]))",
        "rate(trading_portfolio_blocked_signals_total[1m])",
        "trading_mt5_rejected_ticks_total > 0",
    }
)
"""Queries that may return nothing: their series or labels appear with the first denial, block or rejected tick."""


def assert_every_panel_has_data(prometheus: Prometheus) -> None:
    """Require that each query of the Grafana dashboard is valid and returns data."""
    found = queries()
    assert len(found) > 20
    for query in found:
        series = prometheus.series(query.expression)
        if query.expression not in MAY_BE_EMPTY:
            assert series, f"{query.panel}: {query.expression} returns nothing"
        for labels in series:
            assert query.labels <= labels.keys(), f"{query.panel}: {query.expression} has {labels}"


def assert_the_figures_fit(prometheus: Prometheus) -> None:
    """Require that different processes have the same counts of the same events."""
    value = prometheus.value
    assert value("trading_portfolio_decided_ordinal") == value("trading_mt5_book_ordinal") == 3_000
    assert value("sum(trading_portfolio_decided_signals_total)") == 3_000
    fills = value("trading_portfolio_booked_fills_total")
    assert fills > 0
    assert value('trading_portfolio_account_orders{status="FILLED"}') == fills
    assert value("trading_portfolio_tick_to_order_seconds_count") == value("trading_portfolio_created_orders_total")
    assert value("trading_execution_order_to_gateway_seconds_count") == value("trading_portfolio_created_orders_total")
    assert value("trading_portfolio_balance_account_currency") == value("trading_mt5_balance_account_currency")
    assert value("trading_portfolio_ledger_commit_seconds_count") > 0
    assert value("trading_portfolio_in_doubt_orders") == 0
