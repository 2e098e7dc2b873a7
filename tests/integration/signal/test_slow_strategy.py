"""A strategy that takes 5 ms a tick delays neither the heartbeat nor the hello of its process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.heartbeat import BEAT_MS, read
from proto.messages import SymbolState
from tests.integration.signal.test_process import SignalSetup
from tests.support.slow_strategy import TICK_NS
from tests.unit.signal.builders import Bench, Momentum, TickGateway, a_walk, decisions

TICKS = 400
BEATS_MIN = TICKS * TICK_NS // (BEAT_MS * 1_000_000) // 3
"""A third of the heartbeats that are due while all ticks are processed.

There would be none if the process handled all ticks before its next heartbeat.
"""


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[SignalSetup]:
    made = SignalSetup(tmp_path, a_walk(TICKS))
    yield made
    made.close()


def beats(setup: SignalSetup) -> int:
    found = read(setup.folder, "signal")
    assert found is not None
    return found.beat


@pytest.mark.parametrize("is_sent", [True, False])
def test_heartbeats_continue_while_sent_or_fetched_ticks_are_processed(setup: SignalSetup, is_sent: bool) -> None:
    setup.start(STRATEGY="tests.support.slow_strategy:Slow")
    setup.gateway.publish(*setup.ticks, is_sent=is_sent)
    setup.gateway.beat()
    signals = setup.take_all(1, 1)
    before, hello_count = beats(setup), len(setup.hellos)
    signals += setup.take_all(2, TICKS)
    assert beats(setup) - before >= BEATS_MIN
    expected = decisions(Bench(TickGateway(setup.ticks), make_strategy=Momentum).start().publish(setup.ticks).signals)
    assert decisions(signals) == expected
    states = {report.state for hello in setup.hellos[hello_count:] for report in hello.reports}
    assert SymbolState.CATCHING_UP in states
