"""The portfolio process: composition root."""

from __future__ import annotations

import os

from common import gc_control, logs
from common.clock import host_boot
from common.errors import StartError
from common.heartbeat import Heartbeat
from common.process_main import run_process
from common.settings import load
from common.sockets import Sockets
from services.portfolio.config_files.limits_file import load_limits
from services.portfolio.config_files.plan_file import load_plan
from services.portfolio.core.portfolio import Portfolio
from services.portfolio.core.state.config import DeskConfig, stream_settings
from services.portfolio.core.state.portfolio_state import compose_state
from services.portfolio.ledger.audit import verify_if_short
from services.portfolio.ledger.incarnation import ensure_incarnation
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.portfolio.ledger.lost_ledger import mark_if_lost, note_before_opening
from services.portfolio.ledger.signing_key import ensure_key, key_file
from services.portfolio.metrics import METRICS
from services.portfolio.settings import PortfolioSettings
from services.portfolio.shell import PortfolioShell


def run() -> None:
    """Compose the process and serve."""
    settings = load(PortfolioSettings)
    logs.configure("portfolio", settings.log_level)
    heartbeat = Heartbeat(settings.paperdesk_runtime_dir, "portfolio")
    limits, plan = load_limits(settings.risk), load_plan(settings.plan, settings.trading_symbol)
    config = DeskConfig(
        symbols=settings.trading_symbol,
        watched=settings.watched_symbol,
        default_volume=settings.default_volume,
        on_opposite=settings.on_opposite,
        limits=limits,
        settings=stream_settings(limits, plan, settings.watched_symbol, settings.strategy_code),
        plan=plan,
        signal_age_ns_max=settings.signal_age_max_ms * 1_000_000,
        doubt_orders_max=settings.doubt_orders_max,
        doubt_volume_max=settings.doubt_lots_max,
        reconcile_every_ns=settings.reconcile_every_s * 1_000_000_000,
    )
    key = ensure_key(key_file(settings.paperdesk_data_dir, settings.ledger_key_file))
    path = settings.paperdesk_data_dir / LEDGER_FILE_NAME
    note_before_opening(path, settings.paperdesk_runtime_dir)
    ledger = Ledger(path, key, host_boot=host_boot())
    mark_if_lost(ledger, settings.paperdesk_runtime_dir)
    sockets = Sockets()
    try:
        verify_if_short(ledger)
        book, persisted = ledger.load()
        gc_control.freeze()
        incarnation, why = ensure_incarnation(ledger, host_boot=host_boot())
        state = compose_state(
            config=config,
            book=book,
            persisted=persisted,
            incarnation=incarnation,
            incarnation_reason=why,
            boot_id=os.urandom(8).hex(),
        )
        METRICS.serve(settings.metrics_port_portfolio, settings.metrics_host)
        portfolio = Portfolio(state, timeout_ms=settings.gtw_timeout_ms)
        PortfolioShell(settings, portfolio, ledger, sockets, heartbeat).run()
    except StartError:
        ledger.require_file_unchanged()  # a removed ledger is the cause to report
        raise
    finally:
        sockets.close()
        ledger.close()


if __name__ == "__main__":
    run_process(run)
