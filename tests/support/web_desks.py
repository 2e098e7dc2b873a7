"""A desk of real processes on a generated market, with its web process, and clients of the HTTP API."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import psutil

from common.clock import wall_ns
from orchestration.address_files import WEB_FILE, read_address
from proto.time import DAY_NS
from services.web.security.auth_store import AuthStore
from services.web.security.identity import Role
from services.web.security.users import UsersFile
from tests.support.command_line import PAPERDESK, TIMEOUT_S
from tests.support.ports import free_port
from tests.support.processes import process_below
from tests.support.waits import wait_for

QUIET: Final = "tests.old_files.quiet:Quiet"
"""A strategy without orders, so that all orders of the desk are those of the test."""


@dataclass(frozen=True)
class WebDesk:
    """A running desk with its web process at `url`; `tokens` are those of scripts by role."""

    data_dir: Path
    url: str
    tokens: Mapping[Role, str]
    desk: subprocess.Popen[bytes]

    def process(self, module: str) -> psutil.Process:
        """The process of the desk that runs a module, such as `services.web`."""
        return wait_for(lambda: process_below(self.desk.pid, module), f"a process of {module}", seconds=TIMEOUT_S)

    def headers(self, role: Role = Role.TRADE) -> dict[str, str]:
        """The header of a script's token."""
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    def client(self, role: Role = Role.TRADE) -> httpx.Client:
        """A client of the HTTP API that sends a token."""
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=self.headers(role), timeout=TIMEOUT_S)

    def once(self, role: Role = Role.TRADE) -> str:
        """A new one-time token."""
        with closing(_store(self.data_dir)) as store:
            return store.new_once(role)


@contextmanager
def a_web_desk(data_dir: Path, *, strategy: str = QUIET, **settings: str) -> Iterator[WebDesk]:
    """Run a desk with its web process during the block; `settings` are those of the desk."""
    desk = subprocess.Popen(
        [PAPERDESK, "run", "--data-dir", data_dir, "--strategy", strategy],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "WEB_PORT": str(free_port()), **settings},
    )
    try:
        url = wait_for(
            lambda: desk.poll() is not None or read_address(data_dir, WEB_FILE), "the desk", seconds=TIMEOUT_S
        )
        assert isinstance(url, str), "the desk has ended"
        url = url.rstrip("/")
        wait_for(lambda: _serves(url), "the web process to serve", seconds=TIMEOUT_S)
        with closing(_store(data_dir)) as store:
            tokens = {role: store.new_token(f"{role}-script", role, wall_ns() + DAY_NS) for role in Role}
        yield WebDesk(data_dir, url, tokens, desk)
    finally:
        desk.send_signal(signal.SIGINT)
        try:
            desk.wait(TIMEOUT_S)
        finally:
            desk.kill()


def _store(data_dir: Path) -> AuthStore:
    return AuthStore(data_dir, UsersFile(data_dir / "web_users.toml"))


def _serves(url: str) -> bool:
    try:
        httpx.get(f"{url}/api/v1/session")
    except httpx.TransportError:
        return False
    return True
