"""A desk of real processes on a generated market, with its web process, and clients of the HTTP API."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from common.clock import wall_ns
from common.project_root import PROJECT_ROOT
from orchestration.address_files import CONTROL_FILE, read_address
from orchestration.environment import desk_environment
from proto.time import DAY_NS
from services.web.security.auth_store import AuthStore
from services.web.security.identity import Role
from services.web.security.users import UsersFile
from tests.support.command_line import PAPERDESK, TIMEOUT_S
from tests.support.ports import free_port
from tests.support.waits import wait_for

QUIET: Final = "tests.old_files.quiet:Quiet"
"""A strategy without orders, so that all orders of the desk are those of the test."""


@dataclass(frozen=True)
class WebDesk:
    """A running desk with its web process; `tokens` are those of scripts by role."""

    data_dir: Path
    url: str
    tokens: Mapping[Role, str]
    desk: subprocess.Popen[bytes]
    web: subprocess.Popen[bytes]

    def headers(self, role: Role = Role.TRADE) -> dict[str, str]:
        """The header of a script's token."""
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    def client(self, role: Role = Role.TRADE) -> httpx.Client:
        """A client of the HTTP API that sends a token."""
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=self.headers(role), timeout=TIMEOUT_S)


def tokens_of(data_dir: Path) -> dict[Role, str]:
    """New tokens for scripts, by role."""
    with closing(AuthStore(data_dir, UsersFile(data_dir / "web_users.toml"))) as store:
        return {role: store.new_token(f"{role}-script", role, wall_ns() + DAY_NS) for role in Role}


@contextmanager
def a_web_desk(data_dir: Path, *, strategy: str = QUIET, **settings: str) -> Iterator[WebDesk]:
    """Run a desk and its web process during the block; `settings` are those of the desk."""
    desk = subprocess.Popen(
        [PAPERDESK, "run", "--data-dir", data_dir, "--strategy", strategy],
        stdout=subprocess.DEVNULL,
        env={**os.environ, **settings},
    )
    try:
        control = wait_for(lambda: read_address(data_dir, CONTROL_FILE), "the desk to start", seconds=TIMEOUT_S)
        runtime = Path(control.removeprefix("ipc://")).parent
        port = free_port()
        with a_web_process(data_dir, runtime, port, dict(settings)) as web:
            yield WebDesk(data_dir, f"http://127.0.0.1:{port}", tokens_of(data_dir), desk, web)
    finally:
        desk.send_signal(signal.SIGINT)
        try:
            desk.wait(TIMEOUT_S)
        finally:
            desk.kill()


@contextmanager
def a_web_process(
    data_dir: Path, runtime: Path, port: int, settings: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a web process during the block; it serves when the block begins."""
    environment: dict[str, Any] = desk_environment(os.environ, settings, runtime=runtime, data_dir=data_dir)
    environment |= {"WEB_PORT": str(port), "LOG_LEVEL": "WARNING"}
    web = subprocess.Popen([sys.executable, "-m", "services.web"], env=environment, cwd=PROJECT_ROOT)
    try:
        wait_for(lambda: web.poll() is not None or _serves(port), "the web process to serve", seconds=TIMEOUT_S)
        assert web.poll() is None, "the web process has ended"
        yield web
    finally:
        web.terminate()
        try:
            web.wait(TIMEOUT_S)
        finally:
            web.kill()


def _serves(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/api/v1/session")
    except httpx.TransportError:
        return False
    return True
