"""The gateway process with a real terminal."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from typing import Final

from common import clock, logs
from common.errors import StartError
from common.heartbeat import Heartbeat
from common.sockets import Sockets
from proto.gateway import TickCounts
from services.mt5 import metrics
from services.mt5.settings import Mt5Settings
from services.mt5.shell import GatewayShell
from services.mt5.stores.journal_store import DurableJournal
from services.mt5.terminal.account_policy import AccountPolicy, is_real_allowed
from services.mt5.terminal.compose import terminal_gateway
from services.mt5.terminal.mt5_package import load_mt5_package
from services.mt5.terminal.mt5_types import Mt5Api
from services.mt5.terminal.server_clock import ServerClock
from services.mt5.terminal.store import TerminalStore
from services.mt5.terminal.terminal_connection import TerminalSetup, open_terminal
from services.mt5.terminal.terminal_snapshot import ConnectionParameters
from services.mt5.terminal.terminal_thread import TerminalThread

PUBLISHER: Final = "mt5"

Started = Callable[[GatewayShell], None]


def terminal_setup(settings: Mt5Settings) -> TerminalSetup:
    """The terminal's symbols, connection, account policy and clock, from the settings.

    Raises:
        StartError: MT5_LOGIN is missing, or the settings that allow a real account are incomplete.
    """
    if not settings.mt5_login:
        raise StartError("MT5_LOGIN: value '0', expected the number of the account to trade")
    connection: ConnectionParameters = {"login": settings.mt5_login, "timeout": settings.mt5_terminal_timeout_ms}
    if settings.mt5_path:
        connection["path"] = settings.mt5_path
    if password := settings.mt5_password.get_secret_value():
        connection["password"] = password
    if settings.mt5_server:
        connection["server"] = settings.mt5_server
    allowed = is_real_allowed(
        allow=settings.mt5_allow_real == "yes",
        token=settings.mt5_real_token.get_secret_value(),
        token_file=settings.mt5_real_token_file,
    )
    return TerminalSetup(
        symbols=settings.quoted_symbols,
        symbol_map=settings.mt5_symbol_map,
        connection=connection,
        account_policy=AccountPolicy(login=settings.mt5_login, is_real_allowed=allowed),
        clock=ServerClock(settings.mt5_server_zone),
        poll_ms=settings.mt5_poll_ms,
        accept_crossed=settings.mt5_crossed == "accept",
    )


def serve_from_settings(settings: Mt5Settings) -> None:
    """Serve the terminal that the MetaTrader5 package finds on this host, until stopped."""
    serve(settings, load_mt5_package())


def serve(settings: Mt5Settings, api: Mt5Api, *, started: Started | None = None) -> None:
    """Connect to the terminal, open the files, bind the sockets, and serve until stopped.

    Args:
        settings: the gateway's settings.
        api: the MetaTrader5 package.
        started: called with the shell before it runs, so that another thread can stop it.

    Raises:
        StartError: settings and terminal do not match, or the server's clock contradicts MT5_SERVER_ZONE.
    """
    setup = terminal_setup(settings)
    opened = open_terminal(api, setup, wall_ns=clock.wall_ns())
    folder = settings.paperdesk_data_dir / "terminal"
    heartbeat = Heartbeat(settings.paperdesk_runtime_dir, "mt5")
    sockets = Sockets()
    caller = TerminalThread(api)
    try:
        journal = DurableJournal(folder / "journal.db", new_id=uuid.uuid4().hex, account=opened.name)
        try:
            store = TerminalStore(
                folder / "terminal.db", account=opened.name, stream_id=f"terminal-{uuid.uuid4().hex[:16]}"
            )
            try:
                gateway = terminal_gateway(
                    opened,
                    setup,
                    caller=caller,
                    store=store,
                    journal=journal,
                    boot_id=uuid.uuid4().hex,
                    publisher=PUBLISHER,
                    wall_ns=_wall_ns,
                    now_mono_ns=clock.mono_ns(),
                    lease_ttl_ms=settings.mt5_lease_ms,
                    settling_ms=settings.mt5_settling_ms,
                    rejected=lambda reason, count: metrics.REJECTED_TICKS.inc(reason, by=count),
                )

                def require_files() -> None:
                    journal.require_file_unchanged()
                    store.require_file_unchanged()

                shell = GatewayShell(
                    gateway,
                    sockets,
                    request_url=settings.mt5_request_url,
                    publish_url=settings.mt5_publish_url,
                    require_files=require_files,
                    heartbeat=heartbeat,
                    tapped_in=None if sys.platform == "win32" else settings.paperdesk_runtime_dir,
                )
                metrics.init_series(TickCounts(read=0, published=0, rejected={}), setup.symbols)
                metrics.METRICS.serve(settings.metrics_port_mt5, settings.metrics_host)
                logs.get_logger().warning(
                    "connected to a MetaTrader 5 terminal; orders go to its broker",
                    mode=opened.mode,
                    account=opened.name,
                    server=opened.account.server,
                    requests=shell.request_url,
                    ticks=shell.publish_url,
                    symbols=list(setup.symbols),
                )
                if started is not None:
                    started(shell)
                shell.run()
            finally:
                store.close()
        finally:
            journal.close()
    finally:
        caller.close()
        sockets.close()


def _wall_ns(mono_ns: int) -> int:
    """UTC by the host's clock at a monotonic time; each call reads both clocks, because they drift apart."""
    return clock.wall_ns() + mono_ns - clock.mono_ns()
