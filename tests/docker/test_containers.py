"""The desk trades across containers, hardened as docker-compose.yml says, and survives what happens to containers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import partial

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


def is_healthy(desk: Desk, service: str) -> bool:
    return desk.health(service) == "healthy"


def fills(prometheus: Prometheus) -> float:
    return prometheus.value("trading_portfolio_booked_fills_total")


def wait_for_another_fill(desk: Desk, prometheus: Prometheus) -> None:
    """Until the ledger has a deal more than now: counted there, since a scrape may be of before."""
    before = len(desk.rows("deals"))
    wait_for(
        lambda: fills(prometheus) and len(desk.rows("deals")) > before, "another deal in the ledger", seconds=TRADE_S
    )


def test_what_is_added_to_the_base_stays_small(names: dict[str, str]) -> None:
    base, whole = size_of(BASE), size_of(names["PAPERDESK_IMAGE"])
    print(f"\nbase {base / 1e6:.0f} MB, image {whole / 1e6:.0f} MB, added {(whole - base) / 1e6:.0f} MB")
    assert whole - base < ADDED_BYTES_MAX


def test_an_order_is_filled_across_the_containers_within_a_minute(desk: Desk, prometheus: Prometheus) -> None:
    wait_for(lambda: fills(prometheus) > 0, "a fill", seconds=FIRST_FILL_S)
    print(f"\nfirst fill seen {time.monotonic() - desk.up_s:.0f} s after the start")
    filled = [order for order in desk.rows("orders") if order["status"] == "FILLED"]
    deals = {deal["order_id"] for deal in desk.rows("deals")}
    assert filled
    assert {order["order_id"] for order in filled} <= deals


def test_both_containers_become_healthy(desk: Desk) -> None:
    for service in OURS:
        wait_for(partial(is_healthy, desk, service), f"{service} healthy", seconds=90.0)


def test_every_target_is_up_and_every_documented_series_there(desk: Desk, prometheus: Prometheus) -> None:
    expected = dict.fromkeys(("mt5", "signal", "portfolio", "execution", "watchdog", "prometheus"), "up")
    wait_for(lambda: prometheus.targets() == expected, "every target up", seconds=60.0)
    wait_for(lambda: not prometheus.missing(documented_series()), "every documented series", seconds=30.0)


@pytest.mark.parametrize("service", OURS)
def test_a_container_may_do_nothing_beyond_its_work(desk: Desk, service: str) -> None:
    found = desk.inspect(service)
    host = found["HostConfig"]
    assert found["Config"]["User"] == "10001:10001"
    assert host["ReadonlyRootfs"]
    assert not host["Privileged"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert not host["PortBindings"]
    assert list(found["NetworkSettings"]["Networks"]) == [desk.network]
    # What it looks like from within.
    status = desk.execute(service, "cat", "/proc/1/status")
    assert set(caps_of(status)) == {0}
    assert "NoNewPrivs:\t1" in status
    assert desk.execute(service, "id", "-u").strip() == "10001"
    touch = ["docker", "exec", desk.container(service), "touch", "/opt/paperdesk/proto/x"]
    assert "Read-only file system" in subprocess.run(touch, capture_output=True, text=True, check=False).stderr


def test_only_what_people_look_at_is_published_and_on_this_host_alone(desk: Desk) -> None:
    assert json.loads(run("docker", "network", "inspect", desk.network))[0]["Internal"]
    published = desk.inspect("prometheus")["HostConfig"]["PortBindings"]
    assert published == {"9090/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(desk.prometheus_port)}]}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_process_killed_inside_the_trader_comes_back(desk: Desk, prometheus: Prometheus, program: str) -> None:
    before = desk.pid_of(program)
    desk.execute("trader", "sh", "-c", f"kill -KILL {before}")
    wait_for(lambda: desk.pid_of(program) not in (0, before), f"another {program}", seconds=60.0)
    wait_for_another_fill(desk, prometheus)
    assert_ledger_and_venue_agree(desk)


@pytest.mark.parametrize("service", OURS)
def test_docker_starts_a_container_again_that_dies(desk: Desk, prometheus: Prometheus, service: str) -> None:
    """Its first process is killed from outside, with all the others in it, and nobody starts anything by hand."""
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
def test_a_killed_container_comes_back_and_the_desk_goes_on(desk: Desk, prometheus: Prometheus, service: str) -> None:
    run("docker", "kill", desk.container(service))
    desk.compose("up", "--detach", "--no-build", service, seconds=300.0)
    wait_for_another_fill(desk, prometheus)
    assert_ledger_and_venue_agree(desk)


def test_ten_seconds_without_a_network_are_recovered_from(desk: Desk, prometheus: Prometheus) -> None:
    gateway = desk.container("mock-mt5")
    run("docker", "network", "disconnect", desk.network, gateway)
    wait_for(lambda: prometheus.value("trading_execution_heartbeat_age_seconds") >= 10, "10 s of silence", seconds=40.0)
    assert prometheus.value("trading_execution_gateway_up") == 0
    run("docker", "network", "connect", "--alias", "mock-mt5", desk.network, gateway)
    wait_for(lambda: prometheus.value("trading_execution_gateway_up") == 1, "the gateway to be back", seconds=60.0)
    wait_for_another_fill(desk, prometheus)
    assert_ledger_and_venue_agree(desk)


def assert_ledger_and_venue_agree(desk: Desk) -> None:
    """The chain of the ledger holds, and it differs in nothing from the venue's book."""
    desk.execute("trader", "paperdesk", "verify", "--data-dir", "var/data")
    desk.execute("trader", "paperdesk", "reconcile", "--data-dir", "var/data")
