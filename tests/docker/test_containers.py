"""The desk trades in the hardened containers of docker-compose.yml, and recovers from faults of containers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import partial

import httpx
import pytest

from tests.docker.engine import BASE, Desk, caps_of, engine, images, missing, run, size_of
from tests.support.prometheus import Prometheus, documented_series
from tests.support.waits import wait_for

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(bool(missing()), reason=f"needs a Docker Engine and a Prometheus: {missing()}"),
]

ADDED_BYTES_MAX = 750_000_000
FIRST_FILL_S = 60.0
TRADE_S = 240.0
PROGRAMS = ("signal", "portfolio", "execution")
OURS = ("mock-mt5", "trader")
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def names() -> Iterator[dict[str, str]]:
    with engine(), images() as names:
        yield names


@pytest.fixture(scope="module")
def desk(names: dict[str, str]) -> Iterator[Desk]:
    desk = Desk(names)
    try:
        desk.up()
        yield desk
    finally:
        print(desk.logs())
        desk.down()


@pytest.fixture(scope="module")
def prometheus(desk: Desk) -> Prometheus:
    return Prometheus(desk.prometheus_port)


@pytest.fixture(scope="module")
def page(desk: Desk) -> str:
    """Address of the page, which has the user alice."""
    desk.add_user("alice", PASSWORD)
    return f"http://127.0.0.1:{desk.page_port}"


def is_healthy(desk: Desk, service: str) -> bool:
    return desk.health(service) == "healthy"


def fills(prometheus: Prometheus) -> float:
    return prometheus.value("trading_portfolio_booked_fills_total")


def wait_for_another_fill(desk: Desk, prometheus: Prometheus) -> None:
    """Wait until the ledger has one more deal; the ledger is read, because metrics may be some seconds old."""
    before = len(desk.rows("deals"))
    wait_for(
        lambda: fills(prometheus) and len(desk.rows("deals")) > before, "another deal in the ledger", seconds=TRADE_S
    )


def test_image_adds_less_than_750_mb_to_its_base(names: dict[str, str]) -> None:
    base, whole = size_of(BASE), size_of(names["PAPERDESK_IMAGE"])
    print(f"\nbase {base / 1e6:.0f} MB, image {whole / 1e6:.0f} MB, added {(whole - base) / 1e6:.0f} MB")
    assert whole - base < ADDED_BYTES_MAX


def test_order_is_filled_across_containers_within_a_minute(desk: Desk, prometheus: Prometheus) -> None:
    wait_for(lambda: fills(prometheus) > 0, "a fill", seconds=FIRST_FILL_S)
    print(f"\nfirst fill seen {time.monotonic() - desk.up_s:.0f} s after the start")
    filled = [order for order in desk.rows("orders") if order["status"] == "FILLED"]
    deals = {deal["order_id"] for deal in desk.rows("deals")}
    assert filled
    assert {order["order_id"] for order in filled} <= deals


def test_both_containers_become_healthy(desk: Desk) -> None:
    for service in OURS:
        wait_for(partial(is_healthy, desk, service), f"{service} healthy", seconds=90.0)


def test_page_starts_with_its_first_user_and_serves_only_users(page: str) -> None:
    def is_served() -> bool:
        try:
            return httpx.get(page, timeout=5.0).status_code == 200
        except httpx.TransportError:
            return False

    wait_for(is_served, "the page", seconds=60.0)
    assert httpx.get(f"{page}/api/v1/state", timeout=5.0).status_code == 401
    with httpx.Client(base_url=page, headers={"Origin": page}, timeout=10.0) as client:
        client.post("/api/v1/session", json={"user": "alice", "password": PASSWORD}).raise_for_status()
        wait_for(lambda: client.get("/api/v1/state").json()["state"] == "RUNNING", "the desk's state", seconds=60.0)
        assert client.get("/api/v1/state").json()["mode"] == "simulated"


@pytest.mark.usefixtures("page")
def test_every_target_is_up_and_has_every_documented_series(desk: Desk, prometheus: Prometheus) -> None:
    expected = dict.fromkeys(("mt5", "signal", "portfolio", "execution", "watchdog", "web", "prometheus"), "up")
    wait_for(lambda: prometheus.targets() == expected, "every target up", seconds=60.0)
    of_this_desk = {name: kind for name, kind in documented_series().items() if not name.startswith("trading_notify_")}
    wait_for(lambda: not prometheus.missing(of_this_desk), "every documented series", seconds=30.0)


@pytest.mark.parametrize("service", OURS)
def test_container_has_no_unneeded_permission(desk: Desk, service: str) -> None:
    found = desk.inspect(service)
    host = found["HostConfig"]
    assert found["Config"]["User"] == "10001:10001"
    assert host["ReadonlyRootfs"]
    assert not host["Privileged"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    is_trader = service == "trader"
    published = {f"{desk.page_port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(desk.page_port)}]}
    assert (host["PortBindings"] or {}) == (published if is_trader else {})
    networks = {desk.network, desk.page_network} if is_trader else {desk.network}
    assert set(found["NetworkSettings"]["Networks"]) == networks
    # The effective permissions of a process in the container.
    status = desk.execute(service, "cat", "/proc/1/status")
    assert set(caps_of(status)) == {0}
    assert "NoNewPrivs:\t1" in status
    assert desk.execute(service, "id", "-u").strip() == "10001"
    touch = ["docker", "exec", desk.container(service), "touch", "/opt/paperdesk/proto/x"]
    assert "Read-only file system" in subprocess.run(touch, capture_output=True, text=True, check=False).stderr


def test_trader_cannot_reach_other_hosts(desk: Desk) -> None:
    """The page's network does not masquerade, so a packet to another host gets no reply."""
    connect = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=3)"
    command = ["docker", "exec", desk.container("trader"), "python", "-c", connect]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "timed out" in done.stderr or "unreachable" in done.stderr
    options = json.loads(run("docker", "network", "inspect", desk.page_network))[0]["Options"]
    assert options["com.docker.network.bridge.enable_ip_masquerade"] == "false"


def test_prometheus_is_published_on_this_host_only(desk: Desk) -> None:
    assert json.loads(run("docker", "network", "inspect", desk.network))[0]["Internal"]
    published = desk.inspect("prometheus")["HostConfig"]["PortBindings"]
    assert published == {"9090/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(desk.prometheus_port)}]}


@pytest.mark.parametrize("program", PROGRAMS)
def test_killed_process_in_the_trader_is_restarted(desk: Desk, prometheus: Prometheus, program: str) -> None:
    before = desk.pid_of(program)
    desk.execute("trader", "sh", "-c", f"kill -KILL {before}")
    wait_for(lambda: desk.pid_of(program) not in (0, before), f"another {program}", seconds=60.0)
    wait_for_another_fill(desk, prometheus)
    assert_ledger_and_venue_agree(desk)


@pytest.mark.parametrize("service", OURS)
def test_docker_restarts_a_dead_container(desk: Desk, prometheus: Prometheus, service: str) -> None:
    """Killing the first process of a container from the host kills all its processes; Docker restarts the container."""
    before = desk.inspect(service)
    os.kill(before["State"]["Pid"], signal.SIGKILL)

    def is_back() -> bool:
        now = desk.inspect(service)
        return bool(now["RestartCount"] > before["RestartCount"] and now["State"]["Running"])

    wait_for(is_back, f"{service} to be started again", seconds=60.0)
    wait_for(partial(is_healthy, desk, "trader"), "trader healthy", seconds=90.0)
    wait_for_another_fill(desk, prometheus)
    assert_ledger_and_venue_agree(desk)


@pytest.mark.parametrize("service", OURS)
def test_desk_continues_after_a_killed_container_is_restarted(desk: Desk, prometheus: Prometheus, service: str) -> None:
    run("docker", "kill", desk.container(service))
    desk.compose("up", "--detach", "--no-build", service, seconds=300.0)
    wait_for_another_fill(desk, prometheus)
    assert_ledger_and_venue_agree(desk)


def test_desk_recovers_from_ten_seconds_without_a_network(desk: Desk, prometheus: Prometheus) -> None:
    gateway = desk.container("mock-mt5")
    run("docker", "network", "disconnect", desk.network, gateway)
    wait_for(lambda: prometheus.value("trading_execution_heartbeat_age_seconds") >= 10, "10 s of silence", seconds=40.0)
    assert prometheus.value("trading_execution_gateway_up") == 0
    run("docker", "network", "connect", "--alias", "mock-mt5", desk.network, gateway)
    wait_for(lambda: prometheus.value("trading_execution_gateway_up") == 1, "the gateway to be back", seconds=60.0)
    wait_for_another_fill(desk, prometheus)
    assert_ledger_and_venue_agree(desk)


def assert_ledger_and_venue_agree(desk: Desk) -> None:
    """The chain of the ledger is valid, and the ledger agrees with the venue's book."""
    desk.execute("trader", "paperdesk", "verify", "--data-dir", "var/data")
    desk.execute("trader", "paperdesk", "reconcile", "--data-dir", "var/data")
