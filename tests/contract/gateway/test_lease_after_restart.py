"""The lease across restarts of a gateway process: if portfolio does not renew it, resting orders are canceled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.contract.gateway.test_killed_live_process import LiveProcess
from tests.contract.gateway.test_killed_process import Desk
from tests.support.waits import wait_for

LEASE_MS = 3_000
NS_PER_MS = 1_000_000
MARGIN_NS = 5_000_000_000
"""Additional time for a busy machine."""

RESTING = "0a1b2c3d-000001"
"""An order id in the format of the desk's order ids."""


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short path, because the path of a socket may have at most 107 bytes."""
    return tmp_path_factory.mktemp("g")


@pytest.fixture
def process(folder: Path) -> Iterator[LiveProcess]:
    started = LiveProcess(folder / "a", MT5_LEASE_MS=str(LEASE_MS))
    started.start()
    yield started
    started.stop()


def lease(desk: Desk, *, holder: str = "portfolio", epoch: int = 1) -> dict[str, Any]:
    seen_ns = desk.ask(action="HELLO", client=holder)["lease_now_ns"]
    return desk.ask(action="LEASE", holder=holder, epoch=epoch, seen_ns=seen_ns)


def has_quote(desk: Desk) -> bool:
    return bool(desk.ask(action="HELLO", client="test")["published"])


def place_resting(desk: Desk) -> None:
    """Take the lease, and place a limit order far below the market."""
    wait_for(lambda: has_quote(desk), "a quote", seconds=60)
    assert lease(desk)["status"] == "OK"
    order = {"action": "BUY", "symbol": "EURUSD", "volume": 0.01, "type": "LIMIT", "price": 0.5, "epoch": 1}
    assert desk.ask(order_id=RESTING, **order)["status"] == "ACCEPTED"


def status(desk: Desk) -> str:
    return str(desk.ask(action="ORDER_STATUS", order_id=RESTING)["status"])


@pytest.mark.slow
@pytest.mark.parametrize("has_journal", [True, False], ids=["journal kept", "journal lost"])
def test_resting_orders_are_canceled_after_a_restart_without_portfolio(
    process: LiveProcess, folder: Path, has_journal: bool
) -> None:
    """With a lost journal, the gateway recognizes the desk's resting orders by their magic."""
    with closing(Desk(process)) as desk:
        place_resting(desk)
        process.kill()
        killed_ns = time.monotonic_ns()
        if not has_journal:
            for file in (folder / "a" / "data" / "venue").glob("journal.db*"):
                file.unlink()
        assert status(desk) == "ACCEPTED"  # the lease is valid for LEASE_MS from the start
        answered_ns = time.monotonic_ns()
        wait_for(lambda: status(desk) == "CANCELED", "the lapse", seconds=60)
        lapsed_ns = time.monotonic_ns()
        assert lapsed_ns - killed_ns >= LEASE_MS * NS_PER_MS
        assert lapsed_ns - answered_ns <= LEASE_MS * NS_PER_MS + MARGIN_NS


@pytest.mark.slow
def test_a_second_restart_of_the_gateway_does_not_extend_the_lease(process: LiveProcess) -> None:
    with closing(Desk(process)) as desk:
        place_resting(desk)
        process.kill()
        assert status(desk) == "ACCEPTED"
        process.kill()
        began_ns = time.monotonic_ns()
        wait_for(lambda: status(desk) == "CANCELED", "the lapse")
        assert process.starts == 3
        # At its second restart the gateway does not extend the lease, so the order is canceled at the first timer.
        assert time.monotonic_ns() - began_ns < LEASE_MS * NS_PER_MS + MARGIN_NS


@pytest.mark.slow
def test_portfolio_keeps_epoch_and_resting_orders_if_it_renews_after_a_restart(process: LiveProcess) -> None:
    with closing(Desk(process)) as desk:
        place_resting(desk)
        for _ in range(2):
            process.kill()
            assert lease(desk, holder="other")["error_code"] == "STALE_EPOCH"
            assert lease(desk)["status"] == "OK"
            assert status(desk) == "ACCEPTED"
