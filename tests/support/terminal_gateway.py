"""The gateway for a terminal, connected to the scripted fake terminal.

It has real sockets, files and threads, and a market in real time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common import clock
from common.project_root import ENV_FILE_VARIABLE
from common.settings import load
from services.mt5.settings import Mt5Settings
from services.mt5.shell import GatewayShell
from services.mt5.terminal import gateway_process
from services.mt5.terminal.server_clock import ServerClock
from tests.support.fake_terminal.broker import a_symbol
from tests.support.fake_terminal.module import LOGIN, FakeTerminal

MS = 1_000_000
TICK_EVERY_MS = 40
START_SECONDS = 20


class MovingMarket:
    """Quotes of one symbol that move up and down by a few points; a new quote after each interval."""

    def __init__(self, fake: FakeTerminal, symbol: str) -> None:
        self._fake = fake
        self._symbol = symbol
        self._count = 0
        self._last_ms = 0

    def __call__(self) -> None:
        now_ms = clock.wall_ns() // MS
        if now_ms - self._last_ms >= TICK_EVERY_MS:
            self._last_ms = now_ms
            self._count += 1
            bid = round(1.1 + (self._count % 7) / 100_000, 5)
            self._fake.tick(self._symbol, bid, round(bid + 0.0001, 5))


class TerminalGateway:
    """`services.mt5 --venue terminal` in threads of the test, which can be stopped and restarted on the same files."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, *, is_hedging: bool = False, symbol: str = "EURUSD"
    ) -> None:
        self.request_url = "tcp://127.0.0.1:*"
        self._patch = patch
        patch.setenv(ENV_FILE_VARIABLE, "")
        patch.setenv("PAPERDESK_DATA_DIR", str(folder / "data"))
        patch.setenv("PAPERDESK_RUNTIME_DIR", str(folder / "run"))
        patch.setenv("MT5_LOGIN", str(LOGIN))
        patch.setenv("MT5_PUBLISH_URL", "tcp://127.0.0.1:*")
        patch.setenv("MT5_SYMBOL_MAP", "" if symbol == "EURUSD" else f"EURUSD={symbol}")
        wall_ns = clock.wall_ns()
        self.fake = FakeTerminal(
            utc_ms=lambda: clock.wall_ns() // MS,
            symbols=[a_symbol(symbol)],
            is_hedging=is_hedging,
            ahead_ms=(ServerClock().server_ns(wall_ns) - wall_ns) // MS,
        )
        market = MovingMarket(self.fake, symbol)
        market()
        self.fake.before_ticks = market
        self._shell: GatewayShell | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    @property
    def publish_url(self) -> str:
        """Address of the running gateway's ticks."""
        assert self._shell is not None
        return self._shell.publish_url

    def start(self) -> None:
        """Start the gateway, at the same address after each start."""
        self._patch.setenv("MT5_REQUEST_URL", self.request_url)
        settings = load(Mt5Settings)
        is_up = threading.Event()

        def started(shell: GatewayShell) -> None:
            self._shell = shell
            is_up.set()

        def serve() -> None:
            try:
                gateway_process.serve(settings, self.fake, started=started)
            except BaseException as error:  # any error is raised again in the test's own thread
                self._failure = error
                is_up.set()

        self._thread = threading.Thread(target=serve, name="gateway")
        self._thread.start()
        assert is_up.wait(START_SECONDS), "the gateway does not start"
        if self._failure is not None:
            raise self._failure
        assert self._shell is not None
        self.request_url = self._shell.request_url

    def stop(self) -> None:
        """Stop the gateway, and wait for its end."""
        assert self._shell is not None
        assert self._thread is not None
        self._shell.stop()
        self._thread.join(START_SECONDS)
        assert not self._thread.is_alive(), "the gateway does not end"
        if self._failure is not None:
            raise self._failure

    def restart(self) -> None:
        """Stop the gateway and start it again on the same files, with a new boot id."""
        self.stop()
        self.start()

    @contextmanager
    def running(self) -> Iterator[TerminalGateway]:
        """Run the gateway for the length of the block."""
        self.start()
        try:
            yield self
        finally:
            self.stop()
