"""A strategy that takes 5 ms a tick delays neither the heartbeat nor the hello of its process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.heartbeat import BEAT_MS, read
from proto.messages import SymbolState
from tests.integration.signal.test_process import Floor
from tests.support.slow_strategy import TICK_NS
from tests.unit.signal.builders import Bench, Momentum, TickGateway, a_walk, decisions

TICKS = 400
BEATS_MIN = TICKS * TICK_NS // (BEAT_MS * 1_000_000) // 3
"""A third of the heartbeats that are due while all ticks are processed; without interleaving there would be none."""


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    made = Floor(tmp_path, a_walk(TICKS))
    yield made
    made.close()


def beats(floor: Floor) -> int:
    found = read(floor.folder, "signal")
    assert found is not None
    return found.beat


@pytest.mark.parametrize("heard", [True, False])
def test_the_heartbeat_continues_while_a_burst_or_a_page_is_processed(floor: Floor, heard: bool) -> None:
    floor.start(STRATEGY="tests.support.slow_strategy:Slow")
    floor.gateway.publish(*floor.ticks, heard=heard)
    floor.gateway.beat()
    signals = floor.take_all(1, 1)
    before, greetings = beats(floor), len(floor.greetings)
    signals += floor.take_all(2, TICKS)
    assert beats(floor) - before >= BEATS_MIN
    expected = decisions(Bench(TickGateway(floor.ticks), make_strategy=Momentum).start().publish(floor.ticks).signals)
    assert decisions(signals) == expected
    states = {report.state for hello in floor.greetings[greetings:] for report in hello.reports}
    assert SymbolState.CATCHING_UP in states
