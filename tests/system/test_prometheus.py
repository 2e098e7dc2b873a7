"""Debian's Prometheus with the shipped configuration has every documented series of a running desk."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from orchestration.environment import desk_environment
from orchestration.supervisor import DeskSupervisor
from tests.support.grafana import queries
from tests.support.notify_rules import notify_rules
from tests.support.ports import free_ports
from tests.support.prometheus import Prometheus, documented_series
from tests.support.prometheus_servers import (
    INSTALL_PROMETHEUS,
    PROMETHEUS_MISSING,
    PrometheusConfiguration,
    running_prometheus,
)
from tests.support.tick_files import a_tick_file
from tests.support.waits import wait_for

PROCESSES: Final = ("mt5", "signal", "portfolio", "execution", "watchdog", "web", "notify")
SCRAPE_S: Final = 60.0

pytestmark = pytest.mark.skipif(PROMETHEUS_MISSING, reason=INSTALL_PROMETHEUS)


def test_prometheus_has_every_process_and_every_documented_series(tmp_path: Path) -> None:
    own_port, page_port, closed_port, *free = free_ports(3 + len(PROCESSES))
    ports = dict(zip(PROCESSES, free, strict=True))
    configuration = PrometheusConfiguration(tmp_path / "prometheus", port=own_port)
    configuration.write({"paperdesk": ports})
    run = {
        "TRADING_SYMBOL": "EURUSD",
        "MT5_TICKS": f"{a_tick_file(tmp_path / 'eurusd.parquet', rows=3_000)}:EURUSD",
        "MT5_PACE": "lockstep",
        **{f"METRICS_PORT_{name.upper()}": str(port) for name, port in ports.items()},
        "WEB_PORT": str(page_port),
        "NOTIFY_FILE": str(notify_rules(tmp_path, port=closed_port)),
    }
    with (
        DeskSupervisor(log_dir=tmp_path / "logs", has_web=True, has_notify=True) as desk,
        running_prometheus(configuration) as prometheus,
    ):
        desk.start(desk_environment(os.environ, run, runtime=desk.runtime, data_dir=tmp_path / "data"))
        up = dict.fromkeys((*PROCESSES, "prometheus"), "up")
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
        "desk:conditions:sum > 0",
        "desk:denied_orders:rate5m > 0",
        'sum by (desk, alertname) (ALERTS{alertstate="firing"})',
    }
)
"""Queries that may return nothing: their series appear with the first denial, block, rejected tick or alert.

tests/system/test_alerts.py runs them while there are some.
"""


def assert_every_panel_has_data(prometheus: Prometheus) -> None:
    """Require that each query of the Grafana dashboard is valid and returns data."""
    found = queries()
    assert len(found) > 20
    for query in found:
        if query.expression in MAY_BE_EMPTY:
            prometheus.series(query.expression)  # raises an error if the query is wrong
            continue
        # Recorded series need two scrapes, and then an evaluation of the rules, which are 15 s apart.
        series = wait_for(
            partial(prometheus.series, query.expression),
            f"data of {query.panel}: {query.expression}",
            seconds=SCRAPE_S,
        )
        # A label such as `subject` is missing where it is empty.
        assert any(query.labels <= labels.keys() for labels in series), f"{query.panel}: {query.expression}"


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
    drawdown, left = (value(f"trading_portfolio_drawdown_{name}") for name in ("ratio", 'headroom_ratio{level="warn"}'))
    used = value('max(trading_portfolio_limit_used_ratio{code="DRAWDOWN"})')
    assert used > 0
    assert used == pytest.approx(drawdown / (drawdown + left), abs=1e-6)
