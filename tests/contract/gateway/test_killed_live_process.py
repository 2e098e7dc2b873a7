"""A live gateway is killed at its commits of lease, fence, claim, presumption, halt, checkpoint and market."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.fault_injection import CRASH_POINTS
from services.mt5.shell import CHECKPOINT_TICKS
from tests.contract.gateway.test_killed_process import Desk, Process
from tests.support.waits import wait_for

WHAT = ("epoch", "fence", "claimed", "presumed", "halt", "checkpoint", "market")
POINTS = [point for point in CRASH_POINTS["mt5"] if point.rpartition("_")[2] in WHAT]


class LiveProcess(Process):
    """A process of `python -m services.mt5` with its generated market and with venue faults on command."""

    def __init__(self, folder: Path, *, crash_at: str = "", **settings: str) -> None:
        """Prepare the process; `settings` are additional settings of the gateway."""
        super().__init__(folder, ticks=1, crash_at=crash_at)
        for name in ("MT5_TICKS", "MT5_STREAM_ID"):
            del self._environment[name]
        self._environment |= {"MT5_MARKET": "generated", "MT5_FAULTS": "true", "MT5_SETTLING_MS": "1000", **settings}


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short path, because the path of a socket may have at most 107 bytes."""
    return tmp_path_factory.mktemp("g")


@pytest.mark.slow
def test_kills_at_the_commits_of_a_live_gateway_neither_lose_nor_repeat_an_effect(folder: Path) -> None:
    process = LiveProcess(folder / "a", crash_at=",".join(f"{point}@0" for point in POINTS))
    process.start()
    desk = Desk(process)

    def lease() -> bool:
        seen_ns = desk.ask(action="HELLO", client="test")["lease_now_ns"]
        return bool(desk.ask(action="LEASE", holder="test", epoch=1, seen_ns=seen_ns)["status"] == "OK")

    wait_for(lease, "the lease", seconds=60)
    assert desk.ask(action="HELLO", client="test")["epoch"] == 1
    assert desk.ask(action="FENCE", order_id="F-1")["status"] == "EXPIRED"
    assert desk.ask(**an_order("F-1"))["error_code"] == "FENCED"

    # The order is not executed. The gateway is killed before its claim of the order is stored. After its restart it has
    # no claim, and sends the repeated order.
    desk.ask(action="SIMULATE", fault="NOT_EXECUTED")
    assert desk.ask(**an_order("A-1"))["status"] == "FILLED"
    # The gateway is killed after its claim is stored. It never sends the order again.
    desk.ask(action="SIMULATE", fault="NOT_EXECUTED")
    assert desk.ask(**an_order("A-2"))["status"] == "IN_DOUBT"
    wait_for(
        lambda: desk.ask(action="ORDER_STATUS", order_id="A-2")["status"] == "PRESUMED_EXPIRED",
        "the presumption",
        seconds=60,
    )
    assert desk.ask(**an_order("A-2"))["status"] == "PRESUMED_EXPIRED"

    assert desk.ask(action="HALT", reason="by hand")["is_halted"] is True
    assert desk.ask(**an_order("A-3"))["error_code"] == "HALTED"
    wait_for(lambda: desk.ask(action="PING") and len(kills(folder)) == len(POINTS), "every kill", seconds=60)
    assert kills(folder) == sorted(POINTS)
    assert [deal["order_id"] for deal in desk.ask(action="GET_DEALS", after=1)["deals"]] == ["A-1"]
    assert desk.ask(**an_order("A-1"))["status"] == "FILLED"
    desk.close()
    assert process.stop() == 0


def kills(folder: Path) -> list[str]:
    return sorted(marker.name.partition("@")[0] for marker in (folder / "a" / "crashes").iterdir())


def an_order(order_id: str) -> dict[str, Any]:
    return {"action": "BUY", "order_id": order_id, "symbol": "EURUSD", "volume": 0.01}


@pytest.mark.slow
def test_a_gateway_killed_during_a_burst_of_ticks_repeats_few_ticks(folder: Path) -> None:
    """At about 20,000 ticks a second, a gateway with one checkpoint a second would repeat thousands of ticks."""
    published = 9_000
    process = LiveProcess(folder / "b", crash_at=f"mt5.after_publish@{published}", MT5_PACE="live:2000")
    process.start()
    wait_for(lambda: not process.is_alive(), "the kill", seconds=60)
    process.start()
    wait_for(lambda: len(starts(folder / "b")) == 2, "the second start", seconds=60)
    assert starts(folder / "b")[-1] > published - CHECKPOINT_TICKS
    process.kill()


def starts(folder: Path) -> list[int]:
    """Ordinal of the book at each start, as logged."""
    lines = (folder / "log").read_text().splitlines()
    return [json.loads(line)["book_ordinal"] for line in lines if "book_ordinal" in line]
